"""The mutable part of a run, kept together so that it is saved and restored together."""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from timm.utils import ModelEmaV3
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from face_forgery.modeling.factory import build_network
from face_forgery.modeling.fine_tuning import freeze, merged_weights, weights_of_raw_features
from face_forgery.modeling.network import DetectorNetwork
from face_forgery.params import ModelParams, TrainingParams
from face_forgery.training.distributed.process_group import synchronize_batch_norm
from face_forgery.training.optimizer import build_optimizer, build_scheduler
from face_forgery.training.records import Checkpoint, EpochProgress


@dataclass
class TrainState:
    """What training moves: weights, optimizer, schedule, and torch's random generators."""

    network: DetectorNetwork
    optimizer: Optimizer
    scheduler: LRScheduler
    average: ModelEmaV3 | None = None  # of the weights; moved by `end_step`
    epoch: int = 0  # whole epochs behind it
    progress: EpochProgress = field(default_factory=EpochProgress)  # of the epoch after
    num_steps: int = 0  # optimizer steps behind it
    learning_rate: float = 0.0  # of the last step; of several rates the highest
    standardized: tuple[torch.Tensor, torch.Tensor] | None = None  # by them, of kept features

    def end_step(self) -> None:
        """Count a step of the optimizer; move the schedule and the average of the weights."""
        self.learning_rate = float(max(self.scheduler.get_last_lr()))
        self.scheduler.step()
        self.num_steps += 1
        if self.average is not None:
            self.average.update(self.network, step=self.num_steps)

    def end_epoch(self) -> EpochProgress:
        """Count the epoch that was on as a whole one, and return what it has come to."""
        self.epoch += 1
        finished, self.progress = self.progress, EpochProgress()
        return finished

    @property
    def judged_network(self) -> DetectorNetwork:
        """The network to validate and keep: with averaged weights, where they are averaged."""
        if self.average is None:
            return self.network
        averaged: DetectorNetwork = self.average.module
        return averaged

    def snapshot(
        self,
        history: list[dict[str, Any]],
        fingerprint: dict[str, Any],
        progress: EpochProgress | None = None,
    ) -> Checkpoint:
        """Copy the state to the CPU; later steps do not change the copy.

        ``history`` has a row for every epoch so far, ``fingerprint`` is what a run that continues
        from here must share, ``progress`` that of all ranks, where several train.
        """
        return Checkpoint(
            epoch=self.epoch,
            progress=asdict(progress or self.progress),
            num_steps=self.num_steps,
            network=_to_cpu(self.network.state_dict()),
            average=None if self.average is None else _to_cpu(self.average.module.state_dict()),
            optimizer=_to_cpu(self.optimizer.state_dict()),
            scheduler=_to_cpu(self.scheduler.state_dict()),
            random={"cpu": torch.get_rng_state(), "cuda": _cuda_random_states(self._device)},
            history=list(history),
            fingerprint=_to_cpu(fingerprint),
            merged=None if self.progress.num_batches else _to_cpu(self._merged_weights()),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from ``checkpoint``, whose weights must all match, with torch's generators."""
        self.network.load_state_dict(checkpoint.network, strict=True)
        self.optimizer.load_state_dict(checkpoint.optimizer)
        self.scheduler.load_state_dict(checkpoint.scheduler)
        if self.average is not None:
            self.average.module.load_state_dict(checkpoint.average, strict=True)
        self.epoch = checkpoint.epoch
        self.progress = EpochProgress(**checkpoint.progress)
        self.num_steps = checkpoint.num_steps
        torch.set_rng_state(checkpoint.random["cpu"])
        if checkpoint.random["cuda"] and self._device.type == "cuda":
            torch.cuda.set_rng_state(checkpoint.random["cuda"][0], self._device)

    def _merged_weights(self) -> dict[str, torch.Tensor] | None:
        if self.standardized is None:
            return merged_weights(self.judged_network)
        mean, deviation = (values.to(self._device) for values in self.standardized)
        return weights_of_raw_features(self.judged_network, mean, deviation)

    @property
    def _device(self) -> torch.device:
        return self.network.mean.device


def build_state(
    model: ModelParams,
    training: TrainingParams,
    image_size: int,
    batches_per_epoch: int,
    device: torch.device,
) -> TrainState:
    """Return network, optimizer, schedule and, if asked for, averaged weights, on ``device``.

    The decay of the average climbs to ``ema_decay`` as steps are made, with ``1 - n ** (-2 / 3)``
    at step ``n``: the average of a short run is not full of its random start.
    """
    network = build_network(model, image_size)
    freeze(network, model, image_size)
    network = synchronize_batch_norm(network.to(device))
    optimizer = build_optimizer(network, training.optimizer)
    average = None
    if training.ema_decay is not None:
        average = ModelEmaV3(network, decay=training.ema_decay, use_warmup=True)
    scheduler = build_scheduler(optimizer, training, batches_per_epoch)
    return TrainState(network, optimizer, scheduler, average)


def _cuda_random_states(device: torch.device) -> list[torch.Tensor]:
    """Return that of the network's GPU: asking another one would take memory of it."""
    return [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []


def _to_cpu(value: Any) -> Any:
    """Copy nested containers; tensors keep their memory layout, on which sums may depend."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _to_cpu(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_to_cpu(item) for item in value)
    return value
