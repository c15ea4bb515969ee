"""Runs of `kedro run` that can be struck: forked from a process that has imported everything."""

import atexit
import hashlib
import importlib
import logging
import os
import pickle
import pkgutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import face_forgery
from face_forgery.hooks.store import import_mlflow

_SETTINGS = {"face_forgery.settings", "face_forgery.__main__", "face_forgery.serving.page.__main__"}
_PART_SIZE = 16  # pictures; the shipped 1,024 would make one part of a small job


@dataclass
class KedroProcess:
    """A run under way, in a session and process group of its own."""

    pid: int
    log: Path
    status: int | None = None  # exit status; negative: the number of the signal that ended it

    def poll(self) -> int | None:
        """Return the status, ``None`` while it runs."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def wait(self, seconds: float) -> int | None:
        """Wait for the end, at most so long."""
        end = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        return self.status

    def kill(self) -> None:
        """End it, workers included."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait(10)

    def said(self) -> str:
        """Return what it has written."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def others(self) -> list[int]:
        """Return the processes of its session besides itself."""
        return [pid for pid in processes_of_session(self.pid) if pid != self.pid]


def processes_of_session(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, number = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):  # it has ended meanwhile
            continue
        if int(number) == session and state != "Z":
            found.append(int(folder.name))
    return found


def import_everything() -> None:
    """Import what a run imports, but for Kedro's settings, whose hooks belong to one process."""
    for module in pkgutil.walk_packages(face_forgery.__path__, "face_forgery."):
        is_optional = module.name.split(".")[1] in ("app", "serving", "cluster")
        if module.name not in _SETTINGS and not is_optional:
            importlib.import_module(module.name)
    for name in (
        *("kedro.framework.cli.cli", "kedro.framework.session", "kedro.runner"),
        *("mlflow", "mlflow.pyfunc", "timm", "matplotlib.pyplot", "pyarrow.parquet"),
        *("torch", "torchvision.transforms.v2", "sklearn.metrics", "safetensors.torch"),
        *("face_forgery.serving.packaging", "face_forgery.training.distributed.ray_training"),
        *("face_forgery.inference.ray_scoring", "sqlalchemy", "alembic", "captum.attr"),
        *("kedro_viz.integrations.kedro.hooks", "kedro_viz.launchers.cli", "pathspec", "antlr4"),
    ):
        importlib.import_module(name)
    import torch
    from PIL import Image

    Image.init()
    _warm_up_mlflow()
    torch.set_num_threads(1)
    torch.zeros(2, 2) @ torch.zeros(2, 2)
    assert threading.active_count() == 1, threading.enumerate()


def _warm_up_mlflow() -> None:
    """Have its tables mapped and its migrations imported, which takes every run seconds."""
    import_mlflow()  # which quietens it
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory() as folder:
        store = SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", f"{folder}/mlruns")
        store.get_experiment_by_name("none")
        store.engine.dispose()


def remember_configuration(folder: Path) -> None:
    """Have forked runs read the same configuration once: it takes a run a fourth of its time."""
    from face_forgery.config_loader import ProjectConfigLoader

    read = ProjectConfigLoader.__getitem__

    def remembered(loader: ProjectConfigLoader, key: str) -> Any:
        question = (key, loader.conf_source, loader.env, loader.runtime_params, _tracking_uri())
        file = folder / f"{key}_{hashlib.sha256(repr(question).encode()).hexdigest()[:16]}.pickle"
        if key not in ("parameters", "catalog"):
            return read(loader, key)
        if file.exists():
            return pickle.loads(file.read_bytes())  # noqa: S301  written below
        value = read(loader, key)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_bytes(pickle.dumps(value))
        partial.replace(file)
        return value

    ProjectConfigLoader.__getitem__ = remembered  # type: ignore[method-assign]


def _tracking_uri() -> str | None:
    return os.environ.get("MLFLOW_TRACKING_URI")


def start_forked(
    project: Path, arguments: list[str], log: Path, *, prepare: Callable[[], None] | None = None
) -> KedroProcess:
    """Start ``kedro run ARGUMENTS`` in ``project`` as a child of this process.

    Args:
        project: The working directory.
        arguments: Behind ``kedro run``.
        log: Takes what it writes.
        prepare: Called in the child before Kedro.
    """

    def run() -> None:
        sys.argv = ["kedro", "run", *arguments]
        _shorten_parts()
        if prepare is not None:
            prepare()
        from kedro.framework.cli.cli import main

        main()

    return call_forked(run, project, log)


def call_forked(call: Callable[[], None], folder: Path, log: Path) -> KedroProcess:
    """Call in a child process, which ends as a Python program ends."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return KedroProcess(pid, log)
    code = 1
    try:
        _become_a_program(folder, log)
        call()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def start_fresh(
    project: Path, arguments: list[str], log: Path, *, env: dict[str, str] | None = None
) -> KedroProcess:
    """Start ``kedro run ARGUMENTS`` as people do: a new interpreter that imports everything."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "kedro", "run", *arguments],
            cwd=project,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    process.returncode = 0  # KedroProcess waits for it
    return KedroProcess(process.pid, log)


def _become_a_program(folder: Path, log: Path) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(number, target)
    os.chdir(folder)
    logging.captureWarnings(True)


def _shorten_parts() -> None:
    from face_forgery.inference.job import run_job

    assert run_job.__kwdefaults__["part_size"]
    run_job.__kwdefaults__["part_size"] = _PART_SIZE
