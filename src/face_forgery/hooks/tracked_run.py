"""One MLflow run: started, described, filled, ended."""

import logging
import shlex
import sys
import time
import traceback
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import face_forgery as ff
from face_forgery.data.redaction import mask, mask_values
from face_forgery.datasets.code_version import CodeVersionDataset
from face_forgery.hooks.declarations import EPOCH, Declaration, flatten, read_epochs, read_metrics
from face_forgery.hooks.retry_queue import RetryQueue
from face_forgery.hooks.store import import_mlflow, open_store
from face_forgery.params import TrackingParams

logger = logging.getLogger(__name__)

_DIGEST_CHARS = 32  # MLflow takes 36
_NOTE_CHARS = 8000  # MLflow's own limit of a tag
_START = "face_forgery.start"  # tag: the same in all runs that one start has made


class TrackedRun:
    """A run in the store. Only its start and ``describe`` raise errors of the store.

    ``run_name`` is that of a new run; a reopened one keeps its own.
    """

    def __init__(self, params: TrackingParams, project_path: Path, *, run_name: str) -> None:
        open_store(params, project_path)
        self._params, self._queue = params, RetryQueue()
        self._mlflow = import_mlflow()
        start = uuid.uuid4().hex
        run = self._mlflow.start_run(
            run_id=params.run_id,
            run_name=None if params.run_id else params.run_name or run_name,
            tags=None if params.run_id else {_START: start},
        )
        self._info = run.info
        self._recorded_params: dict[str, str] = run.data.params
        self._last_epoch = int(run.data.metrics.get(f"{EPOCH}epoch", 0))
        self._epoch_ms: dict[int, int] = {}
        if params.run_id is None:
            self._queue.send("the search for a double", lambda: self._delete_doubles(start))

    def _delete_doubles(self, start: str) -> None:
        """Delete empty runs of the same start.

        The client asks for a run again when the answer was lost; the first one would run for ever.
        """
        client = self._mlflow.MlflowClient()
        same_start = f"tags.`{_START}` = '{start}'"
        for run in client.search_runs([self._info.experiment_id], same_start):
            if run.info.run_id != self._info.run_id:
                client.delete_run(run.info.run_id)
                logger.warning(
                    "The tracking server began two runs for this one; the empty one, %s, was "
                    "deleted.",
                    run.info.run_id,
                )

    def describe(self, run_params: dict[str, Any], values: Mapping[str, Any]) -> None:
        """Record what the run was asked to do, with passwords in URLs masked.

        MLflow does not let a parameter change: in a reopened run a changed one of ``values``
        becomes the tag ``changed.NAME``.
        """
        values = mask_values(values)
        wanted, recorded = flatten(values), self._recorded_params
        changed = {
            f"changed.{name}": f"{recorded[name]} -> {wanted[name]}"
            for name in sorted(wanted.keys() & recorded.keys())
            if recorded[name] != wanted[name]
        }
        self._mlflow.set_tags({**describe_run(run_params), **changed})
        self._mlflow.log_params({n: wanted[n] for n in sorted(wanted.keys() - recorded.keys())})
        self._mlflow.log_dict(values, "parameters.json")

    def record_input(self, name: str, manifest: Any, root: Path) -> None:
        """Record which images below ``root`` a node has read from the catalog entry ``name``."""
        subset = name.partition("_")[0]
        digest = ff.fingerprint_sets(**{subset: manifest})[:_DIGEST_CHARS]

        def send() -> None:
            from mlflow.data.meta_dataset import MetaDataset
            from mlflow.data.sources import LocalArtifactDatasetSource

            source = LocalArtifactDatasetSource(root.as_posix())
            images = MetaDataset(source, name=f"{root.name}-{subset}", digest=digest)
            self._mlflow.log_input(images, context=subset)

        self._queue.send(name, send)

    def record(
        self, name: str, declared: Declaration, data: Any, *, path: Path, min_size: int
    ) -> None:
        """Record ``data``, saved to ``path``, as its catalog entry declares.

        A number keeps its time when it is sent again, so that MLflow holds it once, should the
        first attempt have arrived and only the answer been lost. A served detector refuses images
        with a side of fewer than ``min_size`` pixels.
        """
        now_ms = time.time_ns() // 10**6
        self._queue.send(name, lambda: self._send(declared, data, path, min_size, now_ms))

    def _send(
        self, declared: Declaration, data: Any, path: Path, min_size: int, now_ms: int
    ) -> None:
        mlflow, run_id = self._mlflow, self._info.run_id
        if declared.group is not None:
            numbers = read_metrics(data, declared.group)
            mlflow.log_metrics(numbers, run_id=run_id, timestamp=now_ms)
        if declared.note:
            note = str(data) if len(data) <= _NOTE_CHARS else data[:_NOTE_CHARS].rpartition("\n")[0]
            mlflow.set_tag("mlflow.note.content", note)
        match declared.kind:
            case "epoch_metrics":
                for epoch, numbers in read_epochs(data, after=self._last_epoch):
                    since_ms = self._epoch_ms.setdefault(epoch, now_ms)
                    mlflow.log_metrics(numbers, step=epoch, run_id=run_id, timestamp=since_ms)
                    self._last_epoch = epoch
            case "artifact":
                mlflow.log_artifact(str(path), declared.folder, run_id=run_id)
            case "model":
                ff.log_detector(path, min_size=min_size, register_as=self._params.register_model)

    def end(
        self, status: Literal["FINISHED", "FAILED", "KILLED"], error: Exception | None = None
    ) -> None:
        """Send what was kept, close the run, and say what is missing from it.

        The ``error`` is recorded as the tag ``error`` and the file ``error.txt``.
        """
        if error is not None:
            text = mask(f"{type(error).__name__}: {error}")
            trace = mask("".join(traceback.format_exception(error)))
            self._queue.send("the error", lambda: self._mlflow.set_tag("error", text))
            self._queue.send("error.txt", lambda: self._mlflow.log_text(trace, "error.txt"))
        run_id, its_status = self._info.run_id, f"the status {status}"
        close = self._mlflow.MlflowClient().set_terminated
        self._queue.send(its_status, lambda: close(run_id, status))
        lost = self._queue.flush()
        with suppress(Exception):  # the status is recorded, or known to be lost
            self._mlflow.end_run(status)
        if lost:
            logger.error(
                "%d thing(s) are not in the tracked run %s; they are on disk all the same:\n%s",
                len(lost),
                run_id,
                "\n".join(f"  {what}: {why}" for what, why in lost.items()),
            )
        if its_status not in lost:
            logger.info("Tracked as run %s (%s): %s", self._info.run_name, run_id, status)


def describe_run(run_params: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a run: command, pipelines, environment, commit, versions."""
    code = {
        name: str(value)
        for name, value in CodeVersionDataset().load().items()
        if value is not None  # outside a git checkout
    }
    if "git_commit" in code:
        code["mlflow.source.git.commit"] = code["git_commit"]  # shown by MLflow's pages
    return {
        "kedro.run_id": run_params["run_id"],
        "kedro.version": run_params["kedro_version"],
        "kedro.pipelines": ",".join(run_params["pipeline_names"] or ["__default__"]),
        "kedro.env": run_params["env"] or "local",
        "command": mask(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])),
        **code,
    }
