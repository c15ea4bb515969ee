"""What a network costs, found without its numbers (torch's device ``meta``)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from face_forgery.limits import MAX_BUFFERS, MAX_FLOPS, MAX_TENSOR
from face_forgery.modeling.detector import BackboneError


class NoLargeTensor(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it `BackboneError` is raised where a tensor becomes larger than any of a network."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and look at what it gives."""
        result = func(*args, **(kwargs or {}))
        for one in tree_leaves(result):
            if isinstance(one, Tensor) and one.numel() > MAX_TENSOR:
                raise BackboneError(
                    f"within it a tensor has {one.numel():,} numbers, more than {MAX_TENSOR:,}; "
                    "choose a smaller image, or larger patches"
                )
        return result


def check_cost(backbone: nn.Module, channels: int, image_size: int) -> None:
    """Raise `BackboneError` where a backbone on ``meta`` would take too much for one image.

    One that cannot be run there is not judged by its operations.
    """
    held = sum(one.numel() for one in backbone.buffers())
    weights = sum(one.numel() for one in backbone.parameters())
    if held > MAX_BUFFERS + weights:
        raise BackboneError(f"it holds {held:,} fixed numbers beside {weights:,} weights")
    mode = backbone.training
    image = torch.empty(1, channels, image_size, image_size)
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter, NoLargeTensor():  # type: ignore[no-untyped-call]
            backbone.eval()(image)
    except BackboneError:
        raise
    except Exception:  # each backbone has its own reason
        return
    finally:
        backbone.train(mode)
    if (flops := counter.get_total_flops()) > MAX_FLOPS:
        raise BackboneError(
            f"an image would take it {flops:,} operations, more than {MAX_FLOPS:,}; choose a "
            "smaller image, or larger patches"
        )
