"""When `torch.compile` is used, and on which batches."""

import logging
import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)


class CompilerError(RuntimeError):
    """Compilation was asked for where it cannot be done; the message names what is missing."""


# The slowest compilation seen (275 s) over what a batch on a GPU should save at least (15 ms),
# rounded up; docs/decisions/0006-precision-and-compilation.md.
_BATCHES_THAT_PAY = 20_000


def resolve_compile(
    wanted: bool | Literal["auto"], device: torch.device, *, num_batches: int
) -> bool:
    """Say whether a run is compiled.

    Args:
        wanted: ``auto``: on a GPU from 20,000 batches on, if there is a compiler; never on a CPU,
            where a compiled step is not faster.
        device: Where training takes place.
        num_batches: Of the whole run.

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
        "--params training.compile=auto"
    )


def _missing(device: torch.device) -> str | None:
    """Name what torch.compile lacks; it would say so only in the first step."""
    compiler = os.environ.get("CXX", "g++")  # as torch chooses it
    if shutil.which(compiler) is None:
        return f"C++ compiler ({compiler})"
    if device.type == "cuda" and find_spec("triton") is None:
        return "package triton"
    return None


def forward_pass(network: nn.Module, *, is_compiled: bool, batch_size: int) -> Callable[..., Any]:
    """Return the forward pass of training: of ``network`` itself, or compiled.

    Compiled is what sees batches of ``batch_size``. The smaller last batch of an epoch is not: a
    second compilation would cost more than it saves. ``network``, which takes images first, stays
    as it is for scoring.
    """
    if not is_compiled:
        return network
    compiled = torch.compile(network, dynamic=False)

    def forward(images: Tensor, *more: Any) -> Any:
        return (compiled if len(images) == batch_size else network)(images, *more)

    return forward
