"""A set with a name of its own, whose paths start from the project: read as if for training."""

import logging
from typing import Any

import pandas as pd

from face_forgery.data.labels.manifest import ManifestError, show_examples
from face_forgery.data.labels.readers import LabelSource, read_sources
from face_forgery.params import DataParams, IngestionParams, LabelSet

logger = logging.getLogger(__name__)


def read_named_set(
    one: LabelSet, source: LabelSource, ingestion: IngestionParams, *, parameter: str, **how: Any
) -> pd.DataFrame:
    """Return the table of `read_sources`, and warn of files that lie there and are in no row.

    ``parameter`` is what names the set; ``how`` is as of `read_sources`.

    Raises:
        ManifestError: As `read_sources`; names the set.
    """
    try:
        table, unlisted = read_sources({"train": source}, DataParams.of_set(one), ingestion, **how)
    except ManifestError as error:
        told = str(error).replace("data.train_", "").replace("data.layout", "layout")
        raise ManifestError(f"{parameter}, the set {one.name}: {told}") from error
    if len(unlisted):
        logger.warning(
            "%s: %s file(s) lie there and are in no row: %s",
            one.name,
            f"{len(unlisted):,}",
            show_examples(unlisted["img_name"].head(4)),
        )
    return table
