"""Pages of a set, a file each, as they come."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from face_forgery.datasets.atomic import replacing
from face_forgery.inference.pages import Page


class PagesDataset(AbstractDataset[Page, list[Path]]):
    """A folder of HTML files; the first page of a set removes those of an older one.

    The last page of a set is its index, ``index.html``.

    Example catalog entry::

        explanations:
          type: face_forgery.datasets.pages.PagesDataset
          filepath: data/08_reporting/explanations
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> list[Path]:
        """Return the files in their order, without the index."""
        return sorted(self._filepath.glob("[0-9]*.html"))

    def save(self, data: Page) -> None:
        """Write one page."""
        if data.number == 1:
            for old in [self._filepath / "index.html", *self.load()]:
                old.unlink(missing_ok=True)
        with replacing(self._filepath / f"{data.name}.html") as partial:
            partial.write_text(data.html, encoding="utf-8", newline="\n")

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
