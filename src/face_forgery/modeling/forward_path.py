"""The one forward path: validation, submission and users' images are scored here."""

import logging
from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor, nn

logger = logging.getLogger(__name__)


def pick_device() -> torch.device:
    """Return the GPU if there is one, else the CPU; the first time with a warning of its cost."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    _warn_of_cpu()
    return torch.device("cpu")


def device_of(network: nn.Module) -> torch.device:
    """Return where the weights and buffers of ``network`` are; without any, the CPU."""
    held = chain(network.parameters(), network.buffers())
    return next((one.device for one in held), torch.device("cpu"))


@cache
def _warn_of_cpu() -> None:
    logger.warning(
        "No CUDA device was found: computing on the CPU with %d thread(s), "
        "about 20 to 50 times slower than on a GPU.",
        torch.get_num_threads(),
    )


def resolve_precision(
    name: Literal["float32", "bfloat16", "auto"], device: torch.device
) -> torch.dtype:
    """Return the precision of training on ``device``.

    ``auto`` is bfloat16 where the device computes faster in it, else float32: a GPU of CUDA
    capability 8.0 and newer, a CPU with AMX, a CPU of AMD with AVX512-BF16. On Intel's the latter
    alone does not count: there training was a quarter slower than in float32. No stopwatch decides:
    two runs of one seed on one machine are alike.
    """
    if name == "auto":
        return torch.bfloat16 if _gains_from_bfloat16(device) else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def _gains_from_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    cpu = torch.cpu.get_capabilities()
    if cpu.get("amx_bf16"):
        return True
    return bool(cpu.get("avx512_bf16")) and "AMD" in str(cpu.get("cpu_name"))


def measure_margins(
    network: nn.Module, images: Tensor, device: torch.device
) -> NDArray[np.float64]:
    """Return how far the logit of fake lies above that of real, ``(B,)``; above 0 fake is likelier.

    ``network`` maps ``images``, uint8 ``(B, 3, S, S)`` on any device, to logits ``(B, 2)`` on
    ``device``. It scores in eval mode, in the precision that it was built with, and is left in the
    mode in which it came.
    """
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            real, fake = network(images.to(device, non_blocking=True)).double().unbind(dim=1)
    finally:
        network.train(was_training)
    margins: NDArray[np.float64] = (fake - real).cpu().numpy()
    return margins


def score_images(network: nn.Module, images: Tensor, device: torch.device) -> NDArray[np.float64]:
    """Return the probability of forgery of each image, ``(B,)`` in [0, 1]; as `measure_margins`.

    The softmax of the logits is taken in float64, because in float32 every margin above 17 would
    become the same score of 1.
    """
    scores: NDArray[np.float64] = expit(measure_margins(network, images, device))
    return scores


def score_batches(
    network: nn.Module, batches: Iterable[tuple[Tensor, Any]], device: torch.device
) -> NDArray[np.float64]:
    """Return the scores of ``(images, anything)`` pairs, ``(N,)`` in order; as `score_images`."""
    scores = [score_images(network, images, device) for images, _ in batches]
    return np.concatenate(scores) if scores else np.empty(0)
