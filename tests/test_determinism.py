"""One seed, one result: the whole job with other workers, string hashes and listings of folders.

`tests/training/test_repeatability.py` has the parts, and says which calls make them repeatable.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from face_forgery.forgery.rendering.portraits import draw_portraits

NUM_REAL = NUM_FAKE = 40
SETTINGS = {
    "data.train_labels": "train",
    "data.train_images": "train",
    "data.val_labels": "null",
    "data.test_labels": "null",
    "model.backbone": "test_resnet",
    "preprocessing.image_size": 64,
    "splitting.val_fraction": 0.4,
    "splitting.holdout.by": "cluster",
    "splitting.holdout.num_clusters": 2,
    "splitting.holdout.min_images": 4,
    "augmentation.forgeries.proportion": 0.5,
    "augmentation.crop_scale": 0.7,
    "augmentation.color_jitter": 0.3,
    "augmentation.degradation": 0.7,
    "augmentation.jpeg": 0.5,
    "augmentation.blur": 0.5,
    "augmentation.noise": 0.5,
    "training.epochs": 2,
    "training.batch_size": 8,
    "training.sampling": "balanced",
    "training.mixup_alpha": 0.3,
    "training.cutmix_alpha": 0.3,
    "training.ema_decay": 0.9,
    "training.patience": 5,
    "evaluation.num_resamples": 100,
    "audit.num_folds": 2,
    "robustness.num_images": 4,
    "forging.root": "forged",
    "forging.landmarks": "landmarks.csv",
    "tracking.enabled": "false",
}
WORKERS = ("ingestion", "training", "scoring", "forging")
# Everything else has to be the same, byte for byte.
TIMES = {"seconds", "images_per_second"}  # of an epoch
OF_THE_RUN = {"num_workers"}  # parameters that a detector keeps with the others

LISTER = """
import os, random

_luck = random.Random(int(os.environ["LISTING"]))
_listdir, _scandir = os.listdir, os.scandir


class _Entries:
    def __init__(self, entries):
        with entries:
            found = list(entries)
        _luck.shuffle(found)
        self._rest = iter(found)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._rest)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self._rest = iter(())


def listdir(*place):
    found = _listdir(*place)
    _luck.shuffle(found)
    return found


os.listdir, os.scandir = listdir, lambda *place: _Entries(_scandir(*place))
"""


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Draw a folder a class, and landmarks of the real pictures."""
    folder = tmp_path_factory.mktemp("faces")
    portraits = draw_portraits(NUM_REAL + NUM_FAKE, seed=5)
    points = []
    for number, portrait in enumerate(portraits):
        image = Image.fromarray(portrait.pixels).resize((96, 96), Image.Resampling.BILINEAR)
        name = "real" if number < NUM_REAL else "fake"
        path = folder / "train" / name / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "fake":
            tint = np.array([40 * (number % 2), 0, 25])
            pixels = np.asarray(image).astype(np.int64) + tint
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(path)
        if name == "real":
            scale = 96 / np.array(portrait.pixels.shape[1::-1])
            xy = (portrait.landmarks + 0.5) * scale - 0.5
            places = {f"{axis}{i}": p[k] for i, p in enumerate(xy) for k, axis in enumerate("xy")}
            points.append({"img_name": f"train/real/{number:03d}.png", **places})
    pd.DataFrame(points).to_csv(folder / "landmarks.csv", index=False)
    (folder / "lister").mkdir()
    (folder / "lister" / "sitecustomize.py").write_text(LISTER)
    return folder


@pytest.fixture(scope="module")
def run(faces, tmp_path_factory, lay_out_project):
    """Return a function that runs the whole job, and gives name -> content of what it leaves."""

    def whole_job(num_workers: int, luck: int) -> dict[str, Any]:
        project = tmp_path_factory.mktemp("project")
        lay_out_project(project)
        shutil.copy(faces / "landmarks.csv", project)
        workers = {name: {"num_workers": num_workers} for name in WORKERS}
        (project / "conf" / "local" / "parameters.yml").write_text(json.dumps(workers))
        params = SETTINGS | {"data.root": faces}
        command = [sys.executable, "-m", "kedro", "run", "--pipelines", "__default__,forging"]
        paths = [str(faces / "lister"), *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [*command, "--params", ",".join(f"{k}={v}" for k, v in params.items())],
            cwd=project,
            env=os.environ
            | {"DO_NOT_TRACK": "true", "PYTHONHASHSEED": str(luck), "LISTING": str(luck)}
            | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        places = [path for name in ("data", "forged") for path in (project / name).rglob("*")]
        return {
            path.relative_to(project).as_posix(): _content(path)
            for path in sorted(places)
            if path.is_file()
        }

    return whole_job


def _content(path: Path) -> Any:
    """Return what a file holds, without what belongs to one run."""
    if path.suffix == ".json":
        return json.dumps(_without(json.loads(path.read_text()), TIMES | OF_THE_RUN))
    if path.suffix == ".md":
        return re.sub(r'"num_workers": \d+', "", path.read_text())
    if path.suffix == ".pt":
        state = torch.load(path, weights_only=True)
        return {name: _flat(_without(value, TIMES | OF_THE_RUN)) for name, value in state.items()}
    return path.read_bytes()


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if str(key).split(".")[-1] not in names}
        return {key: _without(item, names) for key, item in kept.items()}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


def _flat(value: Any) -> Any:
    """Return nested containers with the bytes of tensors."""
    if isinstance(value, torch.Tensor):
        return value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {key: _flat(item) for key, item in value.items()}
    return [_flat(item) for item in value] if isinstance(value, list) else value


@pytest.mark.long
def test_neither_workers_nor_hashes_nor_the_order_of_folders_change_a_file(run):
    first = run(num_workers=0, luck=0)
    for num_workers, luck in ((1, 1), (2, 2), (4, 3)):
        again = run(num_workers=num_workers, luck=luck)
        assert list(again) == list(first)
        assert [name for name in first if again[name] != first[name]] == []
