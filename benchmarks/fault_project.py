"""A small copy of the project to be struck: made once, copied for each injection, compared."""

import hashlib
import json
import os
import select
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from fault_runs import KedroProcess, call_forked, start_forked
from project_copy import lay_out_project

from face_forgery.config_loader import read_parameters
from face_forgery.hooks.store import open_store
from face_forgery.params import TrackingParams

DATA = "data/01_raw/small"
STORE = "mlflow.db"
NUM_TEST = 320
PARAMETERS: dict[str, Any] = {
    "data": {"root": DATA},
    "demo_data": {
        "root": DATA,
        "train_images": 48,
        "val_images": 24,
        "test_images": NUM_TEST,
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
PIPELINES = {
    "training": ["--pipelines", "training"],
    "inference": ["--pipelines", "inference"],
    "main": [],
}
_LOOK_S = 300.0
_VOLATILE = ("seconds", "images_per_second", "code_version", "command", "git_dirty", "num_workers")


def make_project(folder: Path, log: Path, store: Path) -> None:
    """Make the project in ``folder``, with pictures of which some are no pictures.

    Args:
        folder: Must not exist.
        log: Takes what the runs write.
        store: The folder whose MLflow store it is to have: where a copy of it is struck.
    """
    lay_out_project(folder, PARAMETERS)
    run(folder, ["--pipelines", "demo_data"], log)
    pictures = sorted((folder / DATA / "testset").iterdir())
    (folder / DATA / "testset/no_picture.jpg").write_text("no picture")
    (folder / DATA / "testset/cut.jpg").write_bytes(pictures[0].read_bytes()[:700])
    params = TrackingParams.model_validate(_read_tracking(folder))
    process = call_forked(lambda: open_store(params, store), store, log)
    if process.wait(600) != 0:
        raise RuntimeError(f"no MLflow store: {process.said()[-3000:]}")
    shutil.move(store / STORE, folder / STORE)


def _read_tracking(project: Path) -> dict[str, Any]:
    values: dict[str, Any] = read_parameters(project / "conf")
    return values["tracking"] | {"tracking_uri": f"sqlite:///{STORE}"}


def run(project: Path, arguments: list[str], log: Path, seconds: float = 900) -> KedroProcess:
    """Run undisturbed; an error is one."""
    process = start_forked(project, arguments, log)
    if process.wait(seconds) != 0:
        process.kill()
        raise RuntimeError(f"{arguments}: status {process.status}\n{process.said()[-3000:]}")
    return process


def results_of(project: Path) -> dict[str, str]:
    """Return what a run has computed: name -> digest, without times."""
    data = project / "data"
    return {
        str(path.relative_to(data)): _digest(path)
        for pattern in (
            *("02_intermediate/*", "03_primary/*", "04_feature/*", "05_model_input/*"),
            *("06_models/*.json", "06_models/epochs/*", "06_models/detector/*"),
            "07_model_output/*",
            *("08_reporting/*.json", "08_reporting/*.csv", "08_reporting/*.parquet"),
        )
        for path in sorted(data.glob(pattern))
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


class Looker:
    """A process that knows the project's catalog, and says which of its entries do not load.

    Args:
        project: Where the project is; what lies in it may change.
        scratch: Takes its log.
    """

    def __init__(self, project: Path, scratch: Path) -> None:
        asked, self._ask = os.pipe()
        self._answered, answer = os.pipe()
        self._log = scratch / "looker.log"
        self._process = call_forked(
            lambda: _answer_questions(project, asked, answer, self._log), project, self._log
        )

    def find_bad_entries(self) -> list[str]:
        """Load every catalog entry that is there; return those that do not load, and why."""
        os.write(self._ask, b"?")
        if not select.select([self._answered], [], [], _LOOK_S)[0]:
            return [f"the catalog cannot be looked at: {self._log.read_text()[-1500:]}"]
        found: list[str] = json.loads(os.read(self._answered, 2**16))
        return found

    def stop(self) -> None:
        """End the process."""
        self._process.kill()


def _answer_questions(project: Path, asked: int, answer: int, log: Path) -> None:
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(project)
    with KedroSession.create(project) as session:
        catalog: Any = session.load_context().catalog
        while os.read(asked, 1):
            look = call_forked(lambda: _write(answer, json.dumps(_load_all(catalog))), project, log)
            look.wait(_LOOK_S)


def _write(descriptor: int, text: str) -> None:
    os.write(descriptor, text.encode()[: 2**15])


def _load_all(catalog: Any) -> list[str]:
    bad = []
    for name in [name for name in catalog if not name.startswith("param")]:
        dataset = catalog.get(name)
        try:
            if "Memory" not in type(dataset).__name__ and dataset.exists():
                _use(dataset.load())
        except Exception as error:
            bad.append(f"{name}: {type(error).__name__}: {error}"[:400])
    return bad[:5]


def _use(value: Any) -> None:
    """Read what an entry reads late."""
    if isinstance(value, dict):
        for item in value.values():
            if isinstance(item, Callable):  # type: ignore[arg-type]
                item()


def unowned_files(project: Path) -> list[str]:
    """Return what a run has left in ``data`` that belongs to no catalog entry."""
    data = project / "data"
    return sorted(
        str(path.relative_to(data))
        for path in data.rglob("*")
        if path.name not in (".gitkeep", ".runs")
        and (path.name.startswith(".") or ".partial" in path.name or ".begun" in path.name)
    )


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
