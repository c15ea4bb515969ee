"""How a catalog entry is tracked, and what is recorded of a saved value.

An entry declares it under ``metadata: mlflow``::

    metadata:
      mlflow: {as: metrics}              # {"auc": {"value": .., "low": .., "high": ..}, ..}
      mlflow: {as: epoch_metrics}        # [{"epoch": 1, "train_loss": .., ..}, ..]
      mlflow: {as: artifact, folder: plots}
      mlflow: {as: model}                # a detector's folder
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

_MAX_PARAM_CHARS = 6000  # MLflow's own limit
_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")


class TrackingError(ValueError):
    """A run cannot be recorded as its catalog or its parameters ask."""


class Declaration(BaseModel):
    """How one catalog entry is recorded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["metrics", "epoch_metrics", "artifact", "model"] = Field(alias="as")
    folder: str | None = None

    @model_validator(mode="after")
    def _only_artifacts_have_a_folder(self) -> "Declaration":
        if (self.kind == "artifact") != (self.folder is not None):
            raise ValueError("folder goes with as=artifact, and only with it")
        return self


def read_declaration(name: str, metadata: Any) -> Declaration | None:
    """Return what the entry declares, or ``None`` if it declares nothing.

    Args:
        name: Of the catalog entry, for messages.
        metadata: The entry's ``metadata``: a mapping or ``None``.

    Raises:
        TrackingError: With the entry's name and every fault.
    """
    declared = (metadata or {}).get("mlflow")
    if declared is None:
        return None
    try:
        return Declaration.model_validate(declared)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'mlflow'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise TrackingError(
            f"catalog entry {name!r}: metadata.mlflow={declared!r} is not understood ({faults})"
        ) from error


def read_metrics(metrics: Any) -> dict[str, float]:
    """Return the numbers of a metrics report, flat: ``auc``, ``auc_low``, ``auc_high``.

    Args:
        metrics: Name -> number, or name -> ``{"value": .., "low": .., "high": ..}``. Anything but
            finite numbers (nulls, ``notes``, tables) is left out.
    """
    found: dict[str, float] = {}
    for name, entry in metrics.items():
        parts = entry if isinstance(entry, Mapping) and "value" in entry else {"value": entry}
        for part in ("value", "low", "high"):
            if _is_number(parts.get(part)):
                found[name if part == "value" else f"{name}_{part}"] = float(parts[part])
    return found


def read_epochs(
    history: Sequence[Mapping[str, Any]], *, after: int
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield epoch and numbers of every entry later than ``after``.

    Args:
        history: One mapping an epoch, with the key ``epoch``; what is not a finite number is
            left out. A number within a mapping is called ``OUTER.INNER``, without characters that
            MLflow does not take.
        after: The last epoch that is recorded already, 0 for none.
    """
    for entry in history:
        if entry["epoch"] > after:
            yield (
                int(entry["epoch"]),
                {name: float(value) for name, value in _name_each(entry) if _is_number(value)},
            )


def _name_each(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in entry.items():
        if isinstance(value, Mapping):
            for inner, number in value.items():
                yield f"{name}.{_NOT_IN_NAMES.sub('_', inner)}", number
        else:
            yield name, value


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested parameters by their dotted names, each as text.

    A text that is too long for MLflow is replaced by its length; ``parameters.json`` holds it.
    """
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        if len(text) > _MAX_PARAM_CHARS:
            text = f"({len(text):,} characters; whole in the artifact parameters.json)"
        flat[f"{prefix}{name}"] = text
    return flat


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
