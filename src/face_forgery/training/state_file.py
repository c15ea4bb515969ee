"""The state of a run as a file of tensors and plain values."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from face_forgery.training.records import Checkpoint

_FORMAT = 3  # raised when the fields of Checkpoint change their meaning
_REMEDY = "Start anew with --params training.resume=false, which replaces it"


def write_state(state: Checkpoint, path: Path) -> None:
    """Write ``state`` to ``path``."""
    import torch

    torch.save({"format": _FORMAT, **vars(state)}, path)


def read_state(path: Path) -> Checkpoint:
    """Read a state; only tensors and plain values are, a file with anything else is refused.

    Raises:
        ValueError: If the file is damaged, foreign, or of another format.
    """
    values = _read(path)
    names = {field.name for field in fields(Checkpoint)}
    if values.get("format") != _FORMAT or set(values) != names | {"format"}:
        raise ValueError(
            f"{path}: not a training state of format {_FORMAT} "
            f"(found format {values.get('format')!r}). {_REMEDY}"
        )
    return Checkpoint(**{name: values[name] for name in names})


def _read(path: Path) -> dict[str, Any]:
    import torch

    from face_forgery.modeling.factory import refuse_bomb

    try:
        refuse_bomb(path)
        values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile, pickle and torch each raise their own
        raise ValueError(
            f"{path}: cannot be read as a training state ({type(error).__name__}); "
            f"nothing in it was executed. {_REMEDY}"
        ) from error
    return values if isinstance(values, dict) else {}
