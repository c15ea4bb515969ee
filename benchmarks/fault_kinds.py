"""What a run is struck with. Each kind strikes a run under way, and waits for its end."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from fault_door import FaultyServer
from fault_state import SAVED_FILES, Saved, read_saved
from project_copy import Command

END_S = 900.0  # a run that has not ended by then hangs, even on a machine that is busy
_SIGNAL_S = 180.0  # within which a signal has ended a run
DATA = "data/01_raw/small"
PIPELINES = {"training": "training", "inference": "inference", "main": "__default__"}
BEGUN, FIRST_NODE = "Kedro project", " 1/"  # what a run says when its lines and its nodes begin
# `kedro run`, with verdicts saved every 16 images: the shipped 1,024 are more than the small job.
_KEDRO = """
from face_forgery.inference.job import run_job
from kedro.framework.cli.cli import main
assert run_job.__kwdefaults__["part_size"]
run_job.__kwdefaults__["part_size"] = 16
main()
"""
_MOST = 0.9  # of the time that a run takes: a strike after its end is none
_CLOCKS = ("-400d", "-1h", "+1h", "+400d", "-3s", "+3s")


def start_kedro(
    project: Path, scenario: str, log: Path, params: tuple[str, ...] = (), **env: str
) -> Command:
    """Start ``kedro run`` of a scenario, with further parameters and variables."""
    arguments = ["-c", _KEDRO, "run", "--pipelines", PIPELINES[scenario]]
    if params:
        arguments += ["--params", ",".join(params)]
    return Command(arguments, project, log, **env)


@dataclass
class Stage:
    """Where one injection takes place, and what is known of it."""

    project: Path
    whole: Path  # what the project was copied from
    scratch: Path
    scenario: str
    start_seconds: float  # of an undisturbed run, from its first line to its first node
    node_seconds: float  # and for its nodes
    rng: random.Random
    server: FaultyServer | None
    run_name: str  # in the MLflow server
    started: list[Command] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    what: str = ""
    is_struck: bool = False
    before: Saved = field(default_factory=Saved)  # what was on disk just before the strike
    struck_file: str = ""  # of the project
    is_away: bool = False  # the MLflow server, until the run has ended
    moment: float = 0.0
    phase: str = "start"
    in_nodes: float = 0.8  # how often a strike comes after the first node has begun

    def start(self, *params: str, log: str = "struck.log", **env: str) -> Command:
        """Start the scenario's run, with further parameters."""
        command = start_kedro(self.project, self.scenario, self.scratch / log, params, **env)
        self.started.append(command)
        return command

    def wait_for_the_moment(self, command: Command, *, within_nodes: bool = False) -> bool:
        """Wait until a random moment; say whether the run is still there.

        One in five comes before the first node has begun, unless it has to be ``within_nodes``.
        """
        if within_nodes or self.rng.random() < self.in_nodes:
            self.phase = "nodes"
        first = FIRST_NODE if self.phase == "nodes" else BEGUN
        self.moment = self.rng.random() * _MOST * self.phase_seconds
        command.wait_until(lambda: first in command.said())
        self.is_struck = command.wait(self.moment) is None
        self.before = read_saved(self.project)
        return self.is_struck

    @property
    def phase_seconds(self) -> float:
        """What an undisturbed run takes for the phase in which this one is struck."""
        return self.node_seconds if self.phase == "nodes" else self.start_seconds

    @property
    def struck_name(self) -> str | None:
        """The image that was struck."""
        is_image = self.struck_file.startswith(DATA)
        return Path(self.struck_file).name if is_image else None

    @property
    def is_loss_meant(self) -> bool:
        """Whether the strike itself took away what had been saved."""
        return self.struck_file in SAVED_FILES

    def wait_for_the_end(self, command: Command, seconds: float = END_S) -> None:
        """Wait until the run has ended by itself; a run that does not is a problem."""
        if command.wait(seconds) is None:
            self.problems.append(f"did not end within {seconds:.0f} s")
            command.kill()


Strike = Callable[[Stage], Command]


def kill(stage: Stage) -> Command:
    """SIGKILL, of the run alone or of all its processes."""
    return _signal(stage, signal.SIGKILL)


def first_run(stage: Stage) -> Command:
    """SIGKILL in the first seconds of a project that has no store of runs yet."""
    (stage.project / "mlflow.db").unlink()
    stage.in_nodes = 0.0
    return _signal(stage, signal.SIGKILL)


def terminate(stage: Stage) -> Command:
    """SIGTERM, of the run alone or of all its processes."""
    process = _signal(stage, signal.SIGTERM)
    if process.status not in (0, 143, -signal.SIGTERM):
        stage.problems.append(f"SIGTERM ended in status {process.status}, not 143")
    return process


def interrupt(stage: Stage) -> Command:
    """Ctrl-C: SIGINT to all processes of the run."""
    process = _signal(stage, signal.SIGINT)
    if process.status not in (0, 1, 130, -signal.SIGINT):
        stage.problems.append(f"Ctrl-C ended in status {process.status}, not 1 or 130")
    return process


def _signal(stage: Stage, number: signal.Signals) -> Command:
    num_workers = stage.rng.choice((0, 0, 1, 2))
    params = [f"{name}.num_workers={num_workers}" for name in ("training", "scoring")]
    process = stage.start(*params)
    to_group = number == signal.SIGINT or stage.rng.random() < 0.5
    if stage.wait_for_the_moment(process):
        (os.killpg if to_group else os.kill)(process.pid, number)
        stage.wait_for_the_end(process, _SIGNAL_S)
    whom = "all processes" if to_group else "the main process"
    stage.what = f"{number.name} to {whom}, {num_workers} workers"
    return process


def disk_full(stage: Stage) -> Command:
    """No room on the disk that the project lies on; then room again."""
    process = stage.start()
    left = stage.rng.choice((0, 4, 64, 512)) * 1024
    ballast = stage.project / "ballast"
    if stage.wait_for_the_moment(process):
        _fill(ballast, left)
        stage.wait_for_the_end(process)
    ballast.unlink(missing_ok=True)
    stage.what = f"{left // 1024} KiB left"
    return process


def _fill(ballast: Path, left: int) -> None:
    """Take all room but ``left`` bytes, though the run takes some, too."""
    with ballast.open("wb") as file:
        size = shutil.disk_usage(ballast.parent).free - left
        while size > 0:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError:
                size -= 2**16
            else:
                return


def read_only(stage: Stage) -> Command:
    """A folder of the project becomes read-only (a bind mount), and writable again."""
    name = stage.rng.choice(_WRITTEN_BY[stage.scenario])
    folder = stage.project / name
    folder.mkdir(parents=True, exist_ok=True)
    process = stage.start()
    if stage.wait_for_the_moment(process):
        with _mounted_read_only(folder):
            stage.wait_for_the_end(process)
    stage.what = name
    return process


@contextmanager
def _mounted_read_only(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def vanish(stage: Stage) -> Command:
    """A file goes away: an image (it comes back afterwards), or what was saved."""
    return _strike_file(stage, lambda path: path.unlink(missing_ok=True), "gone")


def change(stage: Stage) -> Command:
    """A file is written over with something else (images are put right afterwards)."""
    image = sorted((stage.whole / DATA / "valset").iterdir())[0].read_bytes()
    content = stage.rng.choice((b"", b"\0" * 5000, image))

    def overwrite(path: Path) -> None:
        if path.exists():
            path.write_bytes(content)

    return _strike_file(stage, overwrite, f"{len(content)} other bytes")


def _strike_file(stage: Stage, strike: Callable[[Path], None], how: str) -> Command:
    names = _files_to_strike(stage)
    stage.struck_file = stage.rng.choice(names)
    path = stage.project / stage.struck_file
    process = stage.start()
    is_struck = stage.wait_for_the_moment(process)
    path = next(iter(stage.project.glob(stage.struck_file)), path)  # the name of a part is a glob
    was_there = path.exists()
    stage.is_struck = is_struck and was_there
    if is_struck:
        strike(path)
        stage.wait_for_the_end(process)
    origin = stage.whole / path.relative_to(stage.project)
    if origin.exists():
        shutil.copy2(origin, path)
    elif path.exists() and is_struck:
        path.unlink()  # as the error about a damaged file says
    stage.what = f"{path.relative_to(stage.project)} {how}{'' if was_there else ' (not there yet)'}"
    return process


def _files_to_strike(stage: Stage) -> list[str]:
    folders = {"inference": ["testset"], "training": ["trainset", "valset"]}.get(
        stage.scenario, ["trainset", "valset", "testset"]
    )
    images = [
        f"{DATA}/{folder}/{path.name}"
        for folder in folders
        for path in sorted((stage.whole / DATA / folder).iterdir())
    ]
    chosen = stage.rng.choices(images, k=4)
    saved = {"training": SAVED_FILES[:2], "inference": SAVED_FILES[2:]}
    return [*chosen, *saved.get(stage.scenario, [f"{DATA}/trainset_label.txt"])]


def worker(stage: Stage) -> Command:
    """A loader process dies by SIGKILL, as the kernel does when memory is short."""
    process = stage.start("training.num_workers=2", "scoring.num_workers=2")
    hit: list[int] = []
    if stage.wait_for_the_moment(process, within_nodes=True):
        end = time.monotonic() + stage.node_seconds
        while process.status is None and not hit and time.monotonic() < end:
            hit = stage.rng.sample(process.others(), 1) if process.others() else []
            time.sleep(0.01)
        stage.before = read_saved(stage.project)
        for pid in hit:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        stage.is_struck = bool(hit)
        stage.wait_for_the_end(process)
    stage.what = "a loader process" if hit else "no loader process was there"
    return process


def memory(stage: Stage) -> Command:
    """No more address space than the run has, and a little (RLIMIT_AS)."""
    process = stage.start()
    more = stage.rng.choice((0, 1, 8, 64)) * 2**20
    if stage.wait_for_the_moment(process):
        with suppress(OSError, IndexError):  # it has just ended
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + more
            resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, limit))
        stage.wait_for_the_end(process)
    stage.what = f"{more // 2**20} MiB more than it has"
    return process


def second_run(stage: Stage) -> Command:
    """The same command once more while the first one starts or runs: one of them is refused."""
    first = stage.start()
    stage.moment = stage.rng.random() * _MOST * stage.node_seconds
    first.wait(stage.moment)
    stage.before = read_saved(stage.project)
    second = stage.start(log="second.log")
    for process in (first, second):
        stage.wait_for_the_end(process)
    refused = [run for run in (first, second) if run.status != 0]
    stage.is_struck = bool(refused)
    if len(refused) == 2:
        stage.problems.append("both runs ended in an error")
    if refused and "is writing" not in refused[0].said():
        stage.problems.append(f"not refused: {refused[0].said().strip()[-300:]}")
    if refused and "Traceback" in refused[0].said():
        stage.problems.append("the refused run ended in a traceback")
    stage.what = f"{len(refused)} of two was refused"
    return second if first in refused else first


def tracking(stage: Stage) -> Command:
    """The MLflow server refuses, hangs, answers 500, breaks off or is slow, then is back."""
    assert stage.server is not None
    mode = stage.rng.choice(("refuse", "hang", "error", "cut", "slow"))
    is_back_early = stage.rng.random() < 0.5
    stage.server.mode = "pass"
    process = stage.start(
        "tracking.skip_pipelines=[]",
        f"tracking.run_name={stage.run_name}",
        MLFLOW_TRACKING_URI=stage.server.url,
    )
    start = time.monotonic()
    if stage.wait_for_the_moment(process):
        stage.server.mode = mode
        if is_back_early:
            process.wait(stage.rng.random() * stage.node_seconds)
            stage.is_away = process.status is not None
            stage.server.mode = "pass"
        else:
            stage.is_away = mode != "slow"
        stage.wait_for_the_end(process)
    late = time.monotonic() - start - stage.node_seconds
    stage.server.mode = "pass"
    if process.status != 0 and "cannot be tracked" not in process.said():
        stage.problems.append("tracking stopped the work")
    until = "back before the end" if is_back_early else "to the end"
    stage.what = f"server: {mode}, {until}; {late:+.0f} s"
    return process


def clock(stage: Stage) -> Command:
    """The clock jumps while the run goes on (libfaketime; monotonic time goes on as ever)."""
    jump = stage.rng.choice(_CLOCKS)
    times = stage.scratch / "faketime"
    times.write_text("+0")
    library = find_faketime()
    assert library is not None
    process = stage.start(
        LD_PRELOAD=str(library),
        FAKETIME_TIMESTAMP_FILE=str(times),
        FAKETIME_NO_CACHE="1",
        DONT_FAKE_MONOTONIC="1",
        FAKETIME_DONT_RESET="1",
        NO_FAKE_STAT="1",  # the times of files stay; Python would compile every module anew
    )
    if stage.wait_for_the_moment(process):
        times.write_text(jump)
        stage.wait_for_the_end(process)
    stage.what = f"by {jump}"
    if process.status != 0:
        stage.problems.append(f"status {process.status}")
    return process


def find_faketime() -> Path | None:
    """Return libfaketime, of Debian's package faketime."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found and sys.platform == "linux" else None


_PARTS = ("training", "inference")
_WITH_MAIN = (*_PARTS * 4, "main")
KINDS: dict[str, tuple[Strike, tuple[str, ...]]] = {
    "kill": (kill, _WITH_MAIN),
    "terminate": (terminate, _WITH_MAIN),
    "interrupt": (interrupt, _WITH_MAIN),
    "disk_full": (disk_full, _WITH_MAIN),
    "read_only": (read_only, _WITH_MAIN),
    "vanish": (vanish, _WITH_MAIN),
    "change": (change, _PARTS),
    "worker": (worker, _PARTS),
    "memory": (memory, _PARTS),
    "second_run": (second_run, _PARTS),
    "tracking": (tracking, _PARTS),
    "clock": (clock, _PARTS),
    "first_run": (first_run, _PARTS),
}
_WRITTEN_BY = {
    "training": ("data", "data/06_models", "data/08_reporting"),
    "inference": ("data", "data/07_model_output"),
    "main": ("data", "data/03_primary", "data/06_models", "data/08_reporting"),
}
NEED_ROOT = ("disk_full", "read_only")
