"""What the datasets share: how they are shown, a file of their own, none to write."""

from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

Saved = TypeVar("Saved")
Loaded = TypeVar("Loaded")

_SHOWN = ("_filepath", "_root", "_labels", "_folders", "_sources")


class Dataset(AbstractDataset[Saved, Loaded]):
    """A dataset that is shown with the path, URL or names that its catalog entry gives."""

    def _describe(self) -> dict[str, Any]:
        values = vars(self)
        return {name[1:]: str(values[name]) for name in _SHOWN if values.get(name) is not None}


class TableDataset(Dataset[Saved, pd.DataFrame]):
    """A dataset that is a table."""

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first rows in Kedro-Viz."""
        return preview_rows(self.load(), nrows)


class FileDataset(Dataset[Saved, Loaded]):
    """One file or folder of this machine, ``filepath``."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def _exists(self) -> bool:
        return self._filepath.exists()


class ReadOnlyDataset(Dataset[NoReturn, Loaded]):
    """A dataset that refuses to save."""

    def save(self, data: NoReturn) -> None:
        """Refuse.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self!s}: it is only read")

    def _exists(self) -> bool:
        return True


def preview_rows(table: pd.DataFrame, nrows: int) -> TablePreview:
    """Return the first rows for Kedro-Viz; a missing value is ``None``, because NaN is no JSON."""
    head = table.head(nrows).astype(object)
    return TablePreview(head.where(head.notna(), None).to_dict(orient="split"))
