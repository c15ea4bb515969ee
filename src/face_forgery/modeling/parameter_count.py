"""How many weights a detector has, and whether it may have so many."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from face_forgery.modeling.detector import Detector


class BudgetError(ValueError):
    """A detector with more weights than it may have; the message has both numbers."""


def count_parameters(network: "nn.Module") -> int:
    """Return how many weights ``network`` has: a shared one counts once, buffers do not.

    Buffers are what is not trained: statistics of batch normalization, fixed filters.
    """
    return sum(weight.numel() for weight in network.parameters())


def count_parameters_of(detector: "Detector") -> int:
    """Return how many weights ``detector`` has, its members together.

    Only what was trained by this project counts: the face detector does not.
    """
    return count_parameters(detector.build_network())


def check_budget(count: int, limit: int | None, *, what: str) -> None:
    """Refuse more weights than ``limit``; ``None``: there is none.

    Raises:
        BudgetError: Names ``what`` has so many.
    """
    if limit is not None and count > limit:
        raise BudgetError(
            f"{what} has {count:,} parameters, {count - limit:,} more than "
            f"model.max_parameters={limit:,}; choose something smaller or raise the limit"
        )
