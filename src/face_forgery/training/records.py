"""What training hands over after every epoch. Free of torch, so that nodes can name it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class EpochReport:
    """What the training images said about one epoch."""

    epoch: int  # from 1: the number of whole epochs
    train_loss: float  # cross-entropy in nats; mean over images, not over batches
    train_accuracy: float  # share of images on the right side of 0.5, while weights were moving
    learning_rate: float  # of the last step of the epoch
    images_per_second: float  # loading included, validation not
    seconds: float  # likewise


@dataclass(frozen=True, eq=False)
class EpochWeights:
    """The weights of the backbone after an epoch: tensors on the CPU by name."""

    epoch: int
    weights: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that a resumed run needs: CPU tensors and plain values only, safe to read."""

    epoch: int  # whole epochs behind it
    network: dict[str, Any] = field(repr=False)
    optimizer: dict[str, Any] = field(repr=False)
    scheduler: dict[str, Any] = field(repr=False)
    random: dict[str, Any] = field(repr=False)  # states of torch's generators: dropout draws
    history: list[dict[str, Any]] = field(repr=False)  # a row an epoch, as in training_history
    fingerprint: dict[str, Any] = field(repr=False)  # what must not change; see training.resume
