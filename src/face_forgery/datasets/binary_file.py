"""A file of bytes, replaced in one step."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from face_forgery.datasets.atomic import replacing


class BinaryFileDataset(AbstractDataset[bytes, bytes]):
    """The content of a file.

    Example catalog entry::

        onnx_detector:
          type: face_forgery.datasets.binary_file.BinaryFileDataset
          filepath: data/06_models/detector.onnx
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> bytes:
        """Return the content."""
        return self._filepath.read_bytes()

    def save(self, data: bytes) -> None:
        """Replace the file."""
        with replacing(self._filepath) as partial:
            partial.write_bytes(data)

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
