"""Where labels come from: a label file, or a folder of a known layout."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from face_forgery.data.images.listing import is_new_folder
from face_forgery.data.labels.layouts import sampled
from face_forgery.data.labels.layouts.reading import label_files
from face_forgery.data.labels.locations import explain_absence
from face_forgery.data.labels.manifest import ManifestError, show_examples
from face_forgery.data.labels.readers import LabelFile, LabelFolder, LabelSets, LabelSource
from face_forgery.datasets.base import ReadOnlyDataset
from face_forgery.limits import MAX_LABEL_BYTES, MAX_LABEL_FILES


class LabelsDataset(ReadOnlyDataset[LabelSource | None]):
    """The bytes of a label file, or the names of the files in a folder, with its label files.

    A label file in JSON comes with the names of the files in ``images``. What they mean is decided
    by ``face_forgery.data.labels.readers``.
    """

    def __init__(
        self,
        *,
        root: str,
        labels: str | None,
        parameter: str,
        images: str | None = None,
        layout: str = "auto",
        sets: Sequence[Mapping[str, str]] = (),
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._root = Path(root)
        self._labels = labels
        self._parameter = parameter
        self._images = images
        self._layout = layout
        self._sets = {
            one["name"]: LabelsDataset(
                root=root,
                labels=one["labels"],
                images=one["images"],
                layout=one.get("layout", "auto"),
                parameter="data.sets",
            )
            for one in sets
        }
        self.metadata = metadata

    def load(self) -> LabelSource | None:
        """Return the label source, or None where there is none; ``sets`` come before ``labels``.

        Raises:
            ManifestError: If nothing is there; the message names the parameter and what is near.
        """
        if self._sets:
            return LabelSets({name: one.load() for name, one in self._sets.items()})
        if self._labels is None:
            return None
        path = self._root / self._labels
        if path.is_dir():
            return self._list_folder(path)
        if not path.is_file():
            subset = self._parameter.removeprefix("data.").removesuffix("_labels")
            raise ManifestError(explain_absence(self._root, self._labels, subset))
        if path.name == sampled.LABELS and (path.parent / sampled.RECORD).is_file():
            return self._list_folder(path.parent)  # its official splits count
        if path.suffix.lower() == ".json" and self._images is not None:
            names = tuple(sorted(_walk(self._root / self._images)))
            return LabelFolder(str(path), names, {path.name: _read(path)})
        return LabelFile(str(path), path.read_bytes())

    def _list_folder(self, path: Path) -> LabelFolder:
        names = tuple(sorted(_walk(path)))
        files = label_files(str(path), names, self._layout)
        if len(files) > MAX_LABEL_FILES:
            raise ManifestError(
                f"{path}: {len(files):,} label files, more than the {MAX_LABEL_FILES:,} that are "
                f"read: {show_examples(files[:4])}; is it another data.layout?"
            )
        return LabelFolder(str(path), names, {name: _read(path / name) for name in files})

    def _exists(self) -> bool:
        if self._sets:
            return all(one.exists() for one in self._sets.values())
        return self._labels is None or (self._root / self._labels).exists()


def _read(file: Path) -> bytes:
    if file.stat().st_size > MAX_LABEL_BYTES:
        raise ManifestError(f"{file}: a label file of more than {MAX_LABEL_BYTES:,} bytes")
    return file.read_bytes()


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
