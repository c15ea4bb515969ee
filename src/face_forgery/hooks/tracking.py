"""Tracking with MLflow: one tracked run for one `kedro run`, however it ends."""

import atexit
import logging
import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from face_forgery.data.redaction import mask
from face_forgery.hooks.declarations import Declaration, TrackingError, read_declaration
from face_forgery.hooks.store import import_mlflow
from face_forgery.hooks.tracked_run import TrackedRun
from face_forgery.params import TrackingParams

logger = logging.getLogger(__name__)


class TrackingHooks:
    """Record parameters by field, metrics while training runs, artifacts, models, and the end.

    A store that cannot be used is an error before any node runs. After that tracking never stops
    the work: what cannot be recorded is kept, tried again, and named at the end.
    """

    def __init__(self) -> None:
        self._run: TrackedRun | None = None
        self._process = os.getpid()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read the settings of tracking."""
        self._values: dict[str, Any] = context.config_loader["parameters"]
        self._params = TrackingParams.model_validate(self._values["tracking"])
        self._project_path = Path(context.project_path)

    @hook_impl
    def after_catalog_created(
        self, catalog: CatalogProtocol[Any, Any], conf_catalog: dict[str, Any]
    ) -> None:
        """Refuse a faulty declaration now, not when its entry is saved, hours later."""
        self._catalog = catalog
        for name, entry in conf_catalog.items():
            if isinstance(entry, dict):
                read_declaration(name, entry.get("metadata"))

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Start the tracked run, after every other check has passed."""
        names = run_params["pipeline_names"] or ["__default__"]
        if not self._params.enabled or set(names) <= set(self._params.skip_pipelines):
            return
        self._end_as_killed()  # what an interrupted run of this process left open
        self._inputs = set[str]()
        try:
            import_mlflow()  # first: see _end_when_the_process_does
            self._end_when_the_process_does()
            values = self._values_used_by(pipeline)
            trains = any(node.namespace == "training" for node in pipeline.nodes)
            name = name_run(names, values, trains=trains)
            self._run = TrackedRun(self._params, self._project_path, run_name=name)
            self._run.describe(run_params, values)
        except TrackingError:
            raise
        except Exception as error:
            self._end("FAILED", error)
            uri = self._params.tracking_uri
            start = "start the server, or " if uri.startswith("http") else ""
            if uri.startswith("sqlite:///"):
                file = uri.removeprefix("sqlite:///")
                start = f"delete {file} if a stopped run left it half made, without runs, or "
            raise TrackingError(
                f"{mask(f'the run cannot be tracked in {uri}: {error}')}\n"
                f"Remedies: {start}name another store with --params tracking.tracking_uri=..., or "
                "run without: --params tracking.enabled=false"
            ) from error
        except BaseException:  # Ctrl-C or SIGTERM, maybe before MLflow has said which run it is
            if self._run is None:
                import_mlflow().end_run("KILLED")
            raise

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Record the images that a node reads, once each."""
        if self._run is None or dataset_name in self._inputs:
            return
        if (declared := self._declared(dataset_name)) is not None and declared.kind == "input":
            self._inputs.add(dataset_name)
            root = self._project_path / self._values["data"]["root"]
            self._run.record_input(dataset_name, data, root.resolve())

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Record the value at once, as its catalog entry declares."""
        if self._run is None:
            return
        declared = self._declared(dataset_name)
        if declared is not None and declared.kind != "input":
            dataset: Any = self._catalog.get(dataset_name)
            self._run.record(
                dataset_name,
                declared,
                data,
                path=Path(str(dataset._filepath)),
                min_size=self._values["inference"]["min_size"],
            )

    @hook_impl
    def after_pipeline_run(self) -> None:
        """End the tracked run as FINISHED."""
        self._end("FINISHED")

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """End the tracked run as FAILED, with the error."""
        self._end("FAILED", error)

    def _declared(self, name: str) -> Declaration | None:
        return read_declaration(name, getattr(self._catalog.get(name), "metadata", None))

    def _values_used_by(self, pipeline: Pipeline) -> dict[str, Any]:
        used = {
            name.removeprefix("params:").split(".")[0]
            for name in pipeline.inputs()
            if name.startswith("params:")
        }
        return {name: value for name, value in self._values.items() if name in used}

    def _end(self, status: Any, error: Exception | None = None) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.end(status, error)
        if self._is_main_thread() and signal.getsignal(signal.SIGTERM) == self._on_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _end_when_the_process_does(self) -> None:
        """Make Ctrl-C and SIGTERM end the tracked run as KILLED; Kedro calls no hook for either.

        Functions registered with `atexit` run last in, first out: this one comes before MLflow's,
        which would say FINISHED and is registered when MLflow is imported. A run that a shell
        started in the background ignores Ctrl-C, as it should.
        """
        atexit.unregister(self._end_as_killed)
        atexit.register(self._end_as_killed)
        if self._is_main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def _end_as_killed(self) -> None:
        if os.getpid() == self._process:  # a forked worker owns no tracked run
            self._end("KILLED")

    def _on_sigterm(self, number: int, frame: FrameType | None) -> NoReturn:
        """Exit by an exception, with the status that a shell gives to a killed process."""
        if os.getpid() != self._process:
            os._exit(128 + number)
        raise SystemExit(128 + number)

    @staticmethod
    def _is_main_thread() -> bool:
        return threading.current_thread() is threading.main_thread()


def name_run(pipelines: list[str], values: dict[str, Any], *, trains: bool) -> str:
    """Return what ran: network, size and set where a detector is trained, else the pipelines.

    Example:
        >>> set_and_size = {"data": {"root": "data/demo"}, "preprocessing": {"image_size": 160}}
        >>> values = {"model": {"backbone": "resnet18"}, **set_and_size}
        >>> name_run(["training"], values, trains=True)
        'resnet18-160-demo'
        >>> name_run(["evaluation", "report"], set_and_size, trains=False)
        'evaluation+report'
    """
    if not trains or "model" not in values:
        return "+".join(pipelines).replace("__default__", "main")
    size, root = values["preprocessing"]["image_size"], Path(values["data"]["root"])
    return f"{values['model']['backbone']}-{size}-{root.resolve().name}"
