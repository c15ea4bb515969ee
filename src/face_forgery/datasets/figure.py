"""Figures as PNG files that other nodes can read again."""

import base64
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import ImagePreview
from matplotlib.figure import Figure

from face_forgery.datasets.atomic import replacing

_DPI = 150


class FigureDataset(AbstractDataset[Figure, bytes | None]):
    """A matplotlib figure goes in, the encoded PNG comes out.

    The report embeds figures, and nobody can turn a PNG back into a figure: hence the asymmetry.
    The same figure always gives the same bytes.

    Example catalog entry::

        roc_figure:
          type: face_forgery.datasets.figure.FigureDataset
          filepath: data/08_reporting/roc.png

    Args:
        filepath: Relative to the project.
        dpi: Pixels an inch.
        optional: Load None where there is no file: for what another pipeline may have drawn.
        metadata: For Kedro-Viz and the tracking hook.
    """

    def __init__(
        self,
        *,
        filepath: str,
        dpi: int = _DPI,
        optional: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._dpi = dpi
        self._optional = optional
        self.metadata = metadata

    def load(self) -> bytes | None:
        """Return the PNG as it lies on disk."""
        if self._optional and not self._filepath.exists():
            return None
        return self._filepath.read_bytes()

    def save(self, data: Figure) -> None:
        """Draw the figure; ``dpi`` pixels an inch."""
        with replacing(self._filepath) as partial:
            data.savefig(partial, format="png", dpi=self._dpi, metadata={"Software": None})

    def preview(self) -> ImagePreview:
        """Show the picture in Kedro-Viz."""
        return ImagePreview(base64.b64encode(self.load() or b"").decode("ascii"))

    def _exists(self) -> bool:
        return self._optional or self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "dpi": self._dpi, "optional": self._optional}
