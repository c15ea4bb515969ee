"""Scores of several detectors, brought together picture by picture."""

from collections.abc import Mapping

import pandas as pd

_NEEDED = ("target", "y_pred")


class ScoreError(ValueError):
    """Score tables that cannot be compared; the message says which, how many rows, and why."""


def align_scores(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row a picture, with the score of every detector.

    Pictures are matched by ``path`` where all tables have it, else by ``img_name``.

    Args:
        tables: Name -> table with ``path`` or ``img_name``, ``target`` (0, 1), ``y_pred`` and,
            where known, ``group``.

    Returns:
        Columns ``picture``, ``target``, ``group`` (the picture itself where no table has one) and
        one of scores for each name, prefixed with ``score of``; in the order of the first table.

    Raises:
        ScoreError: If fewer than two tables are given, a column is missing, a picture is there
            twice or not in all tables, or two tables disagree on a target.
    """
    if len(tables) < 2:
        raise ScoreError(
            f"{len(tables)} score table(s) given, at least two are needed; name them: kedro run "
            "--pipelines comparison --params comparison.scores.NAME=FILE,comparison.scores.OTHER="
            "FILE"
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
                f"{name}: {len(absent):,} pictures are not in both this table and "
                f"{next(iter(tables))}, such as {absent[0]}; score the same pictures with both"
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
    return merged.rename_axis("picture").reset_index()


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
        raise ScoreError(f"{name}: {twice:,} pictures are there more than once (column {key})")
    if unknown := int(table["target"].isna().sum()):
        raise ScoreError(f"{name}: {unknown:,} of {len(table):,} rows have no target")
