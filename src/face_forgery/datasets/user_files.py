"""Files of the user: images, videos, landmarks, a face detector. None of them is ever written."""

from pathlib import Path
from typing import Any

import pandas as pd
from kedro_datasets._typing import TablePreview

from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.listing import list_images, list_videos
from face_forgery.data.images.remote import is_url, reach
from face_forgery.datasets.base import Loaded, ReadOnlyDataset, preview_rows
from face_forgery.forgery.making.landmarks import LandmarksError


class ImageListDataset(ReadOnlyDataset[pd.DataFrame]):
    """The table of a user's images (`list_images`).

    Kedro puts the project's folder before a relative ``filepath``, and leaves a URL alone.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = filepath if is_url(filepath) else Path(filepath)
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """List the images; none is opened."""
        return list_images(self._filepath)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first names in Kedro-Viz."""
        return preview_rows(self.load()[["img_name"]], nrows)

    def _exists(self) -> bool:
        system, path = reach(str(self._filepath))
        return bool(system.exists(path))


class VideoListDataset(ImageListDataset):
    """The table of a user's videos (`list_videos`)."""

    def load(self) -> pd.DataFrame:
        """List the videos; none is opened."""
        return list_videos(self._filepath)


class _OptionalFileDataset(ReadOnlyDataset[Loaded]):
    """A file that a parameter names; there may be none."""

    def __init__(self, *, filepath: str | None, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = None if filepath is None else Path(filepath)
        self.metadata = metadata

    def _exists(self) -> bool:
        return self._filepath is None or self._filepath.exists()


class FaceModelDataset(_OptionalFileDataset[bytes | None]):
    """The content of a YuNet file in ONNX; ``None`` where no file is named."""

    def load(self) -> bytes | None:
        """Return the content; InputError if the file cannot be read."""
        if self._filepath is None:
            return None
        try:
            return self._filepath.read_bytes()
        except OSError as error:
            raise InputError(
                f"faces.detector={self._filepath}: {error.strerror}; name a YuNet file in ONNX "
                "(face_detection_yunet_2023mar.onnx of OpenCV's model zoo), or null to take "
                "images whole"
            ) from error


class LandmarkFileDataset(_OptionalFileDataset[pd.DataFrame | None]):
    """A CSV ``img_name,x0,y0,x1,y1,...``; ``None`` where no file is named."""

    def load(self) -> pd.DataFrame | None:
        """Return the table; LandmarksError if the file cannot be read or is no CSV."""
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
