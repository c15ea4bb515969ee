"""How batches become steps of the optimizer: the parameters, resolved for one device and run."""

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

from face_forgery.data.loading.rng import seeded_torch
from face_forgery.modeling.forward_path import resolve_precision
from face_forgery.modeling.network import NUM_CLASSES, DetectorNetwork
from face_forgery.params import TrainingParams
from face_forgery.training.distributed.process_group import distribute
from face_forgery.training.losses import ForwardPass, Loss, Outputs

logger = logging.getLogger(__name__)

# The slowest compilation seen (275 s) over what a batch on a GPU should save at least (15 ms),
# rounded up; docs/decisions/0006-precision-and-compilation.md.
_BATCHES_THAT_PAY = 20_000


class CompilerError(RuntimeError):
    """Compilation was asked for where it cannot be done; the message names what is missing."""


@dataclass(frozen=True)
class Mixing:
    """Mixes each image of a batch with the one before it (the order is shuffled).

    What is drawn follows from (seed, epoch, number of the batch): a resumed run mixes alike, which
    timm's ``Mixup`` and its global NumPy generator do not.
    """

    mixup_alpha: float = 0.0  # averages, in a proportion from Beta(alpha, alpha); 0: none
    cutmix_alpha: float = 0.0  # a rectangle of the other image; with both a batch gets one of them
    seed: int = 0

    def __call__(
        self, images: Tensor, targets: Tensor, *, epoch: int, number: int
    ) -> tuple[Tensor, Tensor]:
        """Return images ``(B, 3, S, S)``, 0 to 255, and soft targets float32 ``(B, 2)``.

        Args:
            images: uint8 ``(B, 3, S, S)``; without mixing what is returned.
            targets: int64 ``(B,)``, 0 = real, 1 = fake.
            epoch: From 1.
            number: Of the batch within the epoch, from 0.
        """
        soft_targets = F.one_hot(targets, NUM_CLASSES).float()
        mixes: list[v2.Transform] = []
        if self.mixup_alpha:
            mixes.append(v2.MixUp(alpha=self.mixup_alpha))
            images = images.float()  # averages are no whole numbers
        if self.cutmix_alpha:
            mixes.append(v2.CutMix(alpha=self.cutmix_alpha))
        if mixes:
            with seeded_torch(self.seed, epoch, number):
                mix = mixes[int(torch.randint(len(mixes), ()))]
                images, soft_targets = mix(images, soft_targets)
        return images, soft_targets


@dataclass(frozen=True)
class StepSettings:
    """What the loop goes by; the defaults are a plain step in float32."""

    device: torch.device
    # Of the forward pass, under autocast; weights, loss and optimizer are float32 always.
    precision: torch.dtype = torch.float32
    is_compiled: bool = False  # whole batches go through torch.compile
    mixing: Mixing = field(default_factory=Mixing)
    loss: Loss = field(default_factory=Loss)
    accumulate: int = 1  # batches of one optimizer step
    grad_clip_norm: float | None = None  # largest global norm of a step
    checkpoint_steps: int | None = None  # between two saves within an epoch; None: no saves

    @classmethod
    def of(
        cls, params: TrainingParams, device: torch.device, batches_per_epoch: int
    ) -> "StepSettings":
        """Resolve what is left to the device (``precision``) and to the length (``compile``)."""
        loss = Loss.of(params)
        wanted = False if loss.needs_features else params.compile  # they are inside the network
        return cls(
            device=device,
            precision=resolve_precision(params.precision, device),
            is_compiled=resolve_compile(
                wanted, device, num_batches=params.epochs * batches_per_epoch
            ),
            mixing=Mixing(params.mixup_alpha, params.cutmix_alpha, params.seed),
            loss=loss,
            accumulate=params.accumulate,
            grad_clip_norm=params.grad_clip_norm,
            checkpoint_steps=params.checkpoint_steps,
        )

    def autocast(self) -> torch.autocast:
        """Return the context of a forward pass."""
        is_on = self.precision != torch.float32
        return torch.autocast(self.device.type, self.precision, enabled=is_on)

    def make_forward(
        self, network: DetectorNetwork, batch_size: int
    ) -> Callable[[Tensor], Outputs]:
        """Return the forward pass of training: distributed and compiled, where it has to be.

        Compiled is what sees batches of ``batch_size``. The smaller last batch of an epoch is not:
        a second compilation would cost more than it saves. ``network`` stays as it is for scoring.
        """
        if self.device.type == "cpu" and self.precision == torch.bfloat16:
            network.train_with_plain_attention()
        module = distribute(ForwardPass(network, gives_features=self.loss.needs_features))
        if not self.is_compiled:
            return module
        compiled = torch.compile(module, dynamic=False)

        def forward(images: Tensor) -> Outputs:
            outputs: Outputs = (compiled if len(images) == batch_size else module)(images)
            return outputs

        return forward


@dataclass(frozen=True)
class StepPlan:
    """Which batches of an epoch, by their numbers from 0, make a step of the optimizer."""

    num_images: int
    batch_size: int  # of all batches but the last
    accumulate: int = 1  # batches of a step; the last one of an epoch may have fewer
    checkpoint_steps: int | None = None

    def begins(self, number: int) -> bool:
        """Say whether a step begins with a batch."""
        return number % self.accumulate == 0

    def ends(self, number: int) -> bool:
        """Say whether a step ends with a batch."""
        return (number + 1) % self.accumulate == 0 or self._count(0, number + 1) == self.num_images

    def weight(self, number: int) -> float:
        """Return the proportion that the images of a batch have in its step."""
        first = number - number % self.accumulate
        return self._count(number, number + 1) / self._count(first, first + self.accumulate)

    def is_save_due(self, number: int) -> bool:
        """Say whether to save after a batch; never at the end of an epoch, saved anyway."""
        if self.checkpoint_steps is None or self._count(0, number + 1) == self.num_images:
            return False
        return (number + 1) % (self.accumulate * self.checkpoint_steps) == 0

    def _count(self, first: int, end: int) -> int:
        """Return how many images the batches from ``first`` up to ``end`` hold."""
        last, before = (min(number * self.batch_size, self.num_images) for number in (end, first))
        return last - before


def resolve_compile(
    wanted: bool | Literal["auto"], device: torch.device, *, num_batches: int
) -> bool:
    """Say whether a run of ``num_batches`` is compiled.

    ``auto``: on a GPU from 20,000 batches on, if there is a compiler; never on a CPU, where a
    compiled step is not faster.

    Raises:
        CompilerError: If compilation is asked for and there is no compiler.
    """
    pays = device.type == "cuda" and num_batches >= _BATCHES_THAT_PAY
    if wanted is False or (wanted == "auto" and not pays):
        return False
    missing = _missing(device)
    if not missing:
        return True
    if wanted == "auto":
        logger.info("Training is not compiled: there is no %s.", missing)
        return False
    raise CompilerError(
        f"training.compile=true, but there is no {missing}; install it, or train without: "
        "training.compile=auto"
    )


def _missing(device: torch.device) -> str | None:
    """Name what torch.compile lacks; it would say so only in the first step."""
    compiler = os.environ.get("CXX", "g++")  # as torch chooses it
    if shutil.which(compiler) is None:
        return f"C++ compiler ({compiler})"
    if device.type == "cuda" and find_spec("triton") is None:
        return "package triton"
    return None
