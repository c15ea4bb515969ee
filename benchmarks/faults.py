"""Strike runs of a small project at random moments, go on, and compare with runs left alone.

Run: python benchmarks/faults.py [--count 204] [--seed 0] [--kinds kill,disk_full] [--work FOLDER]

Each injection starts a run (training, inference or the main job), strikes it once, and looks at
what is left: processes, messages, whether every catalog entry loads, whether the epochs, verdicts
and tracked metrics on disk are those of a run that nobody struck, and all that were there before.
Then the same command is given again. It has to go on where the files end, train no epoch and judge
no image twice, and end with the same results, bit for bit but for times.
A line is printed for each injection and appended to RESULTS in the work folder; the same command
with the same folder goes on after them.
A strike that came after the end of its run is none, and is made up for.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from fault_door import FaultyServer
from fault_kinds import (
    BEGUN,
    DATA,
    END_S,
    FIRST_NODE,
    KINDS,
    NEED_ROOT,
    Stage,
    find_faketime,
    start_kedro,
)
from fault_state import (
    VERDICTS,
    Saved,
    check_continued,
    check_nothing_lost,
    check_run,
    check_whole,
    find_bad_entries,
    find_leftovers,
    read_runs,
    read_saved,
    results_of,
)
from measuring import describe_machine
from project_copy import Command, lay_out_project, run_kedro

STORE = "mlflow.db"
PARAMETERS: dict[str, Any] = {
    "data": {"root": DATA},
    "demo_data": {
        "root": DATA,
        "train_images": 48,
        "val_images": 24,
        "test_images": 320,
        "image_size": 64,
        "num_workers": 0,
    },
    "ingestion": {"num_workers": 1},
    "model": {"backbone": "test_resnet"},
    "preprocessing": {"image_size": 64},
    "training": {
        "epochs": 5,
        "batch_size": 8,
        "num_workers": 0,
        "ema_decay": 0.99,
        "mixup_alpha": 0.2,
        "checkpoint_steps": 2,
        "resume": True,
    },
    "scoring": {"num_workers": 0, "batch_size": 16},
    "evaluation": {"num_resamples": 100},
    "robustness": {"num_images": 4},
    "inference": {"images": f"{DATA}/testset"},
}
_MAKE_STORE = """
from pathlib import Path
from face_forgery.config_loader import read_parameters
from face_forgery.hooks.store import open_store
from face_forgery.params import TrackingParams
values = read_parameters(Path("conf"))["tracking"] | {"tracking_uri": "sqlite:///mlflow.db"}
open_store(TrackingParams.model_validate(values), Path.cwd())
"""
RESULTS = "results.jsonl"
_ANEW = "training.resume=false"
_ROOM = "400m"
_NODE_SECONDS = re.compile(r"Done: .* nodes in ([\d.]+) s")
_NOT_TRACKED = "are not in the tracked run"
_NO_TRAINING = "inference"
# How a tracked run may be left by a run that was struck; nobody can end one after SIGKILL, and
# what cannot be written to a full disk cannot be recorded on it.
_ENDED_AS = {
    "kill": {"RUNNING"},
    "first_run": {"RUNNING"},
    "terminate": {"KILLED"},
    "interrupt": {"KILLED"},
    "disk_full": {"FAILED", "RUNNING"},
    "memory": {"FAILED", "RUNNING"},
}
_UNHEARD = ("kill", "first_run")  # SIGKILL
_ORPHANS_S = 60.0  # loader processes look every five seconds whether their parent is there


def main() -> None:
    """Make the projects, strike, and print the table."""
    options = _parse()
    kinds = _usable_kinds(options.kinds.split(","))
    work: Path = (options.work or Path(tempfile.mkdtemp(prefix="faults-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    machine = describe_machine("torch", "timm", "kedro", "mlflow")
    told = f"seed {options.seed}, {options.count} injections, results in {work}"
    print(f"{machine}\n{told}", flush=True)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # A shell starts background jobs with Ctrl-C ignored, which the runs would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    campaign = _Campaign(work, options.seed)
    results = work / RESULTS
    done = _read_results(results, options.seed)
    chosen: list[dict[str, Any]] = []
    try:
        while sum(result["struck"] for result in chosen) < options.count:
            number = len(chosen)
            kind = kinds[number % len(kinds)]
            if (number, kind) not in done:
                done[number, kind] = result = campaign.inject(number, kind)
                with results.open("a") as file:
                    file.write(json.dumps(result | {"machine": machine}) + "\n")
                print(_line(result), flush=True)
            chosen.append(done[number, kind])
    finally:
        campaign.close()
    print(_table([result for result in chosen if result["struck"]]))
    sys.exit(0 if all(result["survived"] for result in chosen) else 1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=204)
    parser.add_argument("--seed", type=int, default=0, help="of moments, targets and scenarios")
    parser.add_argument("--kinds", default=",".join(KINDS), help="comma-separated")
    parser.add_argument("--work", type=Path, help="kept; a stopped campaign goes on in it")
    return parser.parse_args()


def _usable_kinds(names: list[str]) -> list[str]:
    if unknown := set(names) - set(KINDS):
        sys.exit(f"unknown kind(s) {sorted(unknown)}; there are {', '.join(KINDS)}")
    if "clock" in names and find_faketime() is None:
        print("clock is left out: libfaketime is not installed")
        names = [name for name in names if name != "clock"]
    if set(names) & set(NEED_ROOT) and not _can_mount():
        print(f"{', '.join(NEED_ROOT)} are left out: mounting needs root")
        names = [name for name in names if name not in NEED_ROOT]
    return names


def _can_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", folder], check=True)
        return True


class _Campaign:
    """The whole projects, what runs of them end with, and the folder in which they are struck."""

    def __init__(self, work: Path, seed: int) -> None:
        self._seed = seed
        self._scratch, self._whole, self._struck = (
            work / name for name in ("scratch", "whole", "project")
        )
        for folder in (self._scratch, self._struck):
            folder.mkdir(exist_ok=True)
        self._server: FaultyServer | None = None
        self._expected: dict[str, dict[str, str]] = {}
        self._ends: dict[str, Saved] = {}
        self._seconds: dict[str, tuple[float, float]] = {}  # of the start, and of the nodes
        self._is_mounted = _can_mount()
        if self._is_mounted:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", self._struck]
            subprocess.run(mount, check=True)

    def close(self) -> None:
        """End the processes and give the disk back."""
        if self._server is not None:
            self._server.stop()
        if self._is_mounted:
            subprocess.run(["umount", "--lazy", self._struck], check=False)

    def inject(self, number: int, kind: str) -> dict[str, Any]:
        """Strike once, look, go on, compare."""
        rng = random.Random(f"{self._seed}/{number}/{kind}")
        strike, scenarios = KINDS[kind]
        scenario = rng.choice(scenarios)
        whole = self._whole_project(scenario)
        copy_project(whole, self._struck)
        for log in self._scratch.glob("*.log"):
            if log.stem != "server":
                log.unlink()
        if kind == "tracking" and self._server is None:
            self._server = FaultyServer(self._scratch)
        stage = Stage(
            project=self._struck,
            whole=whole,
            scratch=self._scratch,
            scenario=scenario,
            start_seconds=self._seconds[scenario][0],
            node_seconds=self._seconds[scenario][1],
            rng=rng,
            server=self._server,
            run_name=f"struck-{self._seed}-{number}-{time.monotonic_ns()}",
        )
        start = time.monotonic()
        try:
            self._strike_and_go_on(stage, kind, strike)
        except Exception:
            stage.problems.append(f"the campaign itself failed: {traceback.format_exc()[-1500:]}")
        for command in stage.started:
            command.kill()
        if stage.problems:
            self._keep_logs(number, kind)
        return {
            "seed": self._seed,
            "number": number,
            "kind": kind,
            "scenario": scenario,
            "moment": round(stage.moment, 2),
            "phase": stage.phase,
            "of": round(stage.phase_seconds, 2),
            "struck": stage.is_struck,
            "what": stage.what,
            "status": self._status,
            "message": self._message,
            "took": round(time.monotonic() - start, 1),
            "survived": not stage.problems,
            "problems": stage.problems,
        }

    def _keep_logs(self, number: int, kind: str) -> None:
        folder = self._scratch / f"failed_{number}_{kind}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for log in self._scratch.glob("*.log"):
            shutil.copy(log, folder)

    _status: int | None = None
    _message: str = ""

    def _strike_and_go_on(self, stage: Stage, kind: str, strike: Any) -> None:
        self._status, self._message = None, ""
        command = strike(stage)
        said = command.said()
        self._status, self._message = command.status, _last_words(said)
        if not stage.is_struck:
            self._learn_pace(stage.scenario, said)
        _look_for_orphans(stage, command)
        is_begun = BEGUN in said  # before that no line of the project has run
        if kind not in _UNHEARD and is_begun and "Traceback (most recent call last)" in said:
            stage.problems.append(f"a traceback: {_last_words(said)}")
        is_loss_meant = stage.is_loss_meant
        bad = [] if is_loss_meant else find_bad_entries(self._struck)
        stage.problems += [f"does not load: {entry}" for entry in bad]
        saved, end = read_saved(self._struck), self._ends[stage.scenario]
        if not is_loss_meant:
            stage.problems += check_whole(saved, end, struck_name=stage.struck_name)
            stage.problems += check_nothing_lost(stage.before, saved, said)
        if command.status == 0 and not is_loss_meant:
            self._compare(stage, "of the struck run", but=stage.struck_name and VERDICTS)
        history = [] if stage.scenario == _NO_TRAINING else end.history
        _check_struck_run(stage, kind, command, history, self._scratch)
        said = self._go_on(stage)
        if "anew" not in stage.what:
            stage.problems += check_continued(stage.scenario, saved, end, said)
        elif not is_loss_meant:
            stage.problems.append("the next run did not continue")
        # Weights of an epoch that the strike took are not made again where another is the best.
        self._compare(stage, "of the next run", but=(is_loss_meant and stage.struck_file) or None)
        if history and not (runs := read_runs(self._struck / STORE)):
            stage.problems.append("the next run was not tracked")
        elif history:
            stage.problems += check_run(runs[-1], history, whole=True)
            if runs[-1]["status"] != "FINISHED":
                stage.problems.append(f"the next run is tracked as {runs[-1]['status']}")
        stage.problems += [f"left over: {name}" for name in find_leftovers(self._struck)]

    def _learn_pace(self, scenario: str, said: str) -> None:
        """Go by a run that ended before its strike: the machine is faster than it was."""
        if found := _NODE_SECONDS.findall(said):
            start, of_nodes = self._seconds[scenario]
            ratio = float(found[-1]) / of_nodes
            self._seconds[scenario] = (start * ratio, of_nodes * ratio)

    def _compare(self, stage: Stage, whose: str, *, but: str | None = None) -> None:
        """Compare all results with those of a run left alone."""
        found, expected = results_of(self._struck), self._expected[stage.scenario]
        differing = sorted(
            name
            for name in {*found, *expected}
            if found.get(name) != expected.get(name) and (but is None or not but.endswith(name))
        )
        if differing:
            named = ", ".join(differing[:4])
            stage.problems.append(f"{len(differing)} result(s) {whose} differ: {named}")

    def _go_on(self, stage: Stage) -> str:
        """Give the same command again; start anew if the error says so. Return what it wrote."""
        log = self._scratch / "after.log"
        command = start_kedro(self._struck, stage.scenario, log)
        command.wait(END_S)
        if command.status and _ANEW in command.said():
            stage.what += "; started anew, as told"
            log.unlink()
            command = start_kedro(self._struck, stage.scenario, log, (_ANEW,))
            command.wait(END_S)
        if command.status != 0:
            command.kill()
            words = command.said().strip()[-700:]
            stage.problems.append(f"the next run ended in status {command.status}: {words}")
        return command.said()

    def _whole_project(self, scenario: str) -> Path:
        """Return a project in which ``scenario`` can begin; what it ends with is measured once."""
        whole = self._whole / scenario
        end = self._whole / f"{scenario}.end"
        if scenario in self._expected:
            return whole
        facts = self._whole / f"{scenario}.json"
        if not facts.exists():
            shutil.rmtree(whole, ignore_errors=True)
            self._prepare(scenario, whole)
            seconds = self._run_whole(scenario, whole)
            results = results_of(self._struck)
            copy_project(self._struck, end)
            facts.write_text(json.dumps({"seconds": seconds, "results": results}))
            told = f"{seconds[0]:.1f} s to its first node, {seconds[1]:.1f} s of nodes"
            print(f"{scenario}, left alone: {told}; {len(results)} results", flush=True)
        values = json.loads(facts.read_text())
        self._seconds[scenario] = tuple(values["seconds"])
        self._expected[scenario] = values["results"]
        self._ends[scenario] = read_saved(end)
        return whole

    def _run_whole(self, scenario: str, whole: Path) -> tuple[float, float]:
        """Run undisturbed; return the seconds up to the first node, and those of the nodes."""
        copy_project(whole, self._struck)
        log = self._scratch / f"whole_{scenario}.log"
        command = start_kedro(self._struck, scenario, log)
        command.wait_until(lambda: BEGUN in command.said())
        start = time.monotonic()
        command.wait_until(lambda: FIRST_NODE in command.said())
        seconds = time.monotonic() - start
        return seconds, float(_NODE_SECONDS.findall(command.succeed().said())[-1])

    def _prepare(self, scenario: str, whole: Path) -> None:
        log = self._scratch / "prepare.log"
        if scenario == "main":
            self._make_project(whole, log)
            return
        shutil.copytree(self._whole_project("main"), whole, symlinks=True)
        steps = {
            "training": "ingestion,splitting",
            "inference": "ingestion,splitting,training,evaluation",
        }
        run_kedro(whole, log, steps[scenario], tracking__enabled="false")

    def _make_project(self, folder: Path, log: Path) -> None:
        """Make a project with images of which two are none, and a store for where it is struck."""
        lay_out_project(folder, PARAMETERS)
        run_kedro(folder, log, "demo_data")
        images = folder / DATA / "testset"
        (images / "truncated.jpg").write_bytes(sorted(images.iterdir())[0].read_bytes()[:700])
        (images / "no_image.jpg").write_text("no image")
        copy_project(folder, self._struck)
        Command(["-c", _MAKE_STORE], self._struck, log).succeed()
        shutil.move(self._struck / STORE, folder / STORE)


def copy_project(source: Path, target: Path) -> None:
    """Have ``target`` be a copy of ``source``; the folder itself stays, it may be a mount."""
    target.mkdir(exist_ok=True)
    for entry in os.scandir(target):
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(path)
        else:
            path.unlink()
    shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)


def _check_struck_run(
    stage: Stage,
    kind: str,
    command: Command,
    history: list[dict[str, Any]],
    scratch: Path,
) -> None:
    """Look at what MLflow has of the struck run, which the next one does not touch."""
    is_lost_told = _NOT_TRACKED in command.said()
    if kind == "tracking":
        runs = read_runs(scratch / "server.db", stage.run_name)
        if not stage.is_away and command.status == 0:
            if [tracked["status"] for tracked in runs] != ["FINISHED"]:
                stage.problems.append(f"tracked as {[run['status'] for run in runs]}")
            if is_lost_told:
                stage.problems.append("the server was back, and not all was recorded")
    else:
        runs = read_runs(stage.project / STORE)
        ended_as = _ENDED_AS.get(kind, {"FAILED"}) if command.status else {"FINISHED"}
        if "Done: " in command.said():
            ended_as = {"FINISHED"} | ended_as  # struck on its way out
        if wrong := [r["status"] for r in runs[:1] if r["status"] not in ended_as]:
            stage.problems.append(f"status {command.status} is tracked as {wrong[0]}")
    if kind == "second_run" and stage.is_struck and len(runs) > 1:
        stage.problems.append("the refused run is tracked")
    for tracked in runs:
        is_whole = tracked["status"] == "FINISHED" and not is_lost_told
        stage.problems += check_run(tracked, history, whole=is_whole)


def _look_for_orphans(stage: Stage, command: Command) -> None:
    end = time.monotonic() + _ORPHANS_S
    while command.others() and time.monotonic() < end:
        time.sleep(0.1)
    if orphans := command.others():
        stage.problems.append(f"{len(orphans)} process(es) outlive the run")
        command.kill()


def _last_words(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("(traceback:")]
    return lines[-1][:300] if lines else ""


def _read_results(path: Path, seed: int) -> dict[tuple[int, str], dict[str, Any]]:
    if not path.exists():
        return {}
    results = [json.loads(line) for line in path.read_text().splitlines()]
    return {(r["number"], r["kind"]): r for r in results if r["seed"] == seed}


def _line(result: dict[str, Any]) -> str:
    verdict = "survived" if result["survived"] else f"FAILED: {'; '.join(result['problems'])}"
    return (
        f"{result['number']:4d} seed {result['seed']} {result['kind']:10s} {result['scenario']:9s} "
        f"at {result['moment']:5.1f} of {result['of']:.1f} s of its {result['phase']}, "
        f"{result['what']}: status {result['status']}, {result['took']:.0f} s; {verdict}"
    )


def _table(results: list[dict[str, Any]]) -> str:
    count = Counter(result["kind"] for result in results)
    survived = Counter(result["kind"] for result in results if result["survived"])
    rows = [f"| {kind} | {count[kind]} | {survived[kind]} |" for kind in KINDS if count[kind]]
    total = f"| all | {len(results)} | {sum(survived.values())} |"
    return "\n".join(["| kind | injections | survived |", "|---|---|---|", *rows, total])


if __name__ == "__main__":
    main()
