"""A backbone truncated after one of its blocks.

The upper layers of a network know the forgeries they were trained on; what different forgeries
share, fine traces of their making, is known further down. A network that ends there cannot learn
the rest.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from face_forgery.modeling.detector import BackboneError

_EXAMPLES_SHOWN = 8
_SMALLEST_VARIANCE = 1e-6


class TruncatedBackbone(nn.Module):
    """A timm backbone that ends early, with statistics over all positions and a linear head.

    Ideas: Chai et al. 2020, What makes fake images detectable? Understanding properties that
    generalize: a truncated network sees small patches, and each of them says how forged it looks.
    Snyder et al. 2018, X-vectors: the head sees the mean and the standard deviation of a channel.
    """

    def __init__(
        self, body: nn.Module, num_channels: int, num_classes: int, mean_only: bool
    ) -> None:
        super().__init__()
        self.body: Any = body
        self.mean_only = mean_only
        self.num_features = num_channels if mean_only else 2 * num_channels
        self.head = nn.Linear(self.num_features, num_classes)

    def forward(self, seen: Tensor) -> Tensor:
        """Return logits ``(B, num_classes)`` of ``seen``, float ``(B, C, S, S)``."""
        values = _by_position(self.body, self.body.forward_features(seen))
        pooled = values.mean(dim=1)
        if not self.mean_only:
            pooled = torch.cat([pooled, _deviation(values)], dim=1)
        logits: Tensor = self.head(pooled)
        return logits

    def get_classifier(self) -> nn.Module:
        """Return the head, as timm's backbones do."""
        return self.head

    def no_weight_decay(self) -> set[str]:
        """Return the names that timm keeps from weight decay."""
        names: set[str] = getattr(self.body, "no_weight_decay", set)()
        return {f"body.{name}" for name in names}

    @property
    def pretrained_cfg(self) -> dict[str, Any]:
        """What timm says of the body, with names as they are here."""
        own: Mapping[str, Any] = dict(getattr(self.body, "pretrained_cfg", {}))
        first = own.get("first_conv") or ()
        names = (first,) if isinstance(first, str) else tuple(first)
        named = tuple(f"body.{name}" for name in names)
        return {**own, "first_conv": named, "classifier": "head"}


def truncate_backbone(
    backbone: Any,
    after: str,
    *,
    num_classes: int,
    channels: int,
    image_size: int,
    num_features: int | None = None,
) -> TruncatedBackbone:
    """Return what is left of a timm backbone, which is changed; its own head is dropped.

    It ends ``after`` a stage or block, such as ``layer3``, ``blocks.3.1``, ``stages.2.blocks.4``.
    ``num_features`` is what a head that was trained takes: heads of before 2026-12 know the mean
    over all positions alone.

    Raises:
        BackboneError: If there is no such block, or timm cannot shorten this backbone.
    """
    described = getattr(backbone, "feature_info", [])
    described = described if isinstance(described, list) else described.info
    stages = [str(stage["module"]) for stage in described]
    names = [name for name, _ in backbone.named_modules() if name]
    if not stages or not hasattr(backbone, "prune_intermediate_layers"):
        raise BackboneError("timm cannot shorten this backbone; set model.truncate_after=null")
    if after not in names or not _is_a_block(after, stages, names):
        raise BackboneError(
            f"model.truncate_after={after!r} is no block; the stages are "
            f"{', '.join(stages[:_EXAMPLES_SHOWN])}, and their blocks are named as in "
            f"{', '.join(_blocks_of(backbone, stages[-1])[:2]) or stages[-1]}"
        )
    index = names.index(after)
    stage = next(
        number
        for number, name in enumerate(stages)
        if after.startswith(f"{name}.") or names.index(name) >= index
    )
    backbone.prune_intermediate_layers([stage], prune_norm=False, prune_head=True)
    _drop_later_blocks(backbone, after)
    backbone.eval()
    with torch.no_grad():
        maps = backbone.forward_features(torch.zeros(1, channels, image_size, image_size))
    num_channels = _by_position(backbone, maps).shape[2]
    backbone.train()
    return TruncatedBackbone(backbone, num_channels, num_classes, num_features == num_channels)


def _is_a_block(after: str, stages: list[str], names: list[str]) -> bool:
    """Say whether a name is a stage, or an item of a row of blocks up to the last stage."""
    is_numbered = after.rpartition(".")[2].isdecimal()
    end = stages[-1]
    comes_in_time = names.index(after) <= names.index(end) or after.startswith(f"{end}.")
    return after in stages or (is_numbered and comes_in_time)


def _blocks_of(backbone: nn.Module, stage: str) -> list[str]:
    for name, module in backbone.get_submodule(stage).named_modules():
        if isinstance(module, nn.Sequential | nn.ModuleList):
            row = f"{stage}.{name}" if name else stage
            return [f"{row}.{number}" for number in range(len(module))]
    return []


def _drop_later_blocks(backbone: nn.Module, after: str) -> None:
    """Remove what comes after a block, in every row of blocks that it lies in."""
    parts = after.split(".")
    for depth, part in enumerate(parts):
        row = backbone.get_submodule(".".join(parts[:depth]))
        if isinstance(row, nn.Sequential | nn.ModuleList) and part.isdecimal():
            del row[int(part) + 1 :]


def _by_position(body: Any, maps: Tensor) -> Tensor:
    """Return ``(B, P, F)`` of what ``forward_features`` gives: maps, or tokens of a transformer."""
    if maps.ndim == 3:  # tokens; those of no position come first
        return maps[:, getattr(body, "num_prefix_tokens", 0) :]
    if getattr(body, "output_fmt", "NCHW") == "NHWC":
        return maps.flatten(1, 2)
    return maps.flatten(2).transpose(1, 2)


def _deviation(values: Tensor) -> Tensor:
    """Return the standard deviation over positions ``(B, F)``, with a slope at 0."""
    spread = values - values.mean(dim=1, keepdim=True)
    return (spread.square().mean(dim=1) + _SMALLEST_VARIANCE).sqrt()
