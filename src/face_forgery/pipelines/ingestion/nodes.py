"""Nodes of ingestion: each one is a sentence about labels and the files they name."""

from pathlib import Path
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.data.images.inspection import inspect_table, list_unusable
from face_forgery.data.labels.manifest import SUBSETS, assemble_manifest, check_rejected
from face_forgery.data.labels.readers import LabelSource
from face_forgery.data.labels.set_summary import describe_manifest, warn_of_photographs
from face_forgery.params import DataParams, FacesParams, IngestionParams


def read_labels(
    train_labels: LabelSource,
    val_labels: LabelSource | None,
    test_labels: LabelSource | None,
    data: DataParams,
    ingestion: IngestionParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one table of all labels, ``LABEL_COLUMNS``, and of files that they do not list."""
    sources = dict(zip(SUBSETS, (train_labels, val_labels, test_labels), strict=True))
    return ff.read_sources(sources, data, ingestion)


def inspect_images(
    label_table: pd.DataFrame,
    known_facts: pd.DataFrame | None,
    data: DataParams,
    ingestion: IngestionParams,
) -> pd.DataFrame:
    """Return what each image file is, or why it cannot be used: ``IMAGE_FACT_COLUMNS``.

    Files that have not changed since the last run are not opened again.
    """
    return inspect_table(
        label_table,
        root=Path(data.root),
        image_folders={subset: data.image_folder(subset) for subset in SUBSETS},
        num_workers=ingestion.num_workers,
        check=ingestion.check,
        known=known_facts,
        links_into=ingestion.links_into,
    )


def locate_faces(
    label_table: pd.DataFrame,
    image_facts: pd.DataFrame,
    face_model: bytes | None,
    *,
    data: DataParams,
    ingestion: IngestionParams,
    faces: FacesParams,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the face of every image (``FACE_COLUMNS``), and what it was found with.

    Images that sampling has cut are faces already; what they were cut with is then what counts.
    """
    given = None if face_model is None else ff.FaceFinder(face_model, faces)
    finder = ff.settle_finder((Path(data.root, path) for path in label_table["path"]), given)
    table = ff.find_faces(
        label_table,
        image_facts,
        finder,
        root=Path(data.root),
        num_workers=ingestion.num_workers,
    )
    model, params = (None, faces) if finder is None else (finder.model, finder.params)
    return table, ff.finder_values(model, params)


def list_rejected(image_facts: pd.DataFrame, face_table: pd.DataFrame) -> pd.DataFrame:
    """Return the images that cannot be used, and why: ``REJECTED_COLUMNS``."""
    return list_unusable(ff.mark_faceless(image_facts, face_table))


def build_manifest(
    label_table: pd.DataFrame,
    image_facts: pd.DataFrame,
    face_table: pd.DataFrame,
    rejected: pd.DataFrame,
    ingestion: IngestionParams,
) -> pd.DataFrame:
    """Join labels and facts of the usable images: ``MANIFEST_COLUMNS``.

    The list of rejected images is an input so that it lies on disk before too many are an error.
    """
    check_rejected(label_table, rejected, max_rejected=ingestion.max_rejected)
    manifest = assemble_manifest(label_table, ff.mark_faceless(image_facts, face_table))
    if face_table.empty:
        warn_of_photographs(manifest)
    return manifest


def summarize_data(manifest: pd.DataFrame, rejected: pd.DataFrame) -> dict[str, Any]:
    """Count classes, kinds, sources, sizes, formats and identical files."""
    return describe_manifest(manifest, rejected)


def plot_data(manifest: pd.DataFrame, data: DataParams) -> Any:
    """Draw counts, sizes and examples; returns a matplotlib figure."""
    return ff.draw_data(manifest, root=Path(data.root))
