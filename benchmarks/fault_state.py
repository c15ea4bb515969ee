"""What a struck run has left on disk, and whether the next one goes on from there.

But for `find_bad_entries` the files are read without the project's datasets: what those overlook
shows here.
"""

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import chdir, closing
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from kedro.io import DataCatalog

from face_forgery.config_loader import CONFIG_LOADER_ARGS, ProjectConfigLoader

_STATE = "data/06_models/training_state.pt"
_WEIGHTS = "data/06_models/epochs"
_HISTORY = "data/08_reporting/training_history.json"
VERDICTS = "data/07_model_output/predictions.csv"
_BEGUN = f"{VERDICTS}.begun"
SAVED_FILES = (_STATE, f"{_WEIGHTS}/epoch_001.safetensors", f"{_BEGUN}/*-rows.csv")  # globs
_OF_TIME = ("seconds", "images_per_second")
_LAST_DIGITS = 1e-6
_EPOCH = re.compile(r"Epoch (\d+): loss")
_JUDGED = re.compile(r"judging: ([\d,]+) images")
_RESULTS = (
    *("02_intermediate/*", "03_primary/*", "04_feature/*", "05_model_input/*"),
    *("06_models/*.json", "06_models/epochs/*", "06_models/detector/*"),
    "07_model_output/*",
    *("08_reporting/*.json", "08_reporting/*.csv", "08_reporting/*.parquet"),
)
_VOLATILE = ("seconds", "images_per_second", "code_version", "command", "git_dirty", "num_workers")


def results_of(project: Path) -> dict[str, str]:
    """Return what a run has computed: name -> digest, without times."""
    data = project / "data"
    paths = sorted(path for pattern in _RESULTS for path in data.glob(pattern))
    return {
        str(path.relative_to(data)): _digest(path)
        for path in paths
        if path.is_file() and not path.name.startswith(".")
    }


def _digest(path: Path) -> str:
    if path.suffix == ".json":
        content = json.dumps(_lasting(json.loads(path.read_text())), sort_keys=True).encode()
    elif path.suffix == ".parquet":
        table = pd.read_parquet(path).drop(columns="changed_ns", errors="ignore")
        content = table.to_csv().encode()
    else:
        content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lasting(item) for name, item in value.items() if name not in _VOLATILE}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def find_bad_entries(project: Path) -> list[str]:
    """Load every catalog entry that is there; return those that do not load, and why."""
    bad = []
    loader = ProjectConfigLoader(str(project / "conf"), env="local", **CONFIG_LOADER_ARGS)
    with chdir(project):
        catalog: Any = DataCatalog.from_config(loader["catalog"])
        for name in catalog:
            dataset = catalog.get(name)
            try:
                if dataset.exists():
                    value = dataset.load()
                    for part in value.values() if isinstance(value, dict) else ():
                        if isinstance(part, Callable):  # type: ignore[arg-type]
                            part()  # what the entry reads late
            except Exception as error:
                bad.append(f"{name}: {type(error).__name__}: {error}"[:400])
    return bad[:5]


def find_leftovers(project: Path) -> list[str]:
    """Return the files in ``data`` that belong to no catalog entry."""
    data = project / "data"
    return sorted(
        str(path.relative_to(data))
        for path in data.rglob("*")
        if path.name not in (".gitkeep", ".runs")
        and (path.name.startswith(".") or ".partial" in path.name or ".begun" in path.name)
    )


@dataclass(frozen=True)
class Saved:
    """What is on disk of training and of a job of inference.

    Attributes:
        epoch: Whole epochs in the training state; 0 without one.
        batches: Of the epoch after it.
        of_state: The history in the training state, without times.
        history: The history on disk, without times.
        weights: Epoch -> digest of its file.
        begun: Header and verdicts that are whole of a job that has not ended; empty without one.
        verdicts: Header and verdicts of the table that takes its place at the end.
    """

    epoch: int = 0
    batches: int = 0
    of_state: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    weights: dict[int, str] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)

    @property
    def num_begun(self) -> int:
        """Verdicts of the job that has not ended."""
        return max(0, len(self.begun) - 1)


def read_saved(project: Path) -> Saved:
    """Read what ``project`` holds; a file that is not whole is an error."""
    state: dict[str, Any] = {}
    if (project / _STATE).exists():
        state = torch.load(project / _STATE, map_location="cpu", weights_only=True)
    history = project / _HISTORY
    verdicts = project / VERDICTS
    return Saved(
        epoch=state.get("epoch", 0),
        batches=state.get("progress", {}).get("num_batches", 0),
        of_state=_timeless(state.get("history", [])),
        history=_timeless(json.loads(history.read_text())) if history.exists() else [],
        weights={
            int(path.stem.removeprefix("epoch_")): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((project / _WEIGHTS).glob("epoch_*.safetensors"))
        },
        begun=_read_begun(project),
        verdicts=verdicts.read_text().splitlines() if verdicts.exists() else [],
    )


def _timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in _OF_TIME} for row in history]


def _read_begun(project: Path) -> list[str]:
    """Return the rows of the parts that follow one another; at the end they go one by one."""
    lines: list[str] = []
    for path in sorted(
        (project / _BEGUN).glob("*-rows.csv"), key=lambda path: path.name.split("-")[1]
    ):
        start, end = (int(digits) for digits in path.name.split("-")[1:3])
        try:
            header, *rows = path.read_text().splitlines()
        except FileNotFoundError:
            break
        if start != max(0, len(lines) - 1):
            break
        if len(rows) != end - start:
            raise ValueError(f"{path.name} holds {len(rows)} rows")
        lines += rows if lines else [header, *rows]
    return lines


def check_whole(saved: Saved, end: Saved, *, struck_name: str | None) -> list[str]:
    """Return what of ``saved`` is not a part of what an undisturbed run ends with.

    Args:
        saved: What a struck run has left.
        end: What a run that nobody struck has left.
        struck_name: An image that was struck; its verdict may be another one.
    """
    problems = []
    num_epochs = len(saved.history)
    if saved.history != end.history[:num_epochs]:
        problems.append(f"history of {num_epochs} epoch(s) is not that of a run left alone")
    if saved.of_state != end.history[: saved.epoch]:
        problems.append(f"the state of epoch {saved.epoch} has another history")
    if num_epochs - saved.epoch not in (0, 1):
        problems.append(f"state of epoch {saved.epoch} beside a history of {num_epochs}")
    if len(saved.weights) - num_epochs not in (0, 1):
        problems.append(f"{len(saved.weights)} weights beside a history of {num_epochs}")
    if saved.weights != {
        epoch: end.weights.get(epoch) for epoch in range(1, len(saved.weights) + 1)
    }:
        problems.append(
            f"weights of epochs {list(saved.weights)} are not those of a run left alone"
        )
    for name, rows in (("begun", saved.begun), ("verdicts", saved.verdicts)):
        if rows and not _are_same(rows, end.verdicts, struck_name, is_part=name == "begun"):
            problems.append(f"{name}: {len(rows) - 1} row(s) are not those of a run left alone")
    return problems


def _are_same(rows: list[str], whole: list[str], struck_name: str | None, is_part: bool) -> bool:
    """Compare verdicts; beside an image that was struck scores may differ in their last digits.

    A batch with an image less is multiplied in another order. An image that was gone before the
    folder was listed has no verdict.
    """
    if struck_name is None:
        return rows == (whole[: len(rows)] if is_part else whole)
    tables = [pd.read_csv(StringIO("\n".join(lines))) for lines in (rows, whole)]
    found, expected = (
        table[table["img_name"] != struck_name].reset_index(drop=True) for table in tables
    )
    if is_part:
        expected = expected[: len(found)]
    texts = [name for name in expected.columns if name != "y_pred"]
    return found[texts].equals(expected[texts]) and np.allclose(
        found["y_pred"], expected["y_pred"], rtol=0, atol=_LAST_DIGITS, equal_nan=True
    )


def check_nothing_lost(before: Saved, after: Saved, said: str) -> list[str]:
    """Return what was on disk ``before`` the strike, or finished by then, and is gone.

    Args:
        before: Read just before the strike.
        after: Read when the struck run had ended.
        said: What it wrote: an epoch that it reported may be lost while its state is saved, and
            no more than one.
    """
    problems = []
    if (after.epoch, after.batches) < (before.epoch, before.batches):
        problems.append(f"the state went back from epoch {before.epoch} to {after.epoch}")
    reported = [int(number) for number in _EPOCH.findall(said)]
    if reported and reported[-1] > after.epoch + 1:
        problems.append(f"epoch {reported[-1]} was reported, epoch {after.epoch} is on disk")
    if after.num_begun < before.num_begun and not after.verdicts:
        problems.append(f"of {before.num_begun} verdicts {after.num_begun} are left")
    if before.verdicts and not after.verdicts:
        problems.append("the whole table of verdicts is gone")
    return problems


def check_continued(scenario: str, saved: Saved, end: Saved, said: str) -> list[str]:
    """Return how the next run did something twice, or not at all.

    Args:
        scenario: What is run.
        saved: What the struck run had left.
        end: What a run that nobody struck has left.
        said: What the next run wrote.
    """
    if scenario == "inference":
        return _check_verdicts_continued(saved, end, said)
    problems = []
    last = len(end.history)
    trained = [int(number) for number in _EPOCH.findall(said)]
    if trained != list(range(saved.epoch + 1, last + 1)):
        problems.append(f"after epoch {saved.epoch} of {last} the next run trained {trained}")
    within = f" and {saved.batches} batches of the next" if saved.batches else ""
    expected = f"Continuing after epoch {saved.epoch}{within} of {last}."
    if saved.epoch == last:
        expected = "nothing is left to train"
    if (saved.epoch or saved.batches) and expected not in said:
        problems.append(f"the next run did not say: {expected}")
    return problems


def _check_verdicts_continued(saved: Saved, end: Saved, said: str) -> list[str]:
    problems = []
    if saved.num_begun and f"{saved.num_begun:,} of {len(end.verdicts) - 1:,} images" not in said:
        problems.append(f"the next run did not say that {saved.num_begun} verdicts are there")
    judged = sum(int(number.replace(",", "")) for number in _JUDGED.findall(said))
    left = len(end.verdicts) - 1 - saved.num_begun
    if judged != left:
        problems.append(f"{left} images were left, the next run judged {judged}")
    return problems


def read_runs(database: Path, name: str | None = None) -> list[dict[str, Any]]:
    """Return the runs of an MLflow store as they were begun, or those of one name.

    Each has ``status``, ``metrics`` (rows of key, step, value) and ``models`` (a number).
    """
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as store:
        (verdict,) = store.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise ValueError(f"{database}: {verdict}")
        runs = store.execute("SELECT run_uuid, name, status FROM runs ORDER BY rowid").fetchall()
        return [
            {
                "status": status,
                "metrics": store.execute(
                    "SELECT key, step, value FROM metrics WHERE run_uuid = ? ORDER BY step", (run,)
                ).fetchall(),
                "models": store.execute(
                    "SELECT COUNT(*) FROM logged_models WHERE source_run_id = ? AND status = 2",
                    (run,),
                ).fetchone()[0],
            }
            for run, run_name, status in runs
            if name in (None, run_name)
        ]


def check_run(run: dict[str, Any], history: list[dict[str, Any]], *, whole: bool) -> list[str]:
    """Return where a tracked run is not what was trained.

    Args:
        run: One of `read_runs`.
        history: What training ends with, without times.
        whole: Whether every epoch has to be there; otherwise any number of them.
    """
    problems = []
    steps = [(key, step) for key, step, _ in run["metrics"]]
    if twice := sorted({step for step in steps if steps.count(step) > 1}):
        problems.append(f"{len(twice)} metric(s) are recorded twice, such as {twice[0]}")
    expected = {(k, row["epoch"]): float(v) for row in history for k, v in row.items()}
    of_epochs = [(k.removeprefix("epoch/"), step, v) for k, step, v in run["metrics"] if step]
    found = {(k, step): v for k, step, v in of_epochs if k not in _OF_TIME}
    if wrong := [step for step, value in found.items() if expected.get(step) != value]:
        problems.append(f"{len(wrong)} metric(s) are not those of training, such as {wrong[0]}")
    if whole and (missing := sorted(expected.keys() - found.keys())):
        problems.append(f"{len(missing)} metric(s) are missing, such as {missing[0]}")
    if run["models"] > 1:
        problems.append(f"{run['models']} models are recorded")
    return problems
