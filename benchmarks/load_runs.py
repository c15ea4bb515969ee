"""`kedro run` over many images, and over many epochs: does what it holds stay level?"""

import json
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from load_sampling import (
    Sample,
    Verdict,
    median,
    second_half,
    slope,
    watch_run,
    write_samples,
)
from measuring import NUM_DRAWN, write_images
from ours import make_detector
from project_copy import kedro_arguments, lay_out_project

from face_forgery.data.images.inspection import inspect_image
from face_forgery.modeling.detector_folder import write_detector

BACKBONE, SIDE, INPUT = "test_resnet", 96, 32  # pixels of a file, and of the network's input
DATA = "data/01_raw/load"
BYTES_AN_IMAGE = 256  # that memory may grow by, beyond what a row of the result needs
KIB_AN_EPOCH = 16.0
FIRST_EPOCH = 100  # before it, caches fill
MIB_BEFORE = 64.0  # that they may take
_SLOT = 8  # bytes of an item in a list
HANDLES = 3  # the database is open at some looks, and not at others
EPOCHS_AT_THE_ENDS = 50  # that handles and threads are compared over


def write_distinct_images(folder: Path, count: int) -> None:
    """Write JPEGs of which no two have the same bytes: each has its number in a comment."""
    paths = write_images(folder, min(count, NUM_DRAWN), SIDE)
    drawn = [path.read_bytes() for path in paths]
    for number in range(count):
        data, comment = drawn[number % len(drawn)], b"%012d" % number
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        (folder / f"{number:06d}.jpg").write_bytes(data[:2] + segment + data[2:])


def ingest(work: Path, num_images: int, check: str) -> Verdict:
    """Watch `kedro run --pipelines ingestion`."""
    project = _project_with_images(work, num_images)
    name = f"ingestion_{check}"
    samples = _run(project, work, name, "ingestion", ingestion__check=check)
    manifest = pd.read_parquet(project / "data/03_primary/manifest.parquet")
    verdict = Verdict(name)
    verdict.equal("rows of the manifest", len(manifest), num_images)
    shutil.rmtree(project / "data/02_intermediate")  # the next one is to look again
    need = _bytes_of_a_row(next((project / DATA / "trainset").iterdir()))
    return _judge_images(verdict, samples, "inspect_images", num_images, need)


def infer(work: Path, num_images: int) -> Verdict:
    """Watch `kedro run --pipelines inference` with an untrained detector."""
    project = _project_with_images(work, num_images)
    detector = project / "data/06_models/detector"
    detector.mkdir(parents=True)
    write_detector(replace(make_detector(BACKBONE, INPUT), precision="float32"), detector)
    images = f"{DATA}/trainset"
    samples = _run(project, work, "inference", "inference", inference__images=images)
    with (project / "data/07_model_output/predictions.csv").open() as file:
        num_rows = sum(1 for _ in file) - 1
    verdict = Verdict("inference")
    verdict.equal("rows of the table", num_rows, num_images)
    return _judge_images(verdict, samples, "judge_images", num_images, 0)


def _judge_images(
    verdict: Verdict, samples: Sequence[Sample], node: str, num_images: int, need: int
) -> Verdict:
    """Judge the second half of a node's time, in which half of the images are looked at."""
    during = [sample for sample in samples if sample.stage == node]
    if len(during) < 4:
        sys.exit(f"{node} was over after {len(during)} s: too short to judge; give more --images")
    late = second_half(during)
    seconds = late[-1].seconds - late[0].seconds
    growth = slope(late, lambda sample: sample.seconds) * seconds * 2**20
    an_image = growth / (num_images / 2)
    verdict.facts |= {
        "images": num_images,
        "seconds of the run": samples[-1].seconds,
        f"seconds of {node}": round(2 * seconds),
        "allocated, median of the second half, MiB": median(late, "memory"),
        "allocated, peak of the run, MiB": max(sample.memory for sample in samples),
        "growth of the second half, MiB": round(growth / 2**20, 2),
        "needed by a row in memory, bytes": need,
    }
    verdict.hold(
        "growth beyond rows", an_image - need, at_most=BYTES_AN_IMAGE, unit="bytes an image"
    )
    for of in ("handles", "threads", "processes"):
        ends = [median(part, of) for part in (late[: len(late) // 2], late[len(late) // 2 :])]
        verdict.facts[of] = f"{ends[0]:g} in the third quarter, {ends[1]:g} in the last"
        verdict.hold(f"{of}, growth", ends[1] - ends[0], at_most=0)
    return verdict


def _bytes_of_a_row(image: Path) -> int:
    """Return what the facts of an image take, with their slot in a list, until the table is."""
    facts = inspect_image(image, check="headers")
    shared = range(-5, 257)  # numbers that Python has once
    own = [value for value in facts if isinstance(value, int) and value not in shared]
    assert facts.sha256 is not None
    return sum(map(sys.getsizeof, [facts, facts.sha256, *own])) + _SLOT


def _project_with_images(work: Path, num_images: int) -> Path:
    project = work / "images"
    folder = project / DATA / "trainset"
    if not folder.exists() or sum(1 for _ in folder.iterdir()) != num_images:
        lay_out_project(project, _image_parameters())
        write_distinct_images(folder, num_images)
        names = sorted(path.name for path in folder.iterdir())
        rows = "".join(f"{name},{number % 2}\n" for number, name in enumerate(names))
        (project / DATA / "trainset_label.txt").write_text(f"img_name,target\n{rows}")
    return project


def _image_parameters() -> dict[str, Any]:
    nothing = dict.fromkeys(("val_labels", "test_labels"))
    return {
        "data": {"root": DATA, **nothing},
        "ingestion": {"num_workers": 2},
        "scoring": {"num_workers": 2},
        "tracking": {"enabled": False},
    }


def soak(work: Path, epochs: int) -> Verdict:
    """Watch `kedro run --pipelines training` over many epochs, tracked in an SQLite database."""
    project = lay_out_project(work / "training", _training_parameters())
    for pipelines in ("demo_data", "ingestion,splitting"):
        _run(project, work, "preparation", pipelines)
    samples = _run(project, work, "training", "training", training__epochs=epochs)
    verdict = Verdict("training")
    history = json.loads((project / "data/08_reporting/training_history.json").read_text())
    verdict.equal("epochs in the history", len(history), epochs)
    verdict.equal("epochs tracked", _num_tracked(project, "train_loss"), epochs)
    _judge_soak(verdict, samples, epochs)
    verdict.facts |= _disk(project)
    return verdict


def _judge_soak(verdict: Verdict, samples: Sequence[Sample], epochs: int) -> None:
    training = [sample for sample in samples if sample.stage == "train_detector" and sample.done]
    first_epoch = min(FIRST_EPOCH, epochs // 5)
    early = [sample for sample in training if sample.done < first_epoch]
    late = [sample for sample in training if sample.done >= first_epoch]
    growth = slope(late, lambda sample: sample.done)
    verdict.facts |= {
        "first epoch judged": late[0].done,
        "seconds of the run": samples[-1].seconds,
        "seconds of training": round(training[-1].seconds - training[0].seconds),
        "resident, median, MiB": median(late, "resident"),
        "allocated at first, at last, MiB": [training[0].memory, training[-1].memory],
        "growth, MiB": round(growth * (late[-1].done - late[0].done), 2),
    }
    before = median(late[:30], "resident") - median(early[: max(len(early) // 20, 1)], "resident")
    what = f"rise before epoch {late[0].done}"
    verdict.hold(what, before, at_most=MIB_BEFORE, unit="MiB")
    what = f"growth from epoch {late[0].done}"
    verdict.hold(what, growth * 1024, at_most=KIB_AN_EPOCH, unit="KiB an epoch")
    last = [sample for sample in late if sample.done > late[-1].done - EPOCHS_AT_THE_ENDS]
    first = [sample for sample in late if sample.done < late[0].done + EPOCHS_AT_THE_ENDS]
    for of, most in (("handles", HANDLES), ("threads", 0), ("processes", 0)):
        ends = [median(part, of) for part in (first, last)]
        verdict.facts[of] = f"{ends[0]:g} at first, {ends[1]:g} at last"
        verdict.hold(f"{of}, growth", ends[1] - ends[0], at_most=most)


def _training_parameters() -> dict[str, Any]:
    return {
        "data": {"root": DATA},
        "demo_data": {
            "root": DATA,
            "train_images": 96,
            "val_images": 32,
            "test_images": 4,
            "image_size": 64,
            "num_workers": 2,
        },
        "model": {"backbone": BACKBONE},
        "preprocessing": {"image_size": INPUT},
        "training": {"batch_size": 16, "num_workers": 2, "ema_decay": 0.99, "mixup_alpha": 0.2},
        "scoring": {"num_workers": 1},
        "tracking": {"enabled": True, "tracking_uri": "sqlite:///mlflow.db"},
    }


def _num_tracked(project: Path, metric: str) -> int:
    with closing(sqlite3.connect(project / "mlflow.db")) as store:
        question = "SELECT COUNT(*) FROM metrics JOIN runs USING (run_uuid) WHERE key = ?"
        count: int = store.execute(f"{question} AND name = 'training'", (metric,)).fetchone()[0]
    return count


def _disk(project: Path) -> dict[str, Any]:
    paths = {
        "weights of the epochs": project / "data/06_models/epochs",
        "training state": project / "data/06_models/training_state.pt",
        "history": project / "data/08_reporting/training_history.json",
        "mlflow.db": project / "mlflow.db",
        "artifacts": project / "mlruns",
    }
    return {
        f"on disk, {name}, MB": round(_num_bytes(path) / 1e6, 2) for name, path in paths.items()
    }


def _num_bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _run(project: Path, work: Path, name: str, pipelines: str, **params: Any) -> list[Sample]:
    samples = watch_run(kedro_arguments(pipelines, **params), project, work / f"{name}.log")
    write_samples(work / f"{name}.csv", samples)
    return samples
