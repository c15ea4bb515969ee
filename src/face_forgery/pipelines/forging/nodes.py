"""Nodes of the forging pipeline."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.params import DataParams, FacesParams, ForgingParams, IngestionParams
from face_forgery.progress import track


def find_landmarks(
    manifest: pd.DataFrame,
    landmark_file: pd.DataFrame | None,
    face_model: bytes | None,
    *,
    data: DataParams,
    ingestion: IngestionParams,
    faces: FacesParams,
) -> pd.DataFrame:
    """Return the landmarks of every real image: ``LANDMARK_COLUMNS``."""
    return ff.find_landmarks(
        manifest,
        landmark_file,
        None if face_model is None else ff.FaceFinder(face_model, faces),
        root=Path(data.root),
        num_workers=ingestion.num_workers,
    )


def forge_images(
    manifest: pd.DataFrame, landmark_table: pd.DataFrame, data: DataParams, forging: ForgingParams
) -> Iterator[Any]:
    """Forge every real image that has landmarks, yielding a batch of ``MadeImage`` at a time.

    A generator node: the catalog writes each batch as it comes; memory stays flat.
    """
    batches = ff.forge_set(
        manifest,
        landmark_table,
        root=Path(data.root),
        forger=ff.Forger(forging.kinds, forging.strength),
        seed=forging.seed,
        num_workers=forging.num_workers,
    )
    total = 2 * ff.count_forgeable(manifest, landmark_table)
    yield from track(batches, description="Forging images", total=total, count=len)
