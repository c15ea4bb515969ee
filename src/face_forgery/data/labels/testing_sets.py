"""Labelled sets that a frozen detector is tested on: their label files to one table."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from posixpath import dirname
from typing import Any

import pandas as pd

from face_forgery.data.labels.class_folders import find_classes, leave_out
from face_forgery.data.labels.label_csv import LabelFile, parse_labels
from face_forgery.data.labels.layouts.reading import find_layout
from face_forgery.data.labels.layouts.tree import LabelFolder
from face_forgery.data.labels.manifest import (
    LABEL_COLUMNS,
    MANIFEST_COLUMNS,
    OK,
    ManifestError,
    show_examples,
    show_statuses,
)
from face_forgery.data.labels.named_sets import read_named_set
from face_forgery.data.labels.readers import LabelSource
from face_forgery.params import DataParams, IngestionParams, LabelSet, TestingParams

logger = logging.getLogger(__name__)

SCORE_COLUMNS = ("set", "y_pred", "status", "detail")
"""Columns that a test adds; a label file's own ones of these names are left out."""
_NOTHING = (
    "there is no labelled set to test on: name one by --params "
    "testing.sets.NAME.labels=FILE,testing.sets.NAME.images=FOLDER, or several in "
    "conf/local/parameters.yml; data.test_labels is tested, too, where it has targets"
)


def list_sets(
    sources: Mapping[str, LabelSource],
    testing: TestingParams,
    data: DataParams,
    ingestion: IngestionParams,
) -> list[LabelSet]:
    """Return the sets of ``testing``, and the test set of ``data`` where it has targets.

    ``sources`` are by the name of the set; that of ``data`` is ``TestingParams.reserved``.
    """
    sets = list(testing.sets)
    own = sources.get(testing.reserved)
    if isinstance(own, LabelFile | LabelFolder) and _is_labelled(own, data, ingestion):
        where = {"labels": own.where, "images": f"{data.root}/{data.test_images}"}
        sets.append(LabelSet(name=testing.reserved, layout=data.layout, **where))
    return sets


def _is_labelled(
    source: LabelFile | LabelFolder, data: DataParams, ingestion: IngestionParams
) -> bool:
    if isinstance(source, LabelFile):
        return "target" in parse_labels(source, columns=ingestion.columns, labels=None)[0]
    if find_layout(source.where, source.names, data.layout) is not None:
        return True
    folders = pd.Series(leave_out(source.where, source.names, ingestion.exclude)).map(dirname)
    try:
        find_classes(source.where, folders, ingestion.class_folders)
    except ManifestError:
        return False
    return True


def refuse_no_sets(sets: Sequence[LabelSet]) -> None:
    """Refuse to test on nothing.

    Raises:
        ManifestError: Names the ways to give a set.
    """
    if not sets:
        raise ManifestError(_NOTHING)


def read_sets(
    sets: Iterable[LabelSet], sources: Mapping[str, LabelSource], ingestion: IngestionParams
) -> pd.DataFrame:
    """Return a row for each image of all sets: ``LABEL_COLUMNS``, and further columns as strings.

    The column ``subset`` is the name of the set; of a layout with an official test set it has that
    one. Videos and groups of one name in two sets have nothing to do with each other.

    Raises:
        ManifestError: As `read_sources`; names the set.
    """
    tables = [pd.DataFrame(columns=list(LABEL_COLUMNS)).astype(LABEL_COLUMNS)]
    for one in sets:
        table = read_named_set(
            one, sources[one.name], ingestion, parameter="testing.sets", is_tested=True
        )
        if taken := [name for name in table if name in SCORE_COLUMNS]:
            logger.warning("%s: columns left out: %s", one.name, show_examples(taken))
        tables.append(table.drop(columns=taken).assign(subset=one.name))
    joined = pd.concat(tables, ignore_index=True)
    return joined.astype({"subset": MANIFEST_COLUMNS["subset"]})


def check_usable(facts: pd.DataFrame) -> None:
    """Refuse a set of which no image can be used.

    ``facts`` are ``IMAGE_FACT_COLUMNS`` of all sets.

    Raises:
        ManifestError: Naming the set, and the reason of the first image.
    """
    for name, rows in facts.groupby("subset", sort=False):
        if (rows["status"] == OK).any():
            continue
        first = show_examples([f"{rows['img_name'].iloc[0]}: {rows['detail'].iloc[0]}"])
        raise ManifestError(
            f"testing.sets, the set {name}: none of its {len(rows):,} images can be used "
            f"({show_statuses(rows)}), such as {first}; correct images or labels of the set"
        )


def count_images(
    scores: pd.DataFrame, rejected: pd.DataFrame, overlaps: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Count the images of each set: listed, ``rejected`` by status, seen by the detector, scored.

    ``scores`` has ``set`` and ``status``, ``rejected`` each row without a score.
    """
    rows = []
    for name in dict.fromkeys([*rejected["set"], *scores["set"]]):
        statuses = rejected.loc[rejected["set"] == name, "status"].value_counts()
        num_scored = int(((scores["set"] == name) & (scores["status"] == OK)).sum())
        num_seen = overlaps["by_set"].get(name, 0)
        row = {"set": str(name), "listed": num_scored + int(statuses.sum()) + num_seen}
        row |= {"rejected": {str(status): int(n) for status, n in statuses.items()}}
        rows.append(row | {"seen": num_seen, "scored": num_scored})
    return rows
