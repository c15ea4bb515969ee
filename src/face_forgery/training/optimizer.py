"""Optimizer and schedule from their parameters; both are torch's own."""

from math import ceil
from typing import Any

from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    SequentialLR,
    StepLR,
)

from face_forgery.modeling.network import DetectorNetwork
from face_forgery.params import OptimizerParams, TrainingParams

_SGD_MOMENTUM = 0.9


def build_optimizer(network: DetectorNetwork, params: OptimizerParams) -> Optimizer:
    """Return the optimizer of all weights of ``network`` that are trained.

    Weight decay leaves out biases, norms and what the backbone itself excludes, such as position
    embeddings. With a layer decay of ``d`` the rate of a layer is ``d`` times that of the layer
    above; the head has the full rate. SGD has a momentum of 0.9. The step is fused: one pass over
    the weights.
    """
    groups = _groups(network.backbone, params)
    if params.name == "sgd":
        return SGD(groups, lr=params.learning_rate, momentum=_SGD_MOMENTUM, fused=True)
    kind = AdamW if params.name == "adamw" else Adam
    optimizer: Optimizer = kind(groups, lr=params.learning_rate, fused=True)
    return optimizer


def _groups(backbone: Any, params: OptimizerParams) -> list[dict[str, Any]]:
    excluded: set[str] = getattr(backbone, "no_weight_decay", set)()
    decay = {"weight_decay": params.weight_decay, "no_weight_decay_list": excluded}
    if params.layer_decay is None:
        groups: list[dict[str, Any]] = param_groups_weight_decay(backbone, **decay)
        return groups
    scaled = param_groups_layer_decay(backbone, layer_decay=params.layer_decay, **decay)
    return [
        {
            "params": group["params"],
            "weight_decay": group["weight_decay"],
            "lr": params.learning_rate * group["lr_scale"],
        }
        for group in scaled
    ]


def build_scheduler(
    optimizer: Optimizer, params: TrainingParams, batches_per_epoch: int
) -> LRScheduler:
    """Return the schedule, to be stepped once after every optimizer step.

    The rates of ``optimizer`` are the peaks. They are climbed to linearly over the warm-up epochs,
    from ``1 / steps`` of them, and then

    - ``cosine``: falls along a half cosine to 0 at the end of the last epoch,
    - ``step``: is multiplied by ``gamma`` after every ``step_epochs`` epochs,
    - ``constant``: stays.
    """
    steps_per_epoch = ceil(batches_per_epoch / params.accumulate)
    warmup_steps = params.warmup_epochs * steps_per_epoch
    after = _after_warmup(optimizer, params, steps_per_epoch)
    if not warmup_steps:
        return after
    warmup = LinearLR(optimizer, start_factor=1.0 / warmup_steps, total_iters=warmup_steps)
    return SequentialLR(optimizer, [warmup, after], milestones=[warmup_steps])


def _after_warmup(
    optimizer: Optimizer, params: TrainingParams, steps_per_epoch: int
) -> LRScheduler:
    schedule = params.schedule
    if schedule.name == "cosine":
        full_epochs = params.epochs - params.warmup_epochs
        return CosineAnnealingLR(optimizer, T_max=full_epochs * steps_per_epoch)
    if schedule.name == "step":
        assert schedule.step_epochs is not None
        assert schedule.gamma is not None  # ScheduleParams requires both with this name
        return StepLR(optimizer, schedule.step_epochs * steps_per_epoch, schedule.gamma)
    return ConstantLR(optimizer, factor=1.0)
