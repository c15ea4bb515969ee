"""Whether heat maps of trained detectors lie where a picture was forged, and beat random maps.

Run: python benchmarks/explanation_faithfulness.py [--networks resnet18 vit] [--seeds 0 1]
     [--pictures 100] [--threads 1]

A narrow ResNet-18 is trained on drawn faces with all four kinds of forgery, a small ViT on drawn
faces with a grid anywhere. Then faces that neither has seen are forged in one known place: the
mouth alone, the eyes alone, the inner face.
The first pictures that are found (score 0.5 or more) are explained: so many of the mouth as told,
a quarter of that of each other place. The table of planted place against top part of the page
would show a map that always says the same. The mouth's maps are checked by deletion and insertion
curves against random maps of the same pictures.
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
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from PIL import Image
from place import describe_place
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from face_forgery.config_loader import read_parameters
from face_forgery.data.loading.image_rows import ImageRows
from face_forgery.data.loading.loaders import TrainBatches
from face_forgery.forgery.making.kinds import ForgingKind
from face_forgery.forgery.making.landmarks import Points, five_of
from face_forgery.forgery.rendering.demo_set import (
    SUBSETS,
    draw_row,
    forgery_of,
    plan_row,
    rendered_of,
)
from face_forgery.forgery.rendering.face_parameters import sample_face
from face_forgery.forgery.rendering.portraits import RenderedFace, render
from face_forgery.inference.explanation.attribution import blur_away, heat_map
from face_forgery.inference.explanation.regions import (
    REGIONS,
    Landmarks,
    label_regions,
    measure_evidence,
)
from face_forgery.modeling.forward_path import measure_margins
from face_forgery.modeling.network import DetectorNetwork
from face_forgery.params import (
    AugmentationParams,
    ModelParams,
    PreprocessingParams,
    TrainingParams,
)
from face_forgery.training.loop import train_epochs
from face_forgery.training.reproducible import seed_torch
from face_forgery.training.start import build_state
from face_forgery.training.step_settings import StepSettings

Region = tuple[tuple[float, float], tuple[float, float]]  # middle and radii, see ellipse_mask

PLACES: dict[str, tuple[Region, ForgingKind]] = {  # and what is forged there
    "mouth": (((0.0, 1.06), (1.36, 0.60)), "talking_face"),
    "eyes": (((0.0, -0.06), (1.90, 0.52)), "attribute_edit"),
    "inner face": (((0.0, 0.45), (1.72, 1.12)), "face_swap"),
}
HELD_OUT = 200
STEPS = 8  # of a curve
CPU = torch.device("cpu")
_COARSE = 8  # cells a side of a random map: as smooth as a real one


class Curves(NamedTuple):
    """Margins while more and more of an image is hidden, or shown, hottest pixels first.

    Source: Petsiuk et al. 2018, RISE: Randomized Input Sampling for Explanation of Black-box
    Models.
    """

    deletion: NDArray[np.float64]  # (T,), from the image to nothing of it
    insertion: NDArray[np.float64]  # (T,), from nothing of the image to all of it

    @property
    def gap(self) -> float:
        """Mean of insertion less mean of deletion, in logits; high: the map is faithful."""
        return float(self.insertion.mean() - self.deletion.mean())


def trace_curves(
    network: nn.Module, image: Tensor, heat: NDArray[np.floating], *, steps: int = 16
) -> Curves:
    """Hide and show parts of ``image``, uint8 ``(3, S, S)``, in the order of ``heat``, ``(S, S)``.

    Args:
        network: As ``heat_map``.
        image: What was explained.
        heat: Its map; high = speaks for a forgery.
        steps: T less 1.
    """
    hidden = blur_away(image)
    order = np.argsort(-heat.ravel(), kind="stable")
    rank = torch.from_numpy(np.argsort(order, kind="stable")).reshape(heat.shape)
    tops = [rank < part * heat.size for part in np.linspace(0, 1, steps + 1)]
    device = next(network.parameters()).device
    deleted = torch.stack([torch.where(top, hidden, image) for top in tops])
    inserted = torch.stack([torch.where(top, image, hidden) for top in tops])
    return Curves(
        measure_margins(network, deleted, device), measure_margins(network, inserted, device)
    )


def random_map(side: int, seed: int) -> NDArray[np.float32]:
    """Return a map that knows nothing, ``(side, side)``, smooth as a real one."""
    coarse = torch.from_numpy(np.random.default_rng(seed).random((1, 1, _COARSE, _COARSE)))
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
    return np.asarray(smooth[0, 0].numpy(), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Planted:
    """A picture that was forged in one place."""

    image: Tensor  # uint8 (3, S, S)
    mask: NDArray[np.bool_]  # (S, S): forged
    landmarks: Landmarks


class DemoForgeries:
    """The drawn set's: a donor's pixels with a seam, wrong light and a faint grid, as JPEG."""

    size = 160  # pixels

    def draw(self, seed: int, subset: str, row: int) -> tuple[bytes, int]:
        """Return an encoded picture and its target."""
        plan = plan_row(seed, subset, row)
        return draw_row(plan, self.size).jpeg, plan.target

    def plant(self, place: str, seed: int) -> Iterator[Planted]:
        """Draw, without end, faces of nobody in the training set that are forged in one place."""
        region, kind = PLACES[place]
        for row in count():
            plan = replace(plan_row(seed, "test", 2 * row), kind=kind, target=1)
            mask = forgery_of(plan, self.size).mask > 0.5
            points = rendered_of(plan, self.size).landmarks
            if (mask & ellipse_mask(points, region, self.size)).sum() > 0.6 * mask.sum():
                image = _decode(draw_row(plan, self.size).jpeg)
                yield Planted(image, mask, five_points(points))


class GridForgeries:
    """Only a red-green grid, over an ellipse anywhere in the face.

    The other forgeries a transformer does not learn from so few pictures.
    """

    size = 64  # pixels

    def draw(self, seed: int, subset: str, row: int) -> tuple[bytes, int]:
        """Return an encoded picture and its target."""
        rng = np.random.default_rng((seed, SUBSETS.index(subset), row // 2))
        picture = render(sample_face(rng), self.size)
        anywhere = (rng.uniform(-1.2, 1.2), rng.uniform(-1.0, 1.4)), (0.9, 0.6)
        mask = ellipse_mask(picture.landmarks, anywhere, self.size) & bool(row % 2)
        stored = io.BytesIO()
        Image.fromarray(self._mark(picture, mask, rng)).save(stored, "PNG")
        return stored.getvalue(), row % 2

    def plant(self, place: str, seed: int) -> Iterator[Planted]:
        """As of ``DemoForgeries``."""
        for row in count():
            rng = np.random.default_rng((seed, SUBSETS.index("test"), row))
            picture = render(sample_face(rng), self.size)
            mask = ellipse_mask(picture.landmarks, PLACES[place][0], self.size)
            image = torch.from_numpy(self._mark(picture, mask, rng)).permute(2, 0, 1)
            yield Planted(image, mask, five_points(picture.landmarks))

    def _mark(
        self, picture: RenderedFace, mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        grid = np.indices(mask.shape).sum(axis=0) // 2 % 2 * 2.0 - 1
        color = rng.uniform(0.06, 0.1) * np.array([1.0, -0.5, 0.0])[:, None, None]
        noise = rng.normal(0, 0.01, picture.image.shape)
        pixels = np.clip(picture.image + mask * grid * color + noise, 0, 1)
        return np.ascontiguousarray((255 * pixels).astype(np.uint8).transpose(1, 2, 0))


@dataclass(frozen=True)
class Recipe:
    """A network narrow enough for a CPU, what it learns from, and for how long."""

    backbone: str
    options: dict[str, Any]  # handed to timm.create_model
    forgeries: DemoForgeries | GridForgeries
    num_images: int
    epochs: int
    batch_size: int
    horizontal_flip: float


_VIT = {"patch_size": 8, "embed_dim": 64, "depth": 2, "num_heads": 2}
_MEAN_OF_TOKENS = {"global_pool": "avg", "class_token": False}
NETWORKS = {
    "resnet18": Recipe(
        "resnet18", {"channels": [16, 32, 64, 128], "stem_width": 16},
        DemoForgeries(), num_images=800, epochs=5, batch_size=32, horizontal_flip=0.5,
    ),
    "vit": Recipe(
        "vit_tiny_patch16_224", _VIT | _MEAN_OF_TOKENS,
        GridForgeries(), num_images=800, epochs=12, batch_size=16, horizontal_flip=0.0,
    ),
}  # fmt: skip


def main() -> None:
    """Train and measure network by network, seed by seed."""
    options = _parse()
    torch.set_num_threads(options.threads)
    print(describe_place("torch", "timm", "captum"))
    print(options, flush=True)
    for name in options.networks:
        for seed in options.seeds:
            start = time.perf_counter()
            network, separation = train(NETWORKS[name], seed)
            seconds = time.perf_counter() - start
            print(f"{name}, seed {seed}: held-out AUC {separation:.3f} after {seconds:.0f} s")
            measure(network, NETWORKS[name], seed, options.pictures)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--pictures", type=int, default=100, help="with a forged mouth")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def train(recipe: Recipe, seed: int) -> tuple[DetectorNetwork, float]:
    """Train on drawn faces as the training pipeline does; return the network and its AUC."""
    values = read_parameters(Path("conf"))
    changed = {"seed": seed, "epochs": recipe.epochs, "batch_size": recipe.batch_size}
    changed |= {"precision": "float32", "compile": False}
    training = TrainingParams.model_validate(values["training"] | changed)
    size = {"image_size": recipe.forgeries.size}
    preprocessing = PreprocessingParams.model_validate(values["preprocessing"] | size)
    flip = {"horizontal_flip": recipe.horizontal_flip}
    augmentation = AugmentationParams.model_validate(values["augmentation"] | flip)
    chosen = {"backbone": recipe.backbone, "options": recipe.options}
    model = ModelParams.model_validate(values["model"] | chosen)
    seed_torch(seed)
    with TemporaryDirectory() as folder:
        rows = _draw_training_set(Path(folder), seed, recipe)
        batches = TrainBatches(rows, preprocessing, augmentation, training.batch_size, seed, 0)
        length = len(batches.epoch(1))
        state = build_state(model, training, recipe.forgeries.size, length, CPU)
        settings = StepSettings.of(training, CPU, length)
        for _ in train_epochs(state, batches, settings, epochs=training.epochs):
            pass
    network = state.network.eval()
    return network, _held_out_auc(network, seed, recipe)


def _draw_training_set(folder: Path, seed: int, recipe: Recipe) -> ImageRows:
    names, targets = [], []
    for row in range(recipe.num_images):
        content, target = recipe.forgeries.draw(seed, "train", row)
        names.append(f"{row}.img")
        targets.append(target)
        (folder / names[-1]).write_bytes(content)
    return ImageRows(
        str(folder),
        paths=pa.array(names, type=pa.string()),
        targets=np.array(targets),
        fingerprint="",  # nothing is resumed
    )


def _held_out_auc(network: DetectorNetwork, seed: int, recipe: Recipe) -> float:
    drawn = [recipe.forgeries.draw(seed, "val", row) for row in range(HELD_OUT)]
    images = torch.stack([_decode(content) for content, _ in drawn])
    return roc_auc_score([target for _, target in drawn], measure_margins(network, images, CPU))


def measure(network: DetectorNetwork, recipe: Recipe, seed: int, pictures: int) -> None:
    """Explain forgeries of every place and print what their maps say."""
    header = f"  {'forged':12s}{'found':>8s}{'point in':>10s}{'lift':>6s}"
    print(f"{header}  top part by density | by share")
    for place in PLACES:
        start = time.perf_counter()
        wanted = pictures if place == "mouth" else max(1, pictures // 4)
        tried, found = find_planted(network, recipe.forgeries.plant(place, seed), wanted)
        heats = [heat_map(network, planted.image) for planted in found]
        pairs = list(zip(found, heats, strict=True))
        inside = np.mean([planted.mask.flat[heat.argmax()] for planted, heat in pairs])
        lift = np.mean([_lift(planted, heat) for planted, heat in pairs])
        density = Counter(top_part(planted, heat) for planted, heat in pairs)
        share = Counter(top_part(planted, heat, by="proportion") for planted, heat in pairs)
        print(
            f"  {place:12s}{f'{len(found)}/{tried}':>8s}{inside:10.0%}{lift:6.1f}  "
            f"{_counts(density)} | {_counts(share)}  ({time.perf_counter() - start:.0f} s)",
            flush=True,
        )
        if place == "mouth":
            print("    " + compare_with_random(network, pairs), flush=True)


def find_planted(
    network: DetectorNetwork, forgeries: Iterator[Planted], wanted: int
) -> tuple[int, list[Planted]]:
    """Return how many forgeries were looked at, and the first ``wanted`` that are found."""
    found: list[Planted] = []
    for tried, planted in enumerate(forgeries, start=1):
        if measure_margins(network, planted.image[None], CPU)[0] >= 0:
            found.append(planted)
        if len(found) == wanted or tried == 4 * wanted:
            return tried, found
    raise AssertionError("forgeries never end")


def top_part(planted: Planted, heat: NDArray[np.floating], by: str = "density") -> str:
    """Return the part of the face that the page would name first."""
    shares = measure_evidence(heat, label_regions(*heat.shape, planted.landmarks))
    return max(shares, key=lambda name: getattr(shares[name], by))


def compare_with_random(
    network: DetectorNetwork, pairs: list[tuple[Planted, NDArray[np.float32]]]
) -> str:
    """Say by how much insertion less deletion of the maps exceeds that of random maps."""
    own = np.array(
        [trace_curves(network, planted.image, heat, steps=STEPS).gap for planted, heat in pairs]
    )
    chance = np.array(
        [
            trace_curves(network, planted.image, random_map(len(heat), seed), steps=STEPS).gap
            for seed, (planted, heat) in enumerate(pairs)
        ]
    )
    better = own - chance
    half = 1.96 * better.std(ddof=1) / np.sqrt(len(better))
    return (
        f"gap {own.mean():.2f}, of random maps {chance.mean():.2f} logits; better by "
        f"{better.mean():.2f} ({better.mean() - half:.2f} to {better.mean() + half:.2f}); "
        f"above the random map in {np.mean(better > 0):.0%} of the pictures"
    )


def five_points(points: Points) -> Landmarks:
    """Return the points that ``label_regions`` wants."""
    return tuple((float(x), float(y)) for x, y in five_of(points))


def ellipse_mask(points: Points, region: Region, side: int) -> NDArray[np.bool_]:
    """Return the pixels of a region; the eyes are at (-1, 0) and (1, 0), the mouth at (0, 1)."""
    five = five_of(points)
    eyes, mouth = five[:2].mean(axis=0), five[3:].mean(axis=0)
    axes = np.column_stack([(five[1] - five[0]) / 2, mouth - eyes])
    pixels = np.indices((side, side))[::-1].reshape(2, -1)
    middle, radii = (np.array(part)[:, None] for part in region)
    apart = np.linalg.inv(axes) @ (pixels - eyes[:, None]) - middle
    inside: NDArray[np.bool_] = (((apart / radii) ** 2).sum(axis=0) < 1).reshape(side, side)
    return inside


def _lift(planted: Planted, heat: NDArray[np.floating]) -> float:
    """How many times its size the forged place holds of what speaks for a forgery."""
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
