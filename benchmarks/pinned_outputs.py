"""Hashes of what the main job writes, to see whether a refactoring changed a result.

    python benchmarks/pinned_outputs.py --write    # before the change
    python benchmarks/pinned_outputs.py            # after it: compare

Three small seeded runs of ``__default__`` and ``inference``: the base recipe, and two that use most
of what training has. Hashes belong to a processor and versions: they stay in data, on this machine.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from project_copy import PROJECT, lay_out_project
from safetensors.numpy import load_file

PINS = PROJECT / "data/pinned_outputs.json"
VOLATILE = {"seconds", "images_per_second", "num_workers", "code_version", "data_fingerprint"}
OUTPUTS = (
    "03_primary/manifest.parquet",
    "05_model_input/train_manifest.parquet",
    "05_model_input/val_manifest.parquet",
    "06_models/detector/model.safetensors",
    "07_model_output/val_scores.parquet",
    "07_model_output/submission.csv",
    "07_model_output/predictions.csv",
    "08_reporting/audit.json",
    "08_reporting/breakdown.json",
    "08_reporting/calibration.json",
    "08_reporting/metrics.json",
    "08_reporting/operating_points.json",
    "08_reporting/robustness.json",
    "08_reporting/training_history.json",
)
SMALL = {
    "model.backbone": "test_resnet",
    "preprocessing.image_size": 64,
    "training.epochs": 2,
    "training.batch_size": 16,
    "training.num_workers": 2,
    "evaluation.num_resamples": 100,
    "audit.num_folds": 2,
    "robustness.num_images": 8,
    "inference.min_size": 32,
    "tracking.enabled": False,
}
RECIPES: dict[str, dict[str, Any]] = {
    "base": {},
    "rich": {
        "forging.landmarks": "landmarks.csv",
        "augmentation.forgeries.proportion": 0.5,
        "augmentation.crop_scale": 0.7,
        "augmentation.color_jitter": 0.3,
        "augmentation.degradation": 0.5,
        "training.sampling": "balanced",
        "training.accumulate": 2,
        "training.mixup_alpha": 0.3,
        "training.cutmix_alpha": 0.3,
        "training.label_smoothing": 0.1,
        "training.ema_decay": 0.9,
        "training.optimizer.layer_decay": 0.75,
        "training.loss.name": "focal",
        "scoring.tta": "flip",
    },
    "aligned": {"training.loss.alignment": 0.1, "model.input": "rgb_srm"},
}


def write_set(root: Path) -> None:
    """Write 96 training, 64 validation and 16 test images: noise in ten groups, fakes bluish."""
    rng = np.random.default_rng(0)
    points = []
    for folder, count in (("trainset", 96), ("valset", 64), ("testset", 16)):
        (root / folder).mkdir(parents=True)
        rows = []
        for number in range(count):
            target, name = int(rng.random() < 0.5), f"{folder}_{number:03d}.jpg"
            coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            coarse[..., 2] |= np.uint8(96 * target)
            image = Image.fromarray(coarse).resize((96, 96), Image.Resampling.BICUBIC)
            image.save(root / folder / name, quality=90)
            rows.append({"img_name": name, "target": target, "group": f"{folder} {number % 10}"})
            if target == 0 and folder == "trainset":
                xy = np.array([[34, 40], [62, 40], [48, 54], [38, 70], [58, 70]])
                xy = xy + rng.uniform(-2, 2, xy.shape)
                flat = {f"{axis}{i}": p[k] for i, p in enumerate(xy) for k, axis in enumerate("xy")}
                points.append({"img_name": f"{folder}/{name}", **flat})
        labels = pd.DataFrame(rows)
        if folder == "testset":
            labels[["img_name"]].to_csv(root / "testset_nolabel.txt", index=False)
        else:
            labels.to_csv(root / f"{folder}_label.txt", index=False)
    pd.DataFrame(points).to_csv(root / "landmarks.csv", index=False)


def run(recipe: str, folder: Path) -> dict[str, str]:
    """Run the main job in ``folder``; return output name -> hash of its content."""
    project = lay_out_project(folder / recipe, {})
    write_set(project / "set")
    settings = {**SMALL, **RECIPES[recipe], "data.root": "set", "inference.images": "set/testset"}
    if "forging.landmarks" in settings:
        settings["forging.landmarks"] = "set/landmarks.csv"
    params = ",".join(f"{name}={value}" for name, value in settings.items())
    command = [sys.executable, "-m", "kedro", "run", "--pipelines", "__default__,inference"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "true"}
    environment |= {"PYTHONPATH": str(project / "src")}
    log = (folder / f"{recipe}.log").open("w")
    with log:
        subprocess.run(
            [*command, "--params", params],
            cwd=project,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=True,
        )
    return {f"{recipe}/{name}": _hash(project / "data" / name) for name in OUTPUTS}


def _hash(path: Path) -> str:
    if path.suffix == ".safetensors":
        tensors = load_file(path)
        content = b"".join(name.encode() + tensors[name].tobytes() for name in sorted(tensors))
    elif path.suffix == ".parquet":
        content = pd.read_parquet(path).to_csv(float_format="%.17g").encode()
    elif path.suffix == ".json":
        content = json.dumps(_without(json.loads(path.read_text())), sort_keys=True).encode()
    else:
        content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key not in VOLATILE}
    return [_without(item) for item in value] if isinstance(value, list) else value


def main() -> int:
    """Write the hashes, or name those that differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the hashes of what there is")
    parser.add_argument("--keep", type=Path, help="a folder to work in and to leave")
    arguments = parser.parse_args()
    if not arguments.write and not PINS.exists():
        parser.error(f"{PINS} is missing: run with --write before the change")
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        found = {name: value for recipe in RECIPES for name, value in run(recipe, folder).items()}
    if arguments.write:
        PINS.write_text(json.dumps(found, indent=2) + "\n")
        return 0
    pinned = json.loads(PINS.read_text())
    changed = sorted(name for name in {*found, *pinned} if found.get(name) != pinned.get(name))
    for name in changed:
        print(f"{name}: was {pinned.get(name)}, is {found.get(name)}")
    print(f"{len(found) - len(changed)} of {len(found)} outputs as pinned")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
