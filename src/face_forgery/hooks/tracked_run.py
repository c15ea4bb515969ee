"""One MLflow run: started, filled, ended."""

import logging
import time
import traceback
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from face_forgery.data.redaction import mask, mask_values
from face_forgery.hooks.declarations import Declaration, flatten, read_epochs, read_metrics
from face_forgery.hooks.outbox import Outbox
from face_forgery.hooks.store import import_mlflow, open_store
from face_forgery.params import TrackingParams

logger = logging.getLogger(__name__)

_MAX_TAG_CHARS = 5000
_START = "face_forgery.start"  # tag: the same in all runs that one start has made


class TrackedRun:
    """A run in the store, from its start on; every call but the start leaves errors to the outbox.

    Args:
        params: Where the run is recorded and what it is called.
        project_path: What relative places are relative to.
        run_name: Name of a new run; a reopened one keeps its own.
        outbox: Keeps what the store does not take.
    """

    def __init__(
        self, params: TrackingParams, project_path: Path, *, run_name: str, outbox: Outbox
    ) -> None:
        open_store(params, project_path)
        self._params, self._outbox = params, outbox
        self._mlflow = import_mlflow()
        start = uuid.uuid4().hex
        run = self._mlflow.start_run(
            run_id=params.run_id,
            run_name=None if params.run_id else params.run_name or run_name,
            tags=None if params.run_id else {_START: start},
            log_system_metrics=params.system_metrics,
        )
        self.run_id: str = run.info.run_id
        self._name = run.info.run_name
        self._recorded_params: dict[str, str] = run.data.params
        self._last_epoch = int(run.data.metrics.get("epoch", 0))
        self._epoch_ms: dict[int, int] = {}
        if params.run_id is None:
            experiment_id = run.info.experiment_id
            outbox.send("its doubles", lambda: self._delete_doubles(experiment_id, start))

    def _delete_doubles(self, experiment_id: str, start: str) -> None:
        """Delete runs without content that the start has made beside this one.

        The client asks for a run again when the answer was lost; the first one would run for ever.
        """
        client = self._mlflow.MlflowClient()
        for run in client.search_runs([experiment_id], f"tags.`{_START}` = '{start}'"):
            if run.info.run_id != self.run_id:
                client.delete_run(run.info.run_id)
                logger.warning(
                    "The answer to the start of the tracked run was lost, so there were two; the "
                    "empty one, %s, was deleted.",
                    run.info.run_id,
                )

    def describe(self, tags: Mapping[str, str], values: Mapping[str, Any]) -> None:
        """Record what the run was asked to do; errors are raised.

        Args:
            tags: Name -> text, cut visibly beyond 5,000 characters.
            values: The sections of the parameters that are used; passwords in URLs are masked.
                MLflow does not let a value change: in a reopened run a changed one becomes the
                tag ``changed.NAME``.
        """
        values = mask_values(values)
        wanted, recorded = flatten(values), self._recorded_params
        changed = {
            f"changed.{name}": f"{recorded[name]} -> {wanted[name]}"
            for name in sorted(wanted.keys() & recorded.keys())
            if recorded[name] != wanted[name]
        }
        tags = {name: _cut(text) for name, text in {**tags, **changed}.items()}
        self._mlflow.set_tags(tags)
        self._mlflow.log_params({n: wanted[n] for n in sorted(wanted.keys() - recorded.keys())})
        self._mlflow.log_dict(values, "parameters.json")

    def record(
        self, name: str, declared: Declaration, data: Any, *, location: Path, min_size: int
    ) -> None:
        """Record a saved value as its catalog entry declares.

        A number keeps its time when it is sent again: to MLflow it is then the same number, should
        the first attempt have arrived and only the answer been lost.

        Args:
            name: Of the catalog entry.
            declared: How the entry is recorded.
            data: The value that was saved.
            location: The file or folder that it was saved to.
            min_size: Pixels; a served detector refuses pictures with a shorter side.
        """
        now_ms = time.time_ns() // 10**6
        self._outbox.send(name, lambda: self._send(declared, data, location, min_size, now_ms))

    def _send(
        self, declared: Declaration, data: Any, location: Path, min_size: int, now_ms: int
    ) -> None:
        mlflow = self._mlflow
        match declared.kind:
            case "metrics":
                mlflow.log_metrics(read_metrics(data), run_id=self.run_id, timestamp=now_ms)
            case "epoch_metrics":
                for epoch, numbers in read_epochs(data, after=self._last_epoch):
                    since_ms = self._epoch_ms.setdefault(epoch, now_ms)
                    mlflow.log_metrics(numbers, step=epoch, run_id=self.run_id, timestamp=since_ms)
                    self._last_epoch = epoch
            case "artifact":
                mlflow.log_artifact(str(location), declared.folder, run_id=self.run_id)
            case "model":
                from face_forgery.serving.packaging import log_detector

                log_detector(location, min_size=min_size, register_as=self._params.register_model)

    def end(
        self, status: Literal["FINISHED", "FAILED", "KILLED"], error: Exception | None = None
    ) -> None:
        """Send what was kept, close the run, and say what is not in it.

        Args:
            status: What the store will say.
            error: Why the run failed: recorded as the tag ``error`` and the file ``error.txt``.
        """
        if error is not None:
            text = _cut(mask(f"{type(error).__name__}: {error}"))
            trace = mask("".join(traceback.format_exception(error)))
            self._outbox.send("the error", lambda: self._mlflow.set_tag("error", text))
            self._outbox.send("error.txt", lambda: self._mlflow.log_text(trace, "error.txt"))
        lost = self._outbox.flush()
        try:
            self._mlflow.end_run(status)
        except Exception as failure:
            lost[f"the status {status}"] = f"{type(failure).__name__}: {failure}"
        if lost:
            logger.error(
                "%d thing(s) are not in the tracked run %s; they are on disk all the same:\n%s",
                len(lost),
                self.run_id,
                "\n".join(f"  {what}: {why}" for what, why in lost.items()),
            )
        logger.info("Tracked as run %s (%s): %s", self._name, self.run_id, status)


def _cut(text: str) -> str:
    if len(text) <= _MAX_TAG_CHARS:
        return text
    return f"{text[:_MAX_TAG_CHARS]} ... ({len(text):,} characters)"
