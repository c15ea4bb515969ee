"""Parquet tables, replaced in one step."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from face_forgery.datasets.atomic import replacing


class AtomicParquetDataset(AbstractDataset[pd.DataFrame, pd.DataFrame | None]):
    """One Parquet file without an index, replaced in one step; column types come back.

    Args:
        filepath: The file.
        may_be_missing: Whether ``load`` returns ``None`` where there is no file, in place of an
            error.
        metadata: For Kedro-Viz and tracking.

    Example catalog entry::

        val_scores:
          type: face_forgery.datasets.parquet_file.AtomicParquetDataset
          filepath: data/07_model_output/val_scores.parquet
          metadata: {kedro-viz: {layer: model_output, preview_args: {nrows: 10}}}
    """

    def __init__(
        self,
        *,
        filepath: str,
        may_be_missing: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._may_be_missing = may_be_missing
        self.metadata = metadata

    def load(self) -> pd.DataFrame | None:
        """Return the table; a file that is none is an error that names the place."""
        if self._may_be_missing and not self._filepath.exists():
            return None
        try:
            return pd.read_parquet(self._filepath)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{self._filepath}: not a Parquet table ({error}); delete it and run the pipeline "
                "that writes it again"
            ) from error

    def save(self, data: pd.DataFrame) -> None:
        """Write the table; its index is not part of it."""
        with replacing(self._filepath) as partial:
            data.to_parquet(partial, index=False)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first rows in Kedro-Viz, reading no more than those."""
        file = pq.ParquetFile(self._filepath)
        batches = file.iter_batches(batch_size=nrows)
        head = next(batches, None) or file.schema_arrow.empty_table()
        rows = head.to_pandas().astype(object)
        return TablePreview(rows.where(rows.notna(), None).to_dict(orient="split"))

    def _exists(self) -> bool:
        return self._may_be_missing or self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
