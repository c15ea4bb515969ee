"""A copy of the project to try things on, and commands that can be watched, struck and ended."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml

PROJECT = Path(__file__).parents[1]
KEDRO_RUN = ("-m", "kedro", "run")


def lay_out_project(folder: Path, parameters: Mapping[str, Any]) -> Path:
    """Copy what a run needs, without data and without the settings of whoever works here.

    Args:
        folder: Emptied if it is there.
        parameters: What differs from ``conf/base``, by section; may be empty.
    """
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("local", "__pycache__")
    for name in ("conf", "src"):
        shutil.copytree(PROJECT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder / name)
    local = folder / "conf/local"
    local.mkdir()
    (local / "parameters.yml").write_text(yaml.safe_dump(dict(parameters)))
    return folder


class Command:
    """A Python command under way, in a session of its own, whose output goes to a file.

    Args:
        arguments: Behind ``python``.
        folder: The working directory.
        log: Takes what it writes, after what is there.
        env: Variables to add to the environment.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, log: Path, **env: str) -> None:
        self.log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env=os.environ | env,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def status(self) -> int | None:
        """Exit status, or less the number of the signal that ended it; ``None`` while it runs."""
        return self._process.poll()

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for the end, at most so long, and return the status."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def wait_until(self, is_so: Callable[[], bool], seconds: float = 900.0) -> bool:
        """Wait until something is so, or the command has ended; say whether it is so."""
        end = time.monotonic() + seconds
        while not is_so():
            if self.status is not None or time.monotonic() > end:
                return is_so()
            time.sleep(0.02)
        return True

    def succeed(self, seconds: float | None = None) -> Self:
        """Wait for the end; any status but 0 is an error."""
        if self.wait(seconds) != 0:
            self.kill()
            words = self.said()[-3000:]
            raise RuntimeError(f"{self._process.args}: status {self.status}\n{words}")
        return self

    def kill(self) -> None:
        """End it and its children, if they have not ended."""
        for pid in [*self.others(), *([self.pid] if self.status is None else [])]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.wait(10)

    def said(self) -> str:
        """Return what it has written."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def others(self) -> list[int]:
        """Return the processes of its session besides itself that have not ended."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            except (OSError, ValueError):  # it has ended meanwhile
                continue
            if int(session) == self.pid and state != "Z" and folder.name != str(self.pid):
                found.append(int(folder.name))
        return found


def run_kedro(project: Path, log: Path, pipelines: str = "__default__", **params: Any) -> Command:
    """Run ``kedro run`` to its end; keywords are parameters, with ``__`` for the dot."""
    return Command(kedro_arguments(pipelines, **params), project, log).succeed()


def kedro_arguments(pipelines: str, **params: Any) -> list[str]:
    """Return the arguments of Python for ``kedro run``; keywords as of ``run_kedro``."""
    given = ",".join(f"{name.replace('__', '.')}={value}" for name, value in params.items())
    return [*KEDRO_RUN, "--pipelines", pipelines, *(["--params", given] if given else [])]


def free_port() -> int:
    """Return a port at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Say whether something listens at ``port`` of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
