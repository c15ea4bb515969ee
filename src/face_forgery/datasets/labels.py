"""Where labels come from: a label file, or a folder with one sub-folder a class."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

from kedro_datasets._typing import TablePreview

from face_forgery.data.labels.manifest import ManifestError, show_examples
from face_forgery.data.labels.readers import LabelFile, LabelFolder, LabelSource
from face_forgery.datasets.base import ReadOnlyDataset

_LABEL_SUFFIXES = {".txt", ".csv", ".tsv"}


class LabelsDataset(ReadOnlyDataset[LabelSource | None]):
    """The bytes of a label file, or the names of the files in a folder of class folders.

    What they mean is decided by ``face_forgery.data.labels.readers``.

    Example catalog entry::

        train_labels:
          type: face_forgery.datasets.labels.LabelsDataset
          root: ${params:data.root}
          labels: ${params:data.train_labels}
          parameter: data.train_labels
    """

    def __init__(
        self,
        *,
        root: str,
        labels: str | None,
        parameter: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._root = Path(root)
        self._labels = labels
        self._parameter = parameter
        self.metadata = metadata

    def load(self) -> LabelSource | None:
        """Return the label source, or None where there is none.

        Raises:
            ManifestError: If nothing is there; the message names the parameter and what is near.
        """
        if self._labels is None:
            return None
        path = self._root / self._labels
        if path.is_dir():
            return LabelFolder(str(path), tuple(sorted(_walk(path))))
        if not path.is_file():
            raise ManifestError(self._explain_absence(path))
        return LabelFile(str(path), path.read_bytes())

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first lines in Kedro-Viz, comma-separated values in columns."""
        if self._labels is None or not (self._root / self._labels).exists():
            return TablePreview({"index": [], "columns": [], "data": []})
        path = self._root / self._labels
        if path.is_dir():
            lines = [[name] for name in sorted(islice(_walk(path), nrows))]
        else:
            with path.open(encoding="utf-8-sig", errors="replace") as file:
                lines = [line.rstrip("\r\n").split(",") for line in islice(file, nrows)]
        width = max((len(line) for line in lines), default=0)
        rows = [line + [""] * (width - len(line)) for line in lines]
        columns = [str(number) for number in range(1, width + 1)]
        return TablePreview({"index": list(range(len(rows))), "columns": columns, "data": rows})

    def _explain_absence(self, path: Path) -> str:
        if not self._root.is_dir():
            return (
                f"{path}: the folder data.root={self._root} does not exist (relative to "
                f"{Path.cwd()}); set data.root to the folder that holds the label files and images"
            )
        names = [e.name for e in self._root.iterdir() if e.suffix.lower() in _LABEL_SUFFIXES]
        near = get_close_matches(path.name, sorted(names), n=3, cutoff=0.6) or sorted(names)
        found = f"similar: {show_examples(near)}" if near else "it holds no .txt, .csv or .tsv"
        return (
            f"{path}: no such label file in data.root={self._root} ({found}); set {self._parameter}"
        )

    def _exists(self) -> bool:
        return self._labels is None or (self._root / self._labels).exists()

    def _describe(self) -> dict[str, Any]:
        return {"root": str(self._root), "labels": self._labels}


def _walk(folder: Path) -> Iterator[str]:
    """Yield every file below, hidden ones left out, relative and with forward slashes."""
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        prefix = Path(path).relative_to(folder).as_posix()
        for name in sorted(files):  # a preview shows the first ones
            if not name.startswith("."):
                yield name if prefix == "." else f"{prefix}/{name}"
