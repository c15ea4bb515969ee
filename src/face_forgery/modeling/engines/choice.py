"""Which engine computes a detector's forward pass."""

import logging
import os
from functools import cache
from typing import get_args

import torch
from torch import nn

from face_forgery.modeling.detector import Detector, DetectorError
from face_forgery.modeling.engines.openvino_network import (
    EngineError,
    OpenVinoNetwork,
    load_openvino,
    why_not_openvino,
)
from face_forgery.modeling.ensemble import Ensemble
from face_forgery.modeling.forward_path import pick_device
from face_forgery.params import EngineName

logger = logging.getLogger(__name__)

ENVIRONMENT = "FACE_FORGERY_ENGINE"  # what ``auto`` means in this process


def build_scorer(
    detector: Detector, engine: EngineName = "auto", device: torch.device | None = None
) -> nn.Module:
    """Return what scores by ``detector``: uint8 ``(B, 3, S, S)`` to logits ``(B, 2)``.

    ``auto`` is OpenVINO on the CPU, where it can compute the network, and torch elsewhere.
    ``device`` is where torch computes; ``None``: the GPU if there is one.

    Raises:
        DetectorError: If the weights do not fit the architecture, or ``openvino`` is asked for and
            cannot compute the network.
    """
    if is_stored(detector):
        return _load_stored(detector, engine)
    device = device or pick_device()
    if engine == "auto":
        engine = _default()
    if isinstance(detector, Ensemble):
        from face_forgery.modeling.network import EnsembleNetwork

        if any(map(is_stored, detector.members)):
            device = torch.device("cpu")  # where OpenVINO computes: all in one place
        members = [build_scorer(member, engine, device) for member in detector.members]
        return EnsembleNetwork(members, detector.temperature).eval()
    if engine == "torch" or (engine == "auto" and device.type != "cpu"):
        return detector.build_network().to(device)
    try:
        if reason := why_not_openvino(detector):
            raise EngineError(reason)
        return load_openvino(detector)
    except EngineError as error:
        if engine == "openvino":
            raise DetectorError(
                f"scoring.engine=openvino cannot compute {detector.architecture}: {error}; "
                "scoring.engine=torch can"
            ) from error
        _say_once(f"torch computes {detector.architecture}, and not OpenVINO: {error}")
        return detector.build_network().to(device)


def with_gradients(detector: Detector, scorer: nn.Module) -> nn.Module:
    """Return the network of ``detector`` as torch computes it: ``scorer``, if that is it.

    It is ``scorer`` as well, without gradients, where torch cannot build the network.
    """
    parts = detector.members if isinstance(detector, Ensemble) else (detector,)
    if has_gradients(scorer) or any(part.network == "openvino" for part in parts):
        return scorer
    return detector.build_network().to(pick_device())


def has_gradients(network: nn.Module) -> bool:
    """Say whether torch computes all of a network."""
    return not any(isinstance(part, OpenVinoNetwork) for part in network.modules())


def is_stored(detector: Detector) -> bool:
    """Say whether OpenVINO alone computes a detector, by the graph that is stored with it."""
    return not isinstance(detector, Ensemble) and (
        detector.precision == "int8" or detector.network == "openvino"
    )


def _load_stored(detector: Detector, engine: EngineName) -> nn.Module:
    reason = why_not_openvino(detector)
    if engine == "torch":
        reason = "the engine torch was asked for; ask for auto"
    if reason and detector.network == "openvino":
        raise DetectorError(
            f"{detector.architecture} is stored as OpenVINO's graph, which OpenVINO alone "
            f"computes, and {reason}"
        )
    if reason:
        raise DetectorError(
            f"this detector is in int8, which OpenVINO alone computes, and {reason}, or evaluate "
            "the detector again with scoring.precision=float32"
        )
    from face_forgery.modeling.engines.stored_graph import load_graph

    return load_graph(detector)


def _default() -> EngineName:
    name = os.environ.get(ENVIRONMENT) or "auto"
    known: dict[str, EngineName] = {one: one for one in get_args(EngineName)}
    if name not in known:
        raise DetectorError(
            f"{ENVIRONMENT}={name!r} is none of {', '.join(known)}; correct it or unset it"
        )
    return known[name]


@cache
def _say_once(message: str) -> None:
    logger.info(message)
