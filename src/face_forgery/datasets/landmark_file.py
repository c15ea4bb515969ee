"""The user's landmarks, as a table."""

from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from face_forgery.forgery.making.landmarks import LandmarksError


class LandmarkFileDataset(AbstractDataset[NoReturn, pd.DataFrame | None]):
    """A CSV ``img_name,x0,y0,x1,y1,...``; ``None`` where no file is named.

    Example catalog entry::

        landmark_file:
          type: face_forgery.datasets.landmark_file.LandmarkFileDataset
          filepath: ${params:forging.landmarks}
    """

    def __init__(self, *, filepath: str | None, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = None if filepath is None else Path(filepath)
        self.metadata = metadata

    def load(self) -> pd.DataFrame | None:
        """Return the table.

        Raises:
            LandmarksError: If the file cannot be read or is no CSV.
        """
        if self._filepath is None:
            return None
        try:
            table: pd.DataFrame = pd.read_csv(self._filepath, dtype={"img_name": "string"})
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error).strip()
            raise LandmarksError(
                f"forging.landmarks={self._filepath}: {reason}; name a CSV "
                "img_name,x0,y0,x1,y1,..., or null to let faces.detector find them"
            ) from error
        return table

    def save(self, data: NoReturn) -> None:
        """Refuse: the file is the user's."""
        raise DatasetError("landmarks are only read")

    def _exists(self) -> bool:
        return self._filepath is None or self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": None if self._filepath is None else str(self._filepath)}
