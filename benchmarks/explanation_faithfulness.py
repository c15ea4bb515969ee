"""Whether heat maps of a trained detector lie where an image was forged, and beat random maps.

Run: python benchmarks/explanation_faithfulness.py [--seeds 0 1] [--images 100] [--threads 1]

A narrow ResNet-18 is trained on drawn faces with all four kinds of forgery. Then faces that it has
not seen are forged in one known part: the mouth alone, the eyes alone, the inner face.
The first images that are found (score 0.5 or more) are explained: so many of the mouth as told,
a quarter of that of each other part. The table of forged part against top part of the page
would show a map that always says the same. The mouth's maps are checked by deletion and insertion
curves (Petsiuk et al. 2018, RISE: Randomized Input Sampling for Explanation of Black-box Models)
against random maps of the same images.
"""

import argparse
import io
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import torch
from measuring import describe_machine
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from face_forgery.config_loader import read_parameters
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import train_loader
from face_forgery.forgery.making.kinds import ForgingKind
from face_forgery.forgery.making.landmarks import Points, five_of
from face_forgery.forgery.rendering.demo_set import draw_row, forgery_of, plan_row, rendered_of
from face_forgery.inference.explanation.attribution import blur_away, heat_map
from face_forgery.inference.explanation.regions import (
    REGIONS,
    Landmarks,
    label_regions,
    measure_evidence,
)
from face_forgery.modeling.forward_path import measure_margins
from face_forgery.modeling.network import DetectorNetwork
from face_forgery.params import Parameters, check_parameters
from face_forgery.training.loop import train_epochs
from face_forgery.training.run import seed_torch
from face_forgery.training.state import build_state
from face_forgery.training.step_settings import StepSettings

Region = tuple[tuple[float, float], tuple[float, float]]  # middle and radii, see ellipse_mask

PARTS: dict[str, tuple[Region, ForgingKind]] = {  # and what is forged there
    "mouth": (((0.0, 1.06), (1.36, 0.60)), "talking_face"),
    "eyes": (((0.0, -0.06), (1.90, 0.52)), "attribute_edit"),
    "inner face": (((0.0, 0.45), (1.72, 1.12)), "face_swap"),
}
SIZE = 160  # pixels
NUM_TRAIN, NUM_HELD_OUT = 800, 200
STEPS = 8  # of a curve
CPU = torch.device("cpu")
_COARSE = 8  # cells a side of a random map: as smooth as a real one
CHANGES = {
    "model": {
        "backbone": "resnet18",
        "options": {"channels": [16, 32, 64, 128], "stem_width": 16},
    },
    "preprocessing": {"image_size": SIZE},
    "augmentation": {"horizontal_flip": 0.5},
    "training": {
        "epochs": 5,
        "batch_size": 32,
        "precision": "float32",
        "compile": False,
        "num_workers": 0,
    },
}


@dataclass(frozen=True, eq=False)
class Planted:
    """An image that was forged in one part of the face."""

    image: Tensor  # uint8 (3, S, S)
    mask: NDArray[np.bool_]  # (S, S): forged
    landmarks: Landmarks


def main() -> None:
    """Train and measure seed by seed."""
    options = _parse()
    torch.set_num_threads(options.threads)
    print(describe_machine("torch", "timm"))
    print(options, flush=True)
    for seed in options.seeds:
        start = time.perf_counter()
        network, separation = train(seed)
        seconds = time.perf_counter() - start
        print(f"seed {seed}: held-out AUC {separation:.3f} after {seconds:.0f} s")
        measure(network, seed, options.images)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--images", type=int, default=100, help="with a forged mouth")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def train(seed: int) -> tuple[DetectorNetwork, float]:
    """Train on drawn faces as the training pipeline does; return the network and its AUC."""
    values = read_parameters(Path("conf"))
    for section, changes in CHANGES.items():
        values[section] |= changes
    values["training"]["seed"] = seed
    params = check_parameters(values)
    seed_torch(seed)
    with TemporaryDirectory() as folder:
        loader = train_loader(_draw_training_set(Path(folder), seed, params), params.training)
        state = build_state(params.model, params.training, SIZE, len(loader), CPU)
        settings = StepSettings.of(params.training, CPU, len(loader))
        for _ in train_epochs(state, loader, settings, epochs=params.training.epochs):
            pass
    network = state.network.eval()
    drawn = [draw_row(plan_row(seed, "val", row), SIZE).jpeg for row in range(NUM_HELD_OUT)]
    targets = [plan_row(seed, "val", row).target for row in range(NUM_HELD_OUT)]
    images = torch.stack([_decode(content) for content in drawn])
    return network, roc_auc_score(targets, measure_margins(network, images, CPU))


def _draw_training_set(folder: Path, seed: int, params: Parameters) -> ImageDataset:
    plans = [plan_row(seed, "train", row) for row in range(NUM_TRAIN)]
    names = [f"{row}.jpg" for row in range(NUM_TRAIN)]
    for name, plan in zip(names, plans, strict=True):
        (folder / name).write_bytes(draw_row(plan, SIZE).jpeg)
    return ImageDataset(
        str(folder),
        paths=pa.array(names, type=pa.string()),
        targets=np.array([plan.target for plan in plans]),
        fingerprint="",  # nothing is resumed
        preprocessing=params.preprocessing,
        augmentation=params.augmentation,
        seed=seed,
    )


def measure(network: DetectorNetwork, seed: int, images: int) -> None:
    """Explain forgeries of every part and print what their maps say."""
    header = f"  {'forged':12s}{'found':>8s}{'point in':>10s}{'lift':>6s}"
    print(f"{header}  top part by density | by proportion")
    for part in PARTS:
        start = time.perf_counter()
        wanted = images if part == "mouth" else max(1, images // 4)
        tried, found = find_planted(network, part, seed, wanted)
        pairs = [(planted, heat_map(network, planted.image)) for planted in found]
        inside = np.mean([planted.mask.flat[heat.argmax()] for planted, heat in pairs])
        lift = np.mean([_lift(planted, heat) for planted, heat in pairs])
        density = Counter(top_part(planted, heat) for planted, heat in pairs)
        proportion = Counter(top_part(planted, heat, by="proportion") for planted, heat in pairs)
        print(
            f"  {part:12s}{f'{len(found)}/{tried}':>8s}{inside:10.0%}{lift:6.1f}  "
            f"{_counts(density)} | {_counts(proportion)}  ({time.perf_counter() - start:.0f} s)",
            flush=True,
        )
        if part == "mouth":
            print("    " + compare_with_random(network, pairs), flush=True)


def find_planted(
    network: DetectorNetwork, part: str, seed: int, wanted: int
) -> tuple[int, list[Planted]]:
    """Return how many forgeries were looked at, and the first ``wanted`` that are found."""
    found: list[Planted] = []
    for tried, planted in enumerate(plant(part, seed), start=1):
        if measure_margins(network, planted.image[None], CPU)[0] >= 0:
            found.append(planted)
        if len(found) == wanted or tried == 4 * wanted:
            return tried, found
    raise AssertionError("forgeries never end")


def plant(part: str, seed: int) -> Iterator[Planted]:
    """Draw, without end, faces of nobody in the training set that are forged in one part."""
    region, kind = PARTS[part]
    for row in count():
        plan = replace(plan_row(seed, "test", 2 * row), kind=kind, target=1)
        mask = forgery_of(plan, SIZE).mask > 0.5
        points = rendered_of(plan, SIZE).landmarks
        if (mask & ellipse_mask(points, region)).sum() > 0.6 * mask.sum():
            five = tuple((float(x), float(y)) for x, y in five_of(points))
            yield Planted(_decode(draw_row(plan, SIZE).jpeg), mask, five)


def ellipse_mask(points: Points, region: Region) -> NDArray[np.bool_]:
    """Return the pixels of a region; the eyes are at (-1, 0) and (1, 0), the mouth at (0, 1)."""
    five = five_of(points)
    eyes, mouth = five[:2].mean(axis=0), five[3:].mean(axis=0)
    axes = np.column_stack([(five[1] - five[0]) / 2, mouth - eyes])
    pixels = np.indices((SIZE, SIZE))[::-1].reshape(2, -1)
    middle, radii = (np.array(part)[:, None] for part in region)
    apart = np.linalg.inv(axes) @ (pixels - eyes[:, None]) - middle
    inside: NDArray[np.bool_] = (((apart / radii) ** 2).sum(axis=0) < 1).reshape(SIZE, SIZE)
    return inside


def top_part(planted: Planted, heat: NDArray[np.floating], by: str = "density") -> str:
    """Return the part of the face that the page would name first."""
    parts = measure_evidence(heat, label_regions(*heat.shape, planted.landmarks))
    return max(parts, key=lambda name: getattr(parts[name], by))


def compare_with_random(
    network: DetectorNetwork, pairs: list[tuple[Planted, NDArray[np.float32]]]
) -> str:
    """Say by how much insertion less deletion of the maps exceeds that of random maps."""
    own = np.array([measure_gap(network, planted.image, heat) for planted, heat in pairs])
    chance = np.array(
        [
            measure_gap(network, planted.image, random_map(len(heat), seed))
            for seed, (planted, heat) in enumerate(pairs)
        ]
    )
    better = own - chance
    half = 1.96 * better.std(ddof=1) / np.sqrt(len(better))
    return (
        f"gap {own.mean():.2f}, of random maps {chance.mean():.2f} logits; better by "
        f"{better.mean():.2f} ({better.mean() - half:.2f} to {better.mean() + half:.2f}); "
        f"above the random map in {np.mean(better > 0):.0%} of the images"
    )


def measure_gap(network: nn.Module, image: Tensor, heat: NDArray[np.floating]) -> float:
    """Return mean margin while more is shown less that while more is hidden, hottest pixels first.

    Args:
        network: As of ``heat_map``.
        image: What was explained, uint8 ``(3, S, S)``.
        heat: Its map, ``(S, S)``; high = speaks for a forgery. A faithful one has a large gap.
    """
    hidden = blur_away(image)
    order = np.argsort(-heat.ravel(), kind="stable")
    rank = torch.from_numpy(np.argsort(order, kind="stable")).reshape(heat.shape)
    tops = [rank < part * heat.size for part in np.linspace(0, 1, STEPS + 1)]
    deleted = torch.stack([torch.where(top, hidden, image) for top in tops])
    inserted = torch.stack([torch.where(top, image, hidden) for top in tops])
    margins = [measure_margins(network, images, CPU).mean() for images in (inserted, deleted)]
    return float(margins[0] - margins[1])


def random_map(side: int, seed: int) -> NDArray[np.float32]:
    """Return a map that knows nothing, ``(side, side)``, smooth as a real one."""
    coarse = torch.from_numpy(np.random.default_rng(seed).random((1, 1, _COARSE, _COARSE)))
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
    return np.asarray(smooth[0, 0].numpy(), dtype=np.float32)


def _lift(planted: Planted, heat: NDArray[np.floating]) -> float:
    """How many times its size the forged part holds of what speaks for a forgery."""
    positive = np.maximum(heat, 0)
    total = float(positive.sum())
    return float(positive[planted.mask].sum() / total / planted.mask.mean()) if total else 0.0


def _counts(tops: Counter[str]) -> str:
    total = sum(tops.values())
    return ", ".join(f"{name} {tops[name] / total:.0%}" for name in REGIONS if tops[name])


def _decode(content: bytes) -> Tensor:
    return torch.from_numpy(np.array(Image.open(io.BytesIO(content)))).permute(2, 0, 1)


if __name__ == "__main__":
    main()
