"""Tables and pages that come part by part."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from face_forgery.datasets.atomic import replacing
from face_forgery.datasets.base import FileDataset, TableDataset
from face_forgery.datasets.incremental_writer import IncrementalWriter, Part, publish
from face_forgery.inference.pages import Page
from face_forgery.inference.videos.judgement import TablePart


class GrowingTableDataset(FileDataset[TablePart, pd.DataFrame], TableDataset[TablePart]):
    """A CSV that takes its place in one step when its last part has come.

    Until then the parts are in the folder ``NAME.begun`` beside it, a CSV each, which anybody may
    read meanwhile. The first part of a table begins it anew.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._writer = IncrementalWriter(filepath)

    def save(self, data: TablePart) -> None:
        """Add a part; the last one makes the table whole.

        Raises:
            FileError: If the parts before it are not there any more.
        """
        if data.number == 1:
            self._writer.remove()
        self._writer.add(Part("rows", data.number - 1, data.number), {"rows": data.rows})
        if data.number == data.total:
            self._writer.check_complete(data.total)
            publish(str(self._filepath), partial(self._writer.gather, "rows"))
            self._writer.remove()

    def load(self) -> pd.DataFrame:
        """Return the whole table; an empty field is a missing value, and nothing else is."""
        return pd.read_csv(self._filepath, keep_default_na=False, na_values=[""])


class PagesDataset(FileDataset[Page, list[Path]]):
    """A folder of HTML files; the first page of a set removes those of an older one.

    The last page of a set brings its index, ``index.html``.
    """

    def load(self) -> list[Path]:
        """Return the files in their order, without the index."""
        return sorted(self._filepath.glob("[0-9]*.html"))

    def save(self, data: Page) -> None:
        """Write one page."""
        if data.number == 1:
            for old in [self._filepath / "index.html", *self.load()]:
                old.unlink(missing_ok=True)
        for name, html in data.files.items():
            with replacing(self._filepath / name) as partial:
                partial.write_text(html, encoding="utf-8", newline="\n")

    def _exists(self) -> bool:
        return bool(self.load())
