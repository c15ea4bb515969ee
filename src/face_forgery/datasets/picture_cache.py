"""Where decoded pictures are kept."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError


class PictureCacheDataset(AbstractDataset[NoReturn, Path | None]):
    """A folder that the loaders of training fill picture by picture; ``None``: there is none.

    What they write into it is described in ``data.loading.picture_cache``. The folder may be
    deleted whenever nothing trains.

    Example catalog entry::

        picture_cache:
          type: face_forgery.datasets.picture_cache.PictureCacheDataset
          filepath: ${params:training.cache}
    """

    def __init__(self, *, filepath: str | None, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = None if filepath is None else Path(filepath)
        self.metadata = metadata

    def load(self) -> Path | None:
        """Return the folder, which need not be there yet."""
        return self._filepath

    def save(self, data: NoReturn) -> None:
        """Refuse: loaders write it as they decode."""
        raise DatasetError("the picture cache is filled by the loaders of training")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": None if self._filepath is None else str(self._filepath)}
