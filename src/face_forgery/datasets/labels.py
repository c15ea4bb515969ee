"""Where labels come from: a label file, or a folder with one sub-folder a class."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from face_forgery.data.images.listing import is_new_folder
from face_forgery.data.labels.locations import explain_absence
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import LabelFile, LabelFolder, LabelSource
from face_forgery.datasets.base import ReadOnlyDataset


class LabelsDataset(ReadOnlyDataset[LabelSource | None]):
    """The bytes of a label file, or the names of the files in a folder of class folders.

    What they mean is decided by ``face_forgery.data.labels.readers``.
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
            subset = self._parameter.removeprefix("data.").removesuffix("_labels")
            raise ManifestError(explain_absence(self._root, self._labels, subset))
        return LabelFile(str(path), path.read_bytes())

    def _exists(self) -> bool:
        return self._labels is None or (self._root / self._labels).exists()


def _walk(folder: Path) -> Iterator[str]:
    """Yield every file below, relative and with forward slashes; follows links, once each."""
    seen = {folder.resolve()}
    for path, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        here = Path(path)
        folders[:] = [name for name in folders if is_new_folder(here / name, seen)]
        prefix = here.relative_to(folder).as_posix()
        yield from files if prefix == "." else (f"{prefix}/{name}" for name in files)


def _refuse(error: OSError) -> NoReturn:
    raise ManifestError(f"{error.filename}: a folder that cannot be listed: {error.strerror}")
