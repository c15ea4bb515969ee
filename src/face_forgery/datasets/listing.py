"""The images or videos that you want judged, as inputs of the catalog."""

from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from face_forgery.data.images.listing import list_images, list_videos
from face_forgery.data.images.remote import is_url, open_file_system


class ImageListDataset(AbstractDataset[NoReturn, pd.DataFrame]):
    """The table of your images; see ``face_forgery.data.images.listing.list_images``.

    Kedro puts the project's folder before a relative ``filepath``, and leaves a URL alone; ``~`` is
    your home folder.

    Example catalog entry::

        images:
          type: face_forgery.datasets.listing.ImageListDataset
          filepath: ${params:inference.images}
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = filepath if is_url(filepath) else _expand_home(Path(filepath))
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """List the images; none is opened."""
        return list_images(self._filepath)

    def save(self, data: NoReturn) -> None:
        """Refuse: the files are yours."""
        raise DatasetError("images and videos are only read")

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first names in Kedro-Viz."""
        names = self.load()[["img_name"]].head(nrows)
        return TablePreview(names.to_dict(orient="split"))

    def _exists(self) -> bool:
        if isinstance(self._filepath, Path):
            return self._filepath.exists()
        system, path = open_file_system(self._filepath)
        return bool(system.exists(path))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class VideoListDataset(ImageListDataset):
    """The table of your videos; see ``face_forgery.data.images.listing.list_videos``.

    Example catalog entry::

        videos:
          type: face_forgery.datasets.listing.VideoListDataset
          filepath: ${params:video.videos}
    """

    def load(self) -> pd.DataFrame:
        """List the videos; none is opened."""
        return list_videos(self._filepath)


def _expand_home(path: Path) -> Path:
    """Expand ``~`` also behind the project's folder, where Kedro has moved it."""
    if "~" not in path.parts or path.exists():
        return path
    return Path(*path.parts[path.parts.index("~") :]).expanduser()
