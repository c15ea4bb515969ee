"""What the backbone that a run begins with sees in images: pooled features, made small."""

import logging

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader
from face_forgery.data.loading.workers import iterate_tracked
from face_forgery.modeling.factory import build_network
from face_forgery.modeling.forward_path import pick_device
from face_forgery.params import ModelParams, PreprocessingParams, ScoringParams
from face_forgery.training.run import seed_torch

logger = logging.getLogger(__name__)

NUM_FEATURES = 64
"""Numbers kept of an image, 256 bytes: a random projection keeps distances to about a tenth."""


def measure_features(
    manifest: pd.DataFrame,
    face_table: pd.DataFrame,
    *,
    root: str,
    model: ModelParams,
    preprocessing: PreprocessingParams,
    scoring: ScoringParams,
    seed: int,
) -> NDArray[np.float32]:
    """Measure what the network that training would begin with sees in images.

    Features are those that its head would get, on the unit sphere, projected to ``NUM_FEATURES``
    dimensions where they have more. Every row of ``manifest`` must have a target; ``seed`` is that
    of ``training``, for starting weights that are random.

    Returns:
        ``(N, at most NUM_FEATURES)``, in the order of ``manifest``.

    Raises:
        ImageError: If an image cannot be read any more.
    """
    seed_torch(seed)
    device = pick_device()
    network = build_network(model, preprocessing.image_size).to(device).eval()
    if not model.pretrained and model.weights is None:
        logger.warning(
            "Clusters come from a backbone with random weights, which sees colors and textures and "
            "little else; model.pretrained=true or model.weights makes better ones."
        )
    dataset = ImageDataset.of(manifest, root, preprocessing, face_table)
    loader = eval_loader(dataset, batch_size=scoring.batch_size, num_workers=scoring.num_workers)
    batches = iterate_tracked(loader, "measuring features")
    with torch.inference_mode():
        seen = (network.logits_and_features(images.to(device))[1] for images, _ in batches)
        return np.concatenate([_project(features.float()) for features in seen])


def _project(features: Tensor) -> NDArray[np.float32]:
    """Return ``(B, at most NUM_FEATURES)``; the directions follow from the number of features."""
    unit = torch.nn.functional.normalize(features).cpu()
    num_features = unit.shape[1]
    if num_features > NUM_FEATURES:
        generator = torch.Generator().manual_seed(num_features)
        directions = torch.randn(num_features, NUM_FEATURES, generator=generator)
        unit = unit @ directions / NUM_FEATURES**0.5
    projected: NDArray[np.float32] = unit.numpy()
    return projected
