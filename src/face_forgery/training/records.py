"""What training hands over as it goes on.

Imports no torch at the top, so that nodes and datasets can name these types cheaply.
"""

from dataclasses import dataclass, field
from typing import Any

_BACKBONE = "backbone."  # of DetectorNetwork


@dataclass(frozen=True, eq=False)
class EpochWeights:
    """The weights of the backbone after an epoch: tensors on the CPU by name; none within one."""

    epoch: int  # whole epochs so far
    weights: dict[str, Any] = field(repr=False)


@dataclass
class EpochProgress:
    """What the batches of the epoch that is on have come to."""

    num_batches: int = 0
    num_images: float = 0  # whole, but where what all ranks have seen is divided among them
    loss_sum: float = 0.0
    num_correct: float = 0
    seconds: float = 0.0

    def add(self, loss: float, num_correct: int, num_images: int) -> None:
        """Count a batch with a mean loss of ``loss``."""
        self.num_batches += 1
        self.num_images += num_images
        self.loss_sum += loss * num_images
        self.num_correct += num_correct

    def row(self, epoch: int, learning_rate: float) -> dict[str, Any]:
        """Return what the history says of the training images of a whole epoch.

        ``train_loss``, what was minimized, in nats, and ``train_accuracy``, at 0.5 while weights
        were moving, are means over images; ``seconds`` and ``images_per_second`` count loading and
        saves within the epoch, and no validation.
        """
        return {
            "epoch": epoch,
            "train_loss": self.loss_sum / self.num_images,
            "train_accuracy": self.num_correct / self.num_images,
            "learning_rate": learning_rate,
            "images_per_second": self.num_images / self.seconds,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that a resumed run needs: CPU tensors and plain values only, safe to read."""

    epoch: int  # whole epochs behind it
    progress: dict[str, Any] = field(repr=False)  # fields of EpochProgress, of the epoch after
    num_steps: int  # optimizer steps behind it
    network: dict[str, Any] = field(repr=False)
    average: dict[str, Any] | None = field(repr=False)  # averaged weights, as of the network
    optimizer: dict[str, Any] = field(repr=False)
    scheduler: dict[str, Any] = field(repr=False)
    random: dict[str, Any] = field(repr=False)  # states of torch's generators: dropout draws
    history: list[dict[str, Any]] = field(repr=False)  # a row an epoch, as in training_history
    fingerprint: dict[str, Any] = field(repr=False)  # what must not change; see training.resume
    # Weights of the backbone to keep, where LoRA adapters had to be merged into them, or the head
    # saw standardized features.
    merged: dict[str, Any] | None = field(default=None, repr=False)

    def weights(self) -> EpochWeights:
        """Return the weights to keep: averaged or merged ones; within an epoch none."""
        if self.progress["num_batches"]:
            return EpochWeights(self.epoch, {})
        weights = self.merged
        if weights is None:
            network = self.network if self.average is None else self.average
            weights = {
                name.removeprefix(_BACKBONE): value
                for name, value in network.items()
                if name.startswith(_BACKBONE)
            }
        return EpochWeights(self.epoch, {name: one.contiguous() for name, one in weights.items()})

    def release(self) -> None:
        """Let go of the tensors; whoever still has this object keeps none of them in memory."""
        parts = (self.network, self.average, self.merged, self.optimizer, self.random)
        for part in filter(None, parts):
            part.clear()
