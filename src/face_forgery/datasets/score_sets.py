"""Tables of scores by name, from files or from MLflow runs."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from face_forgery.data.labels.manifest import shorten
from face_forgery.data.parquet_tables import check_unpacked
from face_forgery.data.redaction import mask
from face_forgery.datasets.atomic import FileError
from face_forgery.datasets.base import ReadOnlyDataset

_RUN = "run:"
_ARTIFACT = "scores/val_scores.parquet"


class ScoreSetsDataset(ReadOnlyDataset[dict[str, pd.DataFrame]]):
    """Scores of several detectors: name -> table.

    A source is a Parquet or CSV file, or ``run:ID``, the validation scores that an MLflow run left.
    """

    def __init__(
        self,
        *,
        sources: dict[str, str],
        tracking_uri: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._sources = sources
        self._tracking_uri = tracking_uri
        self.metadata = metadata

    def load(self) -> dict[str, pd.DataFrame]:
        """Read every table.

        Raises:
            FileError: If a file is missing or no table, or a run has no scores; names it.
        """
        return {name: self._read(name, source) for name, source in self._sources.items()}

    def _read(self, name: str, source: str) -> pd.DataFrame:
        path = self._fetch(name, source) if source.startswith(_RUN) else Path(source)
        try:
            if path.suffix == ".csv":
                return pd.read_csv(path)
            return pd.read_parquet(path, columns=check_unpacked(path))
        except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
            raise FileError(
                f"comparison.scores.{name}={source}: no Parquet or CSV table can be read there "
                f"({shorten(str(error))})"
            ) from error

    def _fetch(self, name: str, source: str) -> Path:
        import mlflow

        try:
            return Path(
                mlflow.artifacts.download_artifacts(
                    run_id=source.removeprefix(_RUN),
                    artifact_path=_ARTIFACT,
                    tracking_uri=self._tracking_uri,
                )
            )
        except (mlflow.MlflowException, OSError) as error:
            raise FileError(
                f"comparison.scores.{name}={source}: no run of that ID in "
                f"{mask(self._tracking_uri)}, or it left no {_ARTIFACT} ({mask(str(error))})"
            ) from error
