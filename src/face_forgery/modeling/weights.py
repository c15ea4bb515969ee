"""Weights in files of any trainer: read by their content, never executed."""

import argparse
import logging
from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from face_forgery.modeling.archive import check_archive
from face_forgery.modeling.detector import BackboneError

logger = logging.getLogger(__name__)

_EXAMPLES_SHOWN = 3
_ENDINGS = {".safetensors", ".pth", ".pt", ".bin", ".ckpt"}
# Where trainers put the weights in what they save; averaged ones first.
_NESTS = (
    *("state_dict_ema", "model_ema", "ema", "state_dict", "model_state_dict", "model"),
    *("network", "net", "module", "backbone", "encoder", "weights", "params"),
)


def check_file(path: Path, *, parameter: str = "model.weights") -> None:
    """Raise `BackboneError`, with the nearest names that are there, where there is no file."""
    if path.is_file():
        return
    given, folder = f"{parameter}={str(path)!r}", path if path.is_dir() else path.parent
    files = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
    if path.is_dir():
        shown = [name for name in files if Path(name).suffix in _ENDINGS] or files
        raise BackboneError(f"{given} is a folder; name a file in it: {', '.join(shown)}")
    near = [name for name in files if Path(name).stem.lower() == path.stem.lower()]
    near = near or get_close_matches(path.name, files, n=_EXAMPLES_SHOWN, cutoff=0.5)
    if not folder.is_dir():
        raise BackboneError(f"{given}: there is no such file, and no folder {folder}")
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise BackboneError(f"{given}: there is no such file in {folder.resolve()}{hint}")


def read_weights(
    path: Path, own: Mapping[str, Tensor], *, parameter: str = "model.weights"
) -> dict[str, Tensor]:
    """Return the weights in a file, whatever its ending, by the names that ``own`` has.

    ``parameter`` is what named the file.

    Raises:
        BackboneError: If it cannot be read, or holds no tensors.
    """
    given = f"{parameter}={str(path)!r}"
    try:
        if _is_safetensors(path):
            content: Any = load_file(path)
        else:
            check_archive(path)
            # Of the path torch would go by the ending; timm stores what it was called with, too.
            with path.open("rb") as file, torch.serialization.safe_globals([argparse.Namespace]):
                content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors, zipfile, pickle and torch each raise their own
        raise BackboneError(
            f"{given} cannot be read as weights "
            f"({type(error).__name__}: {first_line(error)}). Nothing in it was executed; "
            "give a file of plain tensors, preferably .safetensors"
        ) from error
    nest, weights = _unnest(content)
    if repeated := [n for n, one in weights.items() if one.nbytes > one.untyped_storage().nbytes()]:
        raise BackboneError(
            f"{given}: {repeated[0]!r} repeats a few numbers over and over; "
            "save it again with contiguous() tensors"
        )
    prefix, weights = _without_prefix(weights, own)
    if nest or prefix:
        within = f" under {'.'.join(nest)!r}" if nest else ""
        less = f", without {prefix!r} before each name" if prefix else ""
        logger.info("%s=%s: %d tensors%s%s", parameter, path, len(weights), within, less)
    if not weights:
        names = f": {', '.join(map(str, content))}" if isinstance(content, Mapping) else ""
        raise BackboneError(f"{given} does not hold a mapping of tensors{names}")
    return weights


def _is_safetensors(path: Path) -> bool:
    """Tell by the content: the length of a header, and a header in JSON."""
    with path.open("rb") as file:
        length, brace = int.from_bytes(file.read(8), "little"), file.read(1)
    return brace == b"{" and length <= path.stat().st_size - 8


def _unnest(content: Any) -> tuple[list[str], dict[str, Tensor]]:
    """Return the first mapping of tensors, and the names that lead to it."""
    nest: list[str] = []
    while isinstance(content, Mapping):
        tensors = {str(n): value for n, value in content.items() if isinstance(value, Tensor)}
        inner = [n for n in _NESTS if isinstance(content.get(n), Mapping)]
        if len(tensors) > 1 or not inner:
            return nest, tensors
        nest.append(inner[0])
        content = content[inner[0]]
    return [], {}


def _without_prefix(
    weights: dict[str, Tensor], own: Mapping[str, Tensor]
) -> tuple[str, dict[str, Tensor]]:
    """Return what stands before the names of the network, and its weights without that.

    Other networks of the file are left out. Names of other projects stay; timm knows some.
    """
    prefixes: Counter[str] = Counter()
    longest = max((name.count(".") for name in own), default=0)
    for key in weights:
        parts = key.rsplit(".", longest + 1)
        ends = (".".join(parts[start:]) for start in range(len(parts)))
        prefixes.update(key[: -len(end)] for end in ends if end in own)
    prefix, count = max(prefixes.items(), key=lambda item: item[1], default=("", 0))
    if not prefix or count <= len(own) / 2:
        return "", weights
    return prefix, {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, at most 200 characters."""
    return str(error).strip().split("\n", 1)[0][:200]
