"""Scores of several detectors, brought together image by image."""

from collections.abc import Mapping

import pandas as pd

_NEEDED = ("target", "y_pred")


class ScoreError(ValueError):
    """Score tables that cannot be compared; the message says which, how many rows, and why."""


def align_scores(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row an image, with the score of every detector.

    Images are matched by ``path`` where all tables have it, else by ``img_name``.

    Args:
        tables: Name -> table with ``path`` or ``img_name``, ``target`` (0, 1), ``y_pred`` and,
            where known, ``group``.

    Returns:
        Columns ``image``, ``target``, ``group`` (the image itself where no table has one) and
        one of scores for each name, prefixed with ``score of``; in the order of the first table.

    Raises:
        ScoreError: If fewer than two tables are given, a column is missing, an image is there
            twice or not in all tables, a target is not 0 or 1, a score no number in [0, 1], or two
            tables disagree on a target.
    """
    if len(tables) < 2:
        raise ScoreError(
            f"comparison.scores names {len(tables)} score table(s), at least two are needed: "
            "comparison.scores.NAME=FILE,comparison.scores.OTHER=FILE"
        )
    key = "path" if all("path" in table for table in tables.values()) else "img_name"
    merged: pd.DataFrame | None = None
    for name, table in tables.items():
        _check_table(name, table, key)
        part = table.set_index(key)
        if merged is None:
            groups = part["group"] if "group" in part else part.index.to_series()
            merged = pd.DataFrame({"target": part["target"].astype("int64"), "group": groups})
        absent = merged.index.symmetric_difference(part.index)
        if len(absent):
            raise ScoreError(
                f"{name}: {len(absent):,} images are not in both this table and "
                f"{next(iter(tables))}, such as {absent[0]}; score the same images with both"
            )
        part = part.loc[merged.index]
        wrong = part["target"].astype("int64") != merged["target"]
        if wrong.any():
            raise ScoreError(
                f"{name}: {int(wrong.sum()):,} of {len(part):,} targets differ from those of "
                f"{next(iter(tables))}, such as that of {part.index[wrong][0]}"
            )
        merged[score_column(name)] = part["y_pred"].astype("float64")
    assert merged is not None
    return merged.rename_axis("image").reset_index()


def score_column(name: str) -> str:
    """Name of the column with the scores of a detector."""
    return f"score of {name}"


def _check_table(name: str, table: pd.DataFrame, key: str) -> None:
    missing = [column for column in (key, *_NEEDED) if column not in table]
    if missing:
        raise ScoreError(
            f"{name}: there is no column {', '.join(missing)}; there are {list(table.columns)}"
        )
    if twice := int(table[key].duplicated().sum()):
        raise ScoreError(f"{name}: {twice:,} images are there more than once (column {key})")
    if table.empty:
        raise ScoreError(f"{name}: the table has a header and no row")
    if unknown := int(table["target"].isna().sum()):
        raise ScoreError(f"{name}: {unknown:,} of {len(table):,} rows have no target")
    if nameless := int(table[key].isna().sum()):
        raise ScoreError(f"{name}: {nameless:,} of {len(table):,} rows have no {key}")
    _check_numbers(name, table, key)


def _check_numbers(name: str, table: pd.DataFrame, key: str) -> None:
    scores = pd.to_numeric(table["y_pred"], errors="coerce")
    faults = {
        "targets are not 0 (real) or 1 (fake)": ~pd.to_numeric(
            table["target"], errors="coerce"
        ).isin([0, 1]),
        "scores are no number in [0, 1]": ~scores.between(0.0, 1.0),
    }
    for fault, bad in faults.items():
        if bad.any():
            raise ScoreError(
                f"{name}: {int(bad.sum()):,} of {len(table):,} {fault}, such as that of "
                f"{table.loc[bad, key].iloc[0]}; write the table again with the detector's scores"
            )
