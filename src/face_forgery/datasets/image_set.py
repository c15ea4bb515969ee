"""A drawn set on disk: pictures in folders and the label files that name them."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from face_forgery.synthetic.demo_set import DrawnRow

LABEL_FILES = {
    "train": "trainset_label.txt",
    "val": "valset_label.txt",
    "test": "testset_nolabel.txt",
}
_FOLDERS = {"train": "trainset", "val": "valset", "test": "testset"}
_LABEL_COLUMNS = ("img_name", "target", "group", "kind", "source")
_COLUMNS = {"train": _LABEL_COLUMNS, "val": _LABEL_COLUMNS, "test": ("img_name",)}
_MARKER = "ABOUT.txt"
_ABOUT = (
    "Drawn faces and forgeries made from them: no photograph, no person. The folder belongs to\n"
    "`kedro run --pipeline demo_data`, which replaces everything in it. See docs/demo_data.md.\n"
)
_DRAWN_NAME = re.compile(r"[0-9a-f]{32}\.jpg")
_EXAMPLES_SHOWN = 3


class ImageSetDataset(AbstractDataset[list[DrawnRow], pd.DataFrame]):
    """A folder of drawn pictures in the challenge's layout, written batch by batch.

    The first batch replaces the set that was there; each further one is added to it. Pictures are
    written before the rows that name them, so that a killed run leaves a smaller set that is
    whole. A folder that holds anything else is refused.

    Example catalog entry::

        demo_set:
          type: face_forgery.datasets.image_set.ImageSetDataset
          root: ${params:demo_data.root}
    """

    def __init__(self, *, root: str, metadata: dict[str, Any] | None = None) -> None:
        self._root = Path(root)
        self._begun = False
        self.metadata = metadata

    def save(self, data: list[DrawnRow]) -> None:
        """Add a batch of drawn rows.

        Raises:
            DatasetError: If the folder holds files that no drawing has written.
        """
        if not self._begun:
            self._clear()
            self._begun = True
        for drawn in data:
            (self._root / _FOLDERS[drawn.plan.subset] / drawn.plan.img_name).write_bytes(drawn.jpeg)
        for subset in LABEL_FILES:
            rows = [drawn for drawn in data if drawn.plan.subset == subset]
            if rows:
                self._append(subset, rows)

    def load(self) -> pd.DataFrame:
        """Return the label files as one table: ``subset`` and the columns of the label files."""
        tables = [self._read(subset) for subset in LABEL_FILES if self._label_file(subset).exists()]
        if not tables:
            raise DatasetError(
                f"{self._root} holds no label file of a drawn set; "
                "draw one: kedro run --pipeline demo_data"
            )
        return pd.concat(tables, ignore_index=True)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first rows in Kedro-Viz."""
        head = self.load().head(nrows).astype(object)
        return TablePreview(head.where(head.notna(), None).to_dict(orient="split"))

    def _label_file(self, subset: str) -> Path:
        return self._root / LABEL_FILES[subset]

    def _read(self, subset: str) -> pd.DataFrame:
        table = pd.read_csv(self._label_file(subset), dtype={"target": "Int8"})
        table.insert(0, "subset", subset)
        return table

    def _append(self, subset: str, rows: list[DrawnRow]) -> None:
        columns = _COLUMNS[subset]
        lines = [",".join(str(getattr(drawn.plan, name)) for name in columns) for drawn in rows]
        file = self._label_file(subset)
        if not file.exists():
            lines.insert(0, ",".join(columns))
        with file.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write("\n".join(lines) + "\n")

    def _clear(self) -> None:
        """Remove the older set, label files first, after checking that there is nothing else."""
        aliens = self._aliens()
        if aliens:
            shown = ", ".join(aliens[:_EXAMPLES_SHOWN]) + (
                ", ..." if aliens[_EXAMPLES_SHOWN:] else ""
            )
            raise DatasetError(
                f"{self._root}: {len(aliens)} file(s) that no drawing has written: {shown}. "
                "Set demo_data.root to a new folder, or to one that holds a drawn set only."
            )
        self._root.mkdir(parents=True, exist_ok=True)
        (self._root / _MARKER).write_text(_ABOUT, encoding="utf-8", newline="\n")
        for subset, folder in _FOLDERS.items():
            self._label_file(subset).unlink(missing_ok=True)
            (self._root / folder).mkdir(exist_ok=True)
            for picture in (self._root / folder).iterdir():
                picture.unlink()

    def _aliens(self) -> list[str]:
        if not self._root.exists():
            return []
        if not self._root.is_dir():
            return [str(self._root)]
        marked = (self._root / _MARKER).is_file()
        ours = {_MARKER, *LABEL_FILES.values(), *_FOLDERS.values()} if marked else set()
        aliens = [entry.name for entry in self._root.iterdir() if entry.name not in ours]
        for folder in _FOLDERS.values():
            if folder in ours and (self._root / folder).is_dir():
                names = (entry.name for entry in (self._root / folder).iterdir())
                aliens += [f"{folder}/{name}" for name in names if not _DRAWN_NAME.fullmatch(name)]
        return sorted(aliens)

    def _exists(self) -> bool:
        return self._label_file("train").exists()

    def _describe(self) -> dict[str, Any]:
        return {"root": str(self._root)}
