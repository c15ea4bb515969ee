"""JSON files that are whole, strict and shown in Kedro-Viz."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview

from face_forgery.datasets.atomic import replacing

_EXAMPLES_SHOWN = 3


class AtomicJSONDataset(AbstractDataset[Any, Any]):
    """One JSON file, replaced in one step; NaN and infinity, which JSON lacks, are refused.

    Example catalog entry::

        metrics:
          type: face_forgery.datasets.json_file.AtomicJSONDataset
          filepath: data/08_reporting/metrics.json
          metadata: {kedro-viz: {layer: reporting}}

    Args:
        filepath: Relative to the project.
        optional: Load None where there is no file: for what another pipeline may have measured.
        metadata: For Kedro-Viz and the tracking hook.
    """

    def __init__(
        self, *, filepath: str, optional: bool = False, metadata: dict[str, Any] | None = None
    ) -> None:
        self._filepath = Path(filepath)
        self._optional = optional
        self.metadata = metadata

    def load(self) -> Any:
        """Return what was saved; a file that is no JSON is an error that names the place."""
        if self._optional and not self._filepath.exists():
            return None
        text = self._filepath.read_text(encoding="utf-8")
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{self._filepath}: not JSON ({error}); delete it and run the pipeline that "
                "writes it again"
            ) from error

    def save(self, data: Any) -> None:
        """Write dicts, lists, strings, finite numbers, booleans and None.

        Raises:
            ValueError: If a number is NaN or infinite; the message names up to three.
            TypeError: If a value is of another type.
        """
        if bad := list(_non_finite_names(data, "")):
            raise ValueError(
                f"{self._filepath}: {len(bad)} number(s) are NaN or infinite: "
                f"{', '.join(bad[:_EXAMPLES_SHOWN])}; a value that cannot be computed is null"
            )
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
        with replacing(self._filepath) as partial:
            partial.write_text(text + "\n", encoding="utf-8", newline="\n")

    def preview(self) -> JSONPreview:
        """Show the whole content in Kedro-Viz."""
        return JSONPreview(json.dumps(self.load(), ensure_ascii=False))

    def _exists(self) -> bool:
        return self._optional or self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "optional": self._optional}


def _non_finite_names(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _non_finite_names(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _non_finite_names(item, f"{name}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{name or 'the value'}={value}"
