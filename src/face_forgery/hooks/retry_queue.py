"""What the tracking server did not take, kept and sent again."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

# Seconds without a new attempt after a failure: each costs the client's time-out while the server
# is gone.
_PAUSE_S = 300.0
_PATIENCE_S, _WAIT_S = 10.0, 1.0  # after which `flush` gives up, and between its attempts


class RetryQueue:
    """Sends at once and keeps what failed: tracking never stops the work.

    MLflow's own asynchronous logging drops what fails (docs/decisions/0020-retry-queue.md).
    """

    def __init__(self) -> None:
        self._kept: dict[str, Callable[[], None]] = {}
        self._paused_until = 0.0

    def send(self, name: str, call: Callable[[], None]) -> None:
        """Make the call now, after those that were kept; keep it if it raises an ``Exception``.

        A new call replaces a kept one of the same name.
        """
        self._kept.pop(name, None)
        self._kept[name] = call
        if time.monotonic() >= self._paused_until:
            self._try_kept(patience_s=0.0)

    def flush(self) -> dict[str, str]:
        """Try whatever is kept for a while; return name -> error of what could not be recorded."""
        end = time.monotonic() + _PATIENCE_S
        while True:
            errors = self._try_kept(patience_s=end - time.monotonic())
            if not self._kept or time.monotonic() + _WAIT_S > end:
                return {name: errors.get(name, "not tried again") for name in self._kept}
            time.sleep(_WAIT_S)

    def _try_kept(self, *, patience_s: float) -> dict[str, str]:
        errors: dict[str, str] = {}
        failed_s = 0.0
        for name, call in list(self._kept.items()):
            start = time.monotonic()
            try:
                call()
            except Exception as error:
                errors[name] = f"{type(error).__name__}: {error}"
                logger.warning(
                    "%s could not be tracked and will be tried again: %s", name, errors[name]
                )
                self._paused_until = time.monotonic() + _PAUSE_S
                failed_s += time.monotonic() - start
                if failed_s >= patience_s:
                    break
            else:
                del self._kept[name]
        return errors
