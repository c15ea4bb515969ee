"""The course's loops as its notes describe them; docs/baseline.md has the recipe.

Pillow, resize, flips, normalization, batches of 40, four workers, float32, Adam. In training freed
memory is kept and workers outlive an epoch, as in this project's loop: neither is of the recipe,
and a short measurement would make much of both.
"""

import measuring  # noqa: F401  first: it finds the package where it is not installed

# isort: split
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from face_forgery.training.run import keep_freed_memory

BATCH, WORKERS = 40, 4
LEARNING_RATE = 0.005
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Images(Dataset[Any]):
    """The course's data set: a chain of transforms an image; every second one is a forgery."""

    def __init__(self, paths: Sequence[Path], image_size: int, *, is_training: bool) -> None:
        flips = [transforms.RandomHorizontalFlip(), transforms.RandomVerticalFlip()]
        self._paths = paths
        self._transform = transforms.Compose(
            [
                transforms.Resize((image_size, image_size)),
                *(flips if is_training else []),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.open(self._paths[index]).convert("RGB")
        return self._transform(image), index % 2


def training(
    backbone: str, paths: Sequence[Path], image_size: int, device: torch.device
) -> Callable[[], None]:
    """Return what trains for an epoch."""
    if device.type == "cpu":
        keep_freed_memory()
    network = timm.create_model(backbone, pretrained=False, num_classes=2).to(device)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    loader = _loader(Images(paths, image_size, is_training=True), is_training=True)

    def epoch() -> None:
        network.train()
        for images, targets in loader:
            images = images.to(device, non_blocking=True)
            targets = targets.to(device, non_blocking=True)
            logits = network(images)
            loss = torch.nn.functional.cross_entropy(logits, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def predicting(
    backbone: str, paths: Sequence[Path], image_size: int, device: torch.device
) -> Callable[[], None]:
    """Return what scores every image."""
    network = timm.create_model(backbone, pretrained=False, num_classes=2).to(device)
    loader = _loader(Images(paths, image_size, is_training=False), is_training=False)

    def predict() -> None:
        network.eval()
        scores = []
        with torch.no_grad():
            for images, _ in loader:
                logits = network(images.to(device, non_blocking=True))
                scores.append(torch.softmax(logits, dim=1)[:, 1].cpu())
        torch.cat(scores)

    return predict


def preparing(paths: Sequence[Path], image_size: int) -> Callable[[], None]:
    """Return what brings every image to the network's input, in this process."""
    dataset = Images(paths, image_size, is_training=False)

    def prepare() -> None:
        for index in range(len(dataset)):
            dataset[index]

    return prepare


def _loader(dataset: Images, *, is_training: bool) -> DataLoader[Any]:
    warnings.filterwarnings("ignore", "This DataLoader will create 4 worker processes")
    return DataLoader(
        dataset,
        batch_size=BATCH,
        shuffle=is_training,
        num_workers=WORKERS,
        persistent_workers=is_training,
        pin_memory=torch.cuda.is_available(),
    )
