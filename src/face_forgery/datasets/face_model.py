"""The user's face detector, as the bytes of its file."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from face_forgery.data.images.decoding import InputError


class FaceModelDataset(AbstractDataset[NoReturn, bytes | None]):
    """The content of a YuNet file in ONNX; ``None`` where no file is named.

    Example catalog entry::

        face_model:
          type: face_forgery.datasets.face_model.FaceModelDataset
          filepath: ${params:faces.detector}
    """

    def __init__(self, *, filepath: str | None, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = None if filepath is None else Path(filepath)
        self.metadata = metadata

    def load(self) -> bytes | None:
        """Return the content.

        Raises:
            InputError: If the file cannot be read.
        """
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

    def save(self, data: NoReturn) -> None:
        """Refuse: the file is the user's."""
        raise DatasetError("the face detector is only read")

    def _exists(self) -> bool:
        return self._filepath is None or self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": None if self._filepath is None else str(self._filepath)}
