"""Scores in the table that the challenge asks for, and the check that it will be accepted."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from face_forgery.data.labels.manifest import show_examples
from face_forgery.inference.scoring import score_files
from face_forgery.modeling.detector import Detector
from face_forgery.params import EngineName

SUBMISSION_COLUMNS = ("img_name", "y_pred")


class SubmissionError(ValueError):
    """A submission that would not be accepted; the message lists every fault."""


def submission_rows(labels: pd.DataFrame, val_manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a submission covers, in the order of their label file.

    They are those of the test set in ``labels``, every row of every label file; without a test set
    those of validation, and without a file of it those that were split off the training set.
    """
    for subset in ("test", "val"):
        rows = labels[labels["subset"] == subset]
        if len(rows):
            return rows.sort_values("row", kind="stable", ignore_index=True)
    return val_manifest.sort_values("row", kind="stable", ignore_index=True)


def score_rows(
    detector: Detector,
    rows: pd.DataFrame,
    root: Path,
    *,
    unreadable_score: float | None,
    batch_size: int,
    num_workers: int,
    engine: EngineName = "auto",
) -> pd.DataFrame:
    """Return a submission: one row for each of ``rows``, in their order.

    The columns are ``img_name`` as the label file spells it, and ``y_pred`` in [0, 1], the
    probability of forgery; an image that cannot be read has ``unreadable_score``. ``rows`` are
    those of ``submission_rows``, their ``path`` relative to ``root``.

    Raises:
        SubmissionError: If an image cannot be read and ``unreadable_score`` is ``None``.
    """
    paths = [root / path for path in rows["path"]]
    scored = score_files(
        detector,
        paths,
        batch_size=batch_size,
        num_workers=num_workers,
        engine=engine,
        description="scoring the submission",
    )
    names, bad = rows["img_name"].array, np.flatnonzero(scored.statuses != "ok")
    if bad.size and unreadable_score is None:
        named = "; ".join(f"{names[i]} ({scored.details[i]})" for i in bad[:3])
        raise SubmissionError(
            f"{bad.size} of {len(rows)} images of the submission cannot be read below {root}: "
            f"{named}. Repair them, or give them a score: submission.unreadable_score=0.5"
        )
    scores = scored.scores
    scores[bad] = np.nan if unreadable_score is None else unreadable_score
    return pd.DataFrame({"img_name": names, "y_pred": scores})


def check_submission(submission: pd.DataFrame, expected_names: pd.Series) -> pd.DataFrame:
    """Return ``submission`` if the challenge will accept it, or say everything wrong with it.

    ``expected_names``, ``(N,)``, is the column ``img_name`` of the label file.

    Raises:
        SubmissionError: Header, number of rows, names missing, unknown, repeated or in another
            order, scores that are no numbers, not finite or outside [0, 1]: all faults at once, up
            to three examples each.
    """
    if list(submission.columns) != list(SUBMISSION_COLUMNS):
        raise SubmissionError(
            f"the submission's header is {list(submission.columns)}, it must be "
            f"{list(SUBMISSION_COLUMNS)}"
        )
    names = submission["img_name"].to_numpy(dtype=object)
    expected = expected_names.to_numpy(dtype=object)
    faults = _name_faults(names, expected) + _score_faults(submission["y_pred"], names)
    if faults:
        raise SubmissionError(
            f"{len(faults)} fault(s) in the submission: {'; '.join(faults)}. "
            "Write it again: kedro run --pipelines submission"
        )
    return submission


def summarize_submission(submission: pd.DataFrame) -> dict[str, Any]:
    """Return what tells two submissions apart: rows, checksum, and the spread of the scores.

    The checksum is that of the CSV with LF line ends and scores in the fewest digits that give
    the same number back.
    """
    text = submission.to_csv(index=False, lineterminator="\n")
    scores = submission["y_pred"]
    return {
        "rows": len(submission),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "min": float(scores.min()),
        "mean": float(scores.mean()),
        "max": float(scores.max()),
    }


def _name_faults(names: Any, expected: Any) -> list[str]:
    faults = []
    if len(names) != len(expected):
        faults.append(f"{len(names)} rows, the label file has {len(expected)}")
    given, wanted = pd.Series(names, dtype=object), pd.Series(expected, dtype=object)
    groups = {
        "name(s) of the label file are missing": wanted[~wanted.isin(given)].to_numpy(),
        "name(s) are not in the label file": given[~given.isin(wanted)].to_numpy(),
        "name(s) are repeated": given[given.duplicated()].unique(),
    }
    faults += [
        f"{len(bad)} {what}: {show_examples(map(repr, bad))}"
        for what, bad in groups.items()
        if len(bad)
    ]
    if not faults and (moved := np.flatnonzero(names != expected)).size:
        faults.append(
            f"{moved.size} rows are not in the order of the label file: row {moved[0]} is "
            f"{names[moved[0]]!r}, expected {expected[moved[0]]!r}"
        )
    return faults


def _score_faults(scores: "pd.Series[Any]", names: Any) -> list[str]:
    if scores.dtype.kind in "bcmM":  # true, complex numbers and dates are no scores
        scores = pd.Series(np.nan, index=scores.index)
    numbers = pd.to_numeric(scores, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    not_finite = ~np.isfinite(numbers)
    outside = ~not_finite & ((numbers < 0) | (numbers > 1))
    groups = {"score(s) are no finite number": not_finite, "score(s) leave [0, 1]": outside}
    return [
        f"{int(bad.sum())} {what}: {show_examples(map(repr, names[bad]))}"
        for what, bad in groups.items()
        if bad.any()
    ]
