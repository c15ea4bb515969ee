"""How a catalog entry is tracked, and what is recorded of a saved value.

An entry declares it under ``metadata: mlflow``::

    metadata:
      mlflow: {as: metrics, group: val}  # {"auc": {"value": .., "low": .., "high": ..}, ..}
      mlflow: {as: epoch_metrics}        # [{"epoch": 1, "train_loss": .., ..}, ..]
      mlflow: {as: artifact, folder: plots}
      mlflow: {as: artifact, folder: reports, group: robustness}    # its numbers, too
      mlflow: {as: artifact, folder: reports, note: true}           # describes the run, too
      mlflow: {as: model}                # a detector's folder
      mlflow: {as: input}                # a manifest that a node reads
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

EPOCH = "epoch/"  # begins the names of numbers that every epoch has
_MAX_PARAM_CHARS = 6000  # MLflow's own limit
_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")


class TrackingError(ValueError):
    """A run cannot be recorded as its catalog or its parameters ask."""


class Declaration(BaseModel):
    """How one catalog entry is recorded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["metrics", "epoch_metrics", "artifact", "model", "input"] = Field(alias="as")
    folder: str | None = None
    group: str | None = None
    note: bool = False

    @model_validator(mode="after")
    def _each_kind_has_what_it_needs(self) -> "Declaration":
        if (self.kind == "artifact") != (self.folder is not None):
            raise ValueError("folder goes with as=artifact, and only with it")
        if self.kind == "metrics" and self.group is None:
            raise ValueError("as=metrics needs a group, the first part of their names")
        return self


def read_declaration(name: str, metadata: Any) -> Declaration | None:
    """Return what the catalog entry ``name`` declares, or ``None`` if it declares nothing.

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


def read_metrics(report: Any, group: str) -> dict[str, float]:
    """Return the numbers of a report by the names that MLflow gets: ``GROUP/NAME``.

    Anything but finite numbers (nulls, ``notes``) is left out.

    Args:
        report: Name -> number, or name -> ``{"value": .., "low": .., "high": ..}``, whose ends are
            called ``interval/NAME_low`` and ``interval/NAME_high``. Of one with ``cells``, and of
            tables of cells, that whose ``key`` is the group: the AUC of each cell, the lowest where
            several have one name. Of one with ``rows``, each of a ``set`` and ``unit``, the
            ``metrics`` and ``verdicts`` of each, called ``GROUP/SET/UNIT/NAME``.
        group: The first part of the names.
    """
    found: dict[str, Any] = {}
    if not isinstance(report, list) and "rows" in report:
        return {
            name: value
            for row in report["rows"]
            for name, value in read_metrics(
                row["metrics"] | row["verdicts"], f"{group}/{_clean(row['set'])}/{row['unit']}"
            ).items()
        }
    if isinstance(report, list) or "cells" in report:
        tables = report if isinstance(report, list) else [{"key": group, **report}]
        for cell in (cell for table in tables if table["key"] == group for cell in table["cells"]):
            name, value = f"{group}/{_clean(cell['name'])}", cell["auc"]["value"]
            found[name] = value if value is None else min(value, found.get(name) or value)
    else:
        for name, entry in report.items():
            parts = entry if isinstance(entry, Mapping) else {"value": entry}
            found[f"{group}/{name}"] = parts.get("value")
            within = f"{group}/" if "/" in group else ""
            found |= {f"interval/{within}{name}_{end}": parts.get(end) for end in ("low", "high")}
    return {name: float(value) for name, value in found.items() if _is_number(value)}


def read_epochs(
    history: Sequence[Mapping[str, Any]], *, after: int
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield epoch and numbers of every entry later than ``after``, the last one recorded already.

    What is not a finite number is left out. A number is called ``epoch/NAME``, and within a mapping
    ``epoch/OUTER.INNER``, without characters that MLflow does not take.
    """
    for entry in history:
        if entry["epoch"] > after:
            numbers: dict[str, Any] = {}
            for name, value in entry.items():
                parts = value if isinstance(value, Mapping) else {}
                numbers |= {f"{name}.{_clean(inner)}": number for inner, number in parts.items()}
                numbers[name] = value
            yield (
                int(entry["epoch"]),
                {f"{EPOCH}{n}": float(value) for n, value in numbers.items() if _is_number(value)},
            )


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


def _clean(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
