"""A made set on disk: images in folders and the label files that name them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from face_forgery.data.labels.manifest import show_examples
from face_forgery.datasets.atomic import FileError
from face_forgery.datasets.base import TableDataset

if TYPE_CHECKING:
    from face_forgery.forgery.made_images import MadeImage

LABEL_FILES = {
    "train": "trainset_label.txt",
    "val": "valset_label.txt",
    "test": "testset_nolabel.txt",
}
_FOLDERS = {"train": "trainset", "val": "valset", "test": "testset"}
_LABEL_COLUMNS = ["img_name", "target", "group", "kind", "source"]
_COLUMNS = {"train": _LABEL_COLUMNS, "val": _LABEL_COLUMNS, "test": ["img_name"]}
_MARKER = "ABOUT.txt"
_WHAT = {
    "demo_data": "Drawn faces and forgeries made from them: no photograph, no person.",
    "forging": "Pictures of faces and forgeries made from them.",
}
_ABOUT = (
    "{what} The folder belongs to\n"
    "`kedro run --pipelines {pipeline}`, which replaces everything in it. See docs/{pipeline}.md.\n"
)
_MADE_NAME = re.compile(r"[0-9a-f]{32}\.jpg")


class ImageSetDataset(TableDataset["Sequence[MadeImage]"]):
    """A folder of made images in the challenge's layout, written batch by batch.

    The first batch replaces the set that was there; each further one is added to it. Images are
    written before the rows that name them, so that a killed run leaves a smaller set that is
    whole. A folder that holds anything else is refused, the set of another pipeline than
    ``demo_data`` or ``forging`` too.
    """

    def __init__(
        self, *, root: str, pipeline: str = "demo_data", metadata: dict[str, Any] | None = None
    ) -> None:
        self._root = Path(root)
        self._pipeline = pipeline
        self._about = _ABOUT.format(what=_WHAT[pipeline], pipeline=pipeline)
        self._begun = False
        self.metadata = metadata

    def save(self, data: "Sequence[MadeImage]") -> None:
        """Add a batch of rows.

        Raises:
            FileError: If the folder holds files that the pipeline has not written.
        """
        if not self._begun:
            self._clear()
            self._begun = True
        for made in data:
            (self._root / _FOLDERS[made.subset] / made.img_name).write_bytes(made.jpeg)
        for subset in LABEL_FILES:
            if rows := [made for made in data if made.subset == subset]:
                file = self._label_file(subset)
                how: dict[str, Any] = {"mode": "a", "index": False, "lineterminator": "\n"}
                pd.DataFrame(rows)[_COLUMNS[subset]].to_csv(file, header=not file.exists(), **how)

    def load(self) -> pd.DataFrame:
        """Return the label files as one table: ``subset`` and the columns of the label files."""
        tables = [self._read(subset) for subset in LABEL_FILES if self._label_file(subset).exists()]
        if not tables:
            raise FileError(
                f"{self._root} holds no label file of a set; "
                f"make one: kedro run --pipelines {self._pipeline}"
            )
        return pd.concat(tables, ignore_index=True)

    def _label_file(self, subset: str) -> Path:
        return self._root / LABEL_FILES[subset]

    def _read(self, subset: str) -> pd.DataFrame:
        table = pd.read_csv(self._label_file(subset), dtype={"target": "Int8"})
        table.insert(0, "subset", subset)
        return table

    def _clear(self) -> None:
        """Remove the older set, label files first, after checking that there is nothing else."""
        if aliens := self._aliens():
            raise FileError(
                f"{self._root}: {len(aliens)} file(s) that {self._pipeline} has not written: "
                f"{show_examples(aliens)}. Set {self._pipeline}.root to a new folder, or to one "
                "that holds nothing but such a set."
            )
        self._root.mkdir(parents=True, exist_ok=True)
        (self._root / _MARKER).write_text(self._about, encoding="utf-8", newline="\n")
        for subset, folder in _FOLDERS.items():
            self._label_file(subset).unlink(missing_ok=True)
            (self._root / folder).mkdir(exist_ok=True)
            for image in (self._root / folder).iterdir():
                image.unlink()

    def _aliens(self) -> list[str]:
        if not self._root.exists():
            return []
        if not self._root.is_dir():
            return [str(self._root)]
        marker = self._root / _MARKER
        marked = marker.is_file() and marker.read_text("utf-8") == self._about
        ours = {_MARKER, *LABEL_FILES.values(), *_FOLDERS.values()} if marked else set()
        aliens = [entry.name for entry in self._root.iterdir() if entry.name not in ours]
        for folder in _FOLDERS.values():
            if folder in ours and (self._root / folder).is_dir():
                names = (entry.name for entry in (self._root / folder).iterdir())
                aliens += [f"{folder}/{name}" for name in names if not _MADE_NAME.fullmatch(name)]
        return sorted(aliens)

    def _exists(self) -> bool:
        return self._label_file("train").exists()
