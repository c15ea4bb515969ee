"""What a run wants recorded, kept while the tracking server does not answer."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

_PAUSE_S = 300.0
_PATIENCE_S = 10.0


class Outbox:
    """Sends at once, keeps what failed, tries it again later: tracking never stops the work.

    Args:
        pause_s: Seconds without a new attempt after a failure; a server that is gone costs the
            client's own time-out on every attempt.
        patience_s: Seconds of failed attempts after which the last try of all is given up.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        *,
        pause_s: float = _PAUSE_S,
        patience_s: float = _PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pause_s, self._patience_s, self._clock = pause_s, patience_s, clock
        self._unsent: dict[str, Callable[[], None]] = {}
        self._silent_until = 0.0

    def send(self, what: str, call: Callable[[], None]) -> None:
        """Make the call now, after those kept from before; keep what fails.

        Args:
            what: Name of the thing; a newer call under the same name replaces a kept one.
            call: Does the recording; whatever ``Exception`` it raises is logged and held back.
        """
        self._unsent.pop(what, None)
        self._unsent[what] = call
        if self._clock() >= self._silent_until:
            self._attempt(patience_s=0.0)

    def flush(self) -> dict[str, str]:
        """Try once more whatever is kept, until failures have taken longer than the patience.

        Returns:
            Name -> error of everything that could not be recorded.
        """
        errors = self._attempt(patience_s=self._patience_s)
        return {what: errors.get(what, "not tried again") for what in self._unsent}

    def _attempt(self, *, patience_s: float) -> dict[str, str]:
        errors = {}
        failed_s = 0.0
        for what, call in list(self._unsent.items()):
            start = self._clock()
            try:
                call()
            except Exception as error:
                errors[what] = f"{type(error).__name__}: {error}"
                logger.warning(
                    "%s could not be tracked and will be tried again: %s", what, errors[what]
                )
                self._silent_until = self._clock() + self._pause_s
                failed_s += self._clock() - start
                if failed_s >= patience_s:
                    break
            else:
                del self._unsent[what]
        return errors
