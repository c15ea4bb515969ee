"""Text files, replaced in one step."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from face_forgery.datasets.atomic import replacing


class AtomicTextDataset(AbstractDataset[str, str]):
    """One UTF-8 text file with LF line ends, replaced in one step.

    Example catalog entry::

        report:
          type: face_forgery.datasets.text_file.AtomicTextDataset
          filepath: data/08_reporting/report.html
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> str:
        """Return the text."""
        return self._filepath.read_text(encoding="utf-8")

    def save(self, data: str) -> None:
        """Write the text as it is."""
        with replacing(self._filepath) as partial:
            partial.write_text(data, encoding="utf-8", newline="\n")

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
