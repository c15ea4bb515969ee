"""What the backbone that a run begins with sees in pictures: pooled features, made small."""

import hashlib
import json
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from face_forgery.data.images.face_table import squares_of
from face_forgery.data.labels.manifest import KEY
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader
from face_forgery.data.loading.workers import iterate
from face_forgery.data.splits.feature_table import FEATURE_COLUMNS
from face_forgery.modeling.factory import build_network
from face_forgery.modeling.forward_path import pick_device
from face_forgery.modeling.network import DetectorNetwork
from face_forgery.params import ModelParams, PreprocessingParams, ScoringParams
from face_forgery.progress import track
from face_forgery.training.run import seed_torch

logger = logging.getLogger(__name__)

_SOURCE = ["sha256", "made_by"]  # what features follow from
NUM_FEATURES = 64
"""Numbers kept of a picture, 256 bytes: a random projection keeps distances to about a tenth."""


def measure_features(
    manifest: pd.DataFrame,
    face_table: pd.DataFrame,
    known: pd.DataFrame | None,
    *,
    root: str,
    model: ModelParams,
    preprocessing: PreprocessingParams,
    scoring: ScoringParams,
    seed: int,
) -> pd.DataFrame:
    """Measure the features of pictures, but for those that are known already.

    The network is the one that training would begin with: the same starting weights, drawn by the
    same seed where they are random. Features are those that its head would get, on the unit
    sphere, projected to ``NUM_FEATURES`` dimensions where they have more. Pictures are streamed:
    what stays in memory is the table.

    Args:
        manifest: The columns of ``MANIFEST_COLUMNS``; every row must have a target.
        face_table: ``FACE_COLUMNS``: what is cut out of each picture.
        known: ``FEATURE_COLUMNS`` of an earlier run; ``None``: there was none.
        root: What ``path`` is relative to.
        model: Which network.
        preprocessing: The size that pictures are brought to.
        scoring: Batches and workers.
        seed: ``training.seed``.

    Returns:
        ``FEATURE_COLUMNS``, a row for each row of ``manifest`` in its order.

    Raises:
        ImageError: If a picture cannot be read any more.
    """
    seed_torch(seed)
    network = build_network(model, preprocessing.image_size)
    if not model.pretrained and model.weights is None:
        logger.warning(
            "Clusters come from a backbone with random weights, which sees colors and textures and "
            "little else; model.pretrained=true or model.weights makes better ones."
        )
    known = pd.DataFrame(columns=[*_SOURCE, "features"]) if known is None else known
    table = manifest[[*KEY, "sha256"]].assign(
        made_by=_makers(
            _fingerprint(network, model, preprocessing), squares_of(manifest, face_table)
        )
    )
    found = known.drop_duplicates(_SOURCE).set_index(_SOURCE)["features"].to_dict()
    source = pd.MultiIndex.from_frame(table[_SOURCE])
    is_new = np.array([key not in found for key in source]) & ~source.duplicated()
    if is_new.any():
        dataset = ImageDataset.of(manifest[is_new], root, preprocessing, face_table)
        loader = eval_loader(
            dataset, batch_size=scoring.batch_size, num_workers=scoring.num_workers
        )
        found |= dict(zip(source[is_new], _stream(network, loader, len(dataset)), strict=True))
    logger.info(
        "Features of %s pictures: %s measured, the others known.",
        f"{len(table):,}",
        f"{int(is_new.sum()):,}",
    )
    features = pd.Series([found[key] for key in source], index=table.index, dtype="object")
    return table.assign(features=features).astype(FEATURE_COLUMNS)


def _makers(network: str, squares: NDArray[np.int64] | None) -> str | list[str]:
    """Name what made the features of each picture: the network, and what was cut out."""
    if squares is None:
        return network
    return [f"{network} {left},{top},{side}" for left, top, side in squares.tolist()]


def _stream(network: DetectorNetwork, loader: DataLoader[Any], num_images: int) -> Iterator[bytes]:
    """Yield the features of one picture after the other."""
    device = pick_device()
    network.to(device).eval()
    tracked = track(
        iterate(loader),
        description="measuring features",
        total=num_images,
        count=lambda batch: len(batch[1]),
    )
    with torch.inference_mode():
        for images, _ in tracked:
            _, features = network.logits_and_features(images.to(device, non_blocking=True))
            for one in _project(features.float()):
                yield one.tobytes()


def _project(features: Tensor) -> NDArray[np.float32]:
    """Return ``(B, at most NUM_FEATURES)``; the directions follow from the number of features."""
    unit = torch.nn.functional.normalize(features).cpu()
    num_features = unit.shape[1]
    if num_features > NUM_FEATURES:
        generator = torch.Generator().manual_seed(num_features)
        directions = torch.randn(num_features, NUM_FEATURES, generator=generator)
        unit = unit @ directions / NUM_FEATURES**0.5
    projected: NDArray[np.float32] = unit.numpy().astype("<f4")
    return projected


def _fingerprint(
    network: DetectorNetwork, model: ModelParams, preprocessing: PreprocessingParams
) -> str:
    """Return one hash of all that features follow from, but for the pictures."""
    network_input = [
        model.backbone,
        model.options,
        model.input,
        model.truncate_after,
        preprocessing.model_dump(),
    ]
    digest = hashlib.sha256(json.dumps(network_input, default=str).encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
