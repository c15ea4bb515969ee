"""How a job of judging ended, in a few lines."""

import logging

import pandas as pd

logger = logging.getLogger(__name__)

_WARN_ABOVE = 0.1  # of the images, without a score


class NothingJudgedError(ValueError):
    """None of the images or videos could be judged; the message has the most frequent reason."""


def describe_ending(judged: pd.DataFrame, *, unit: str) -> list[str]:
    """Return how many got which verdict, and how many none and why.

    Args:
        judged: A row an image or video: its name, then ``y_pred``, ``verdict``, ``status``,
            ``detail``.
        unit: What is counted, in the plural.

    Raises:
        NothingJudgedError: If none of them has a score.
    """
    without = judged[judged["y_pred"].isna()]
    statuses = judged.loc[judged["status"] != "ok", "status"].value_counts()
    verdicts = judged["verdict"].value_counts()
    parts = [f"{verdicts.get(name, 0):,} {name}" for name in ("real", "fake", "unsure")]
    parts += [f"{count:,} {status}" for status, count in statuses.items()]
    counts = f"{len(judged):,} {unit}: {', '.join(parts)}"
    if not len(without):
        return [counts]
    status = str(without["status"].value_counts().index[0])
    first = without[without["status"] == status].iloc[0]
    why = f"most often {status}, such as {first.iloc[0]}: {first['detail']}"
    if len(without) == len(judged):
        raise NothingJudgedError(f"none of the {len(judged):,} {unit} could be judged; {why}")
    if len(without) > _WARN_ABOVE * len(judged):
        logger.warning("%d of %d %s could not be judged; %s", len(without), len(judged), unit, why)
    return [counts]
