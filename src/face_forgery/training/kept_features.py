"""Features of a frozen backbone, computed once: what a linear probe is trained on.

A probe sees them standardized: of features as they are, the optimizer learns those of the largest
scale first, and weight decay binds the others more. `weights_of_raw_features` undoes it.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from face_forgery.data.labels.manifest import FAKE
from face_forgery.data.loading.image_dataset import ImageDataset, Key
from face_forgery.data.loading.loaders import key_loader
from face_forgery.data.loading.workers import iterate_tracked, load_in_workers
from face_forgery.modeling.detector import BackboneError
from face_forgery.modeling.forward_path import device_of
from face_forgery.modeling.network import DetectorNetwork, heads_of
from face_forgery.training.step_settings import StepSettings
from face_forgery.training.training_data import Run

_EQUAL = 1e-6  # of the mean: differences of float32


class FeatureDataset(Dataset[tuple[Tensor, int]]):
    """The features of an `ImageDataset` by its keys: ``(float32 (B, F), int64 (B,))`` a batch.

    Of each, ``mean`` is subtracted, and it is divided by ``deviation``, ``(F,)`` both.
    ``features`` are ``(N, F)`` of each view, of all images and, after them, of all that can be
    forged. Epoch 1 shows the first view of an image, epoch 2 the second, and so on in turn; an
    image that comes again within an epoch the next one. A key of one number is an image.
    """

    def __init__(
        self,
        images: ImageDataset,
        features: Sequence[NDArray[np.float32]],
        mean: NDArray[np.float32],
        deviation: NDArray[np.float32],
    ) -> None:
        self.targets, self.videos = images.targets, images.videos
        self.mean, self.deviation = mean, deviation
        self._features = features
        rows = _forged_rows(images)
        self._classes = np.concatenate([images.targets, np.full(len(rows), FAKE)])
        self._forged = rows + len(images)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitems__(self, keys: list[Key | int]) -> tuple[Tensor, Tensor]:
        """Return a batch."""
        whole = [key if isinstance(key, tuple) else (1, key) for key in keys]
        views = np.array([epoch - 1 + sum(again) for epoch, _, *again in whole])
        indices = np.array([key[1] for key in whole])
        is_forged = indices >= len(self)
        indices[is_forged] = len(self) + np.searchsorted(self._forged, indices[is_forged])
        features = np.empty((len(keys), self._features[0].shape[1]), dtype=np.float32)
        for number, of_view in enumerate(self._features):
            is_chosen = views % len(self._features) == number
            features[is_chosen] = of_view[indices[is_chosen]]
        features -= self.mean
        features /= self.deviation
        return torch.from_numpy(features), torch.from_numpy(self._classes[indices])


def keep_features(run: Run, network: DetectorNetwork, settings: StepSettings) -> Run:
    """Return ``run`` with loaders of features in the place of images.

    They are computed here: of training ``training.feature_views`` changed copies of every image, in
    the precision of training, of validation the images as they are scored; both are standardized
    by the first copies of training. They lie in files that nobody sees and that are gone when the
    process is. ``network`` maps them to logits, as it does images, and its head is to be trained.

    Raises:
        BackboneError: If logits are not what the head makes of the features, by weights and a bias.
        ImageError: If an image cannot be decoded.
    """
    train_loader, val_loader = run.train_loader, run.val_loader
    images: Any = train_loader.dataset
    val_images: Any = val_loader.dataset
    indices = [*range(len(images)), *(_forged_rows(images) + len(images)).tolist()]
    with settings.autocast():
        of_training = [
            _compute(network, train_loader, [(view, index) for index in indices], f", view {view}")
            for view in range(1, run.training.feature_views + 1)
        ]
    of_validation = [_compute(network, val_loader, range(len(val_images)))]
    mean, deviation = _mean_and_deviation(of_training[0])
    kept = FeatureDataset(images, of_training, mean, deviation)
    kept_val = FeatureDataset(val_images, of_validation, mean, deviation)
    return replace(
        run,
        train_loader=_make_loader(kept, train_loader),
        val_loader=_make_loader(kept_val, val_loader),
    )


def _mean_and_deviation(
    features: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return both of each of ``features (N, F)``, ``(F,)``; 1 as deviation where all are equal."""
    mean = features.mean(axis=0, dtype=np.float64)
    squares = np.einsum("nf,nf->f", features, features, dtype=np.float64) / len(features)
    deviation = np.sqrt(np.maximum(squares - mean**2, 0.0))
    deviation[deviation <= _EQUAL * np.abs(mean)] = 1.0
    return mean.astype(np.float32), deviation.astype(np.float32)


def _forged_rows(images: ImageDataset) -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64) if images.forgeries is None else images.forgeries.rows


def _compute(
    network: DetectorNetwork, loader: DataLoader[Any], keys: Sequence[Any], view: str = ""
) -> NDArray[np.float32]:
    """Return the features ``(N, F)`` of the images at ``keys``."""
    width = 0
    network.eval()
    with tempfile.TemporaryFile() as file:
        for images, _ in iterate_tracked(key_loader(loader, keys), f"features{view}"):
            with torch.inference_mode():
                pixels = images.to(device_of(network), non_blocking=True)
                logits, features = network.logits_and_features(pixels)
                if not width:
                    _check_head(network, logits, features)
            width = features.shape[1]
            file.write(features.float().cpu().numpy().tobytes())
        file.flush()
        return np.memmap(file, np.float32, mode="r", shape=(len(keys), width))  # keeps the file


def _check_head(network: DetectorNetwork, logits: Tensor, features: Tensor) -> None:
    [head, *_] = heads_of(network.backbone)
    is_known = isinstance(head, nn.Linear | nn.Conv2d) and head.bias is not None
    again = network(features)
    if (
        not is_known
        or again.shape != logits.shape
        or not torch.allclose(again, logits, rtol=1e-3, atol=1e-6)
    ):
        raise BackboneError(
            "training.feature_views: this model.backbone does more with its features than one head "
            "does; set training.feature_views=0"
        )


def _make_loader(features: FeatureDataset, images: DataLoader[Any]) -> DataLoader[Any]:
    return load_in_workers(
        features,
        0,
        collate=_as_it_is,
        num_ahead=0,
        batch_size=images.batch_size,
        sampler=images.sampler,
    )


def _as_it_is(batch: Any) -> Any:
    return batch
