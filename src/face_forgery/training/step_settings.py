"""How batches become steps of the optimizer: the parameters, resolved for one device and run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from face_forgery.modeling.forward_path import resolve_precision
from face_forgery.params import TrainingParams
from face_forgery.training.compilation import resolve_compile
from face_forgery.training.distributed.process_group import ALONE, Part, Team
from face_forgery.training.losses import Loss
from face_forgery.training.mixing import Mixing


@dataclass(frozen=True)
class StepSettings:
    """What the loop goes by; the defaults are a plain step in float32.

    Args:
        device: Where the network is.
        precision: Of the forward pass, under autocast; ``torch.float32`` switches autocast off.
            Weights, loss and optimizer are float32 always.
        is_compiled: Whether whole batches go through ``torch.compile``.
        mixing: What is done to pictures and targets of a batch.
        loss: What is minimized.
        accumulate: Batches of one optimizer step.
        grad_clip_norm: Largest global gradient norm of a step; ``None`` does not clip.
        checkpoint_steps: Optimizer steps between two saves within an epoch; ``None``: no saves.
        team: The processes that train together.
    """

    device: torch.device
    precision: torch.dtype = torch.float32
    is_compiled: bool = False
    mixing: Mixing = field(default_factory=Mixing)
    loss: Loss = field(default_factory=Loss)
    accumulate: int = 1
    grad_clip_norm: float | None = None
    checkpoint_steps: int | None = None
    team: Team = ALONE

    @classmethod
    def of(
        cls,
        params: TrainingParams,
        device: torch.device,
        batches_per_epoch: int,
        team: Team = ALONE,
    ) -> "StepSettings":
        """Resolve what is left to the device (``precision``) and to the length (``compile``).

        With the contrastive term, which looks into the network, nothing is compiled.
        """
        precision = resolve_precision(params.precision, device)
        wanted = False if params.loss.contrastive else params.compile
        return cls(
            device=device,
            precision=precision,
            is_compiled=resolve_compile(
                wanted, device, num_batches=params.epochs * batches_per_epoch
            ),
            mixing=Mixing(params.mixup_alpha, params.cutmix_alpha, params.seed),
            loss=Loss.of(params),
            accumulate=params.accumulate,
            grad_clip_norm=params.grad_clip_norm,
            checkpoint_steps=params.checkpoint_steps,
            team=team,
        )

    @property
    def num_before(self) -> int:
        """How many images this rank is shown before its part of a batch, for mixing alone."""
        return self.mixing.num_before if self.team.size > 1 else 0

    def places(self, sizes: Sequence[int]) -> list["BatchPlace"]:
        """Return the place of every batch of an epoch.

        Args:
            sizes: Images of each batch, all ranks together. The last step of an epoch may have
                fewer batches.
        """
        places = []
        for number, size in enumerate(sizes):
            first = number - number % self.accumulate
            of_step = sizes[first : first + self.accumulate]
            step, last = number // self.accumulate + 1, first + len(of_step) - 1
            is_save = self.checkpoint_steps is not None and step % self.checkpoint_steps == 0
            part = self.team.part_of(size)
            places.append(
                BatchPlace(
                    number=number,
                    part=part,
                    share=self.team.size * part.num_counted / sum(of_step),
                    begins_step=number == first,
                    ends_step=number == last,
                    is_save_due=is_save and number == last and last + 1 < len(sizes),
                )
            )
        return places


@dataclass(frozen=True)
class BatchPlace:
    """Where a batch stands in its epoch and in its step of the optimizer."""

    number: int  # in the epoch, from 0
    part: Part  # that this rank is shown
    share: float  # of this rank in the images of its step, times the number of ranks: their mean
    begins_step: bool
    ends_step: bool
    is_save_due: bool  # after it; never at the end of an epoch, which is saved anyway
