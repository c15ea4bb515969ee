"""The state that a run begins with."""

import torch
from timm.utils import ModelEmaV3

from face_forgery.modeling.factory import build_network
from face_forgery.modeling.fine_tuning import freeze
from face_forgery.params import ModelParams, TrainingParams
from face_forgery.training.distributed.process_group import ALONE, Team
from face_forgery.training.optimizer import build_optimizer, build_scheduler
from face_forgery.training.state import TrainState


def build_state(
    model: ModelParams,
    training: TrainingParams,
    image_size: int,
    batches_per_epoch: int,
    device: torch.device,
    *,
    team: Team = ALONE,
) -> TrainState:
    """Return network, optimizer, schedule and, if asked for, averaged weights, on ``device``.

    With the same seed all ranks of ``team`` begin alike.

    The decay of the average climbs to ``ema_decay`` as steps are made, with ``1 - n ** (-2 / 3)``
    at step ``n``: the average of a short run is not full of its random start.
    """
    network = build_network(model, image_size)
    freeze(network, model, image_size)
    network = team.prepare(network.to(device))
    optimizer = build_optimizer(network, training.optimizer)
    average = None
    if training.ema_decay is not None:
        average = ModelEmaV3(network, decay=training.ema_decay, use_warmup=True)
    return TrainState(
        network=network,
        optimizer=optimizer,
        scheduler=build_scheduler(optimizer, training, batches_per_epoch),
        average=average,
    )
