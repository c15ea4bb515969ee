"""From scores to verdicts: the two thresholds, and what they really reach.

``score >= fake_threshold`` is called fake, ``score < real_threshold`` real, the rest unsure.
"""

from dataclasses import dataclass

import numpy as np

from face_forgery.metrics.binary import Scores, Targets, check_probabilities
from face_forgery.metrics.weighted import Floats, count_allowed


@dataclass(frozen=True)
class ChosenThresholds:
    """Two thresholds with the rates that were asked for and those that were measured."""

    real_threshold: float  # below: real
    fake_threshold: float  # from here on: fake; never below real_threshold
    target_fpr: float  # share of real images that may be called fake
    target_fnr: float  # share of forgeries that may be called real
    fpr: float  # share of real images called fake
    tpr: float  # share of forgeries called fake
    fnr: float  # share of forgeries called real
    unsure_share: float  # of all images
    num_real: int
    num_fake: int


def choose_thresholds(
    scores: Scores, targets: Targets, *, target_fpr: float, target_fnr: float
) -> ChosenThresholds:
    """Choose the thresholds that leave as little unsure as the two targets allow.

    ``fake_threshold`` is the lowest with a false-positive rate of at most ``target_fpr``;
    ``real_threshold`` the highest, up to ``fake_threshold``, that calls at most ``target_fnr`` of
    the forgeries real. Both lie halfway between two observed scores (or an observed score and the
    end of the scale), so that float noise moves no image across. Where nothing may be called fake
    although a real image scores 1, ``fake_threshold`` is the next number above 1.

    Args:
        scores: ``(N,)``, probability of forgery.
        targets: ``(N,)``, 0 = real, 1 = forged.
        target_fpr: In (0, 1).
        target_fnr: In (0, 1).

    Raises:
        ValueError: If the arrays do not fit together, only one class occurs, a score is no
            probability, or a target is no rate.

    Example:
        >>> chosen = choose_thresholds(
        ...     np.array([0.125, 0.25, 0.75, 1.0]),
        ...     np.array([0, 0, 1, 1]),
        ...     target_fpr=0.1,
        ...     target_fnr=0.1,
        ... )
        >>> chosen.real_threshold, chosen.fake_threshold, chosen.tpr
        (0.5, 0.5, 1.0)
    """
    for name, rate in (("target_fpr", target_fpr), ("target_fnr", target_fnr)):
        if not 0.0 < rate < 1.0:
            raise ValueError(f"{name}={rate} is not a rate between 0 and 1")
    scores, targets = check_probabilities(scores, targets)
    levels = np.unique(scores)
    reals, fakes = np.sort(scores[targets == 0]), np.sort(scores[targets == 1])
    num_called_fake = int(count_allowed(target_fpr, len(reals)))
    highest_spared = reals[len(reals) - 1 - num_called_fake]
    fake_threshold = _just_above(highest_spared, levels)
    num_called_real = int(count_allowed(target_fnr, len(fakes)))
    lowest_spared = fakes[num_called_real]
    real_threshold = min(_just_below(lowest_spared, levels), fake_threshold)
    is_unsure = (scores >= real_threshold) & (scores < fake_threshold)
    return ChosenThresholds(
        real_threshold=real_threshold,
        fake_threshold=fake_threshold,
        target_fpr=target_fpr,
        target_fnr=target_fnr,
        fpr=float((reals >= fake_threshold).mean()),
        tpr=float((fakes >= fake_threshold).mean()),
        fnr=float((fakes < real_threshold).mean()),
        unsure_share=float(is_unsure.mean()),
        num_real=len(reals),
        num_fake=len(fakes),
    )


def note_limits(chosen: ChosenThresholds) -> list[str]:
    """Sentences about what the thresholds cannot promise; empty where nothing is amiss."""
    notes = []
    if 1 / chosen.num_real > chosen.target_fpr:
        notes.append(
            f"{chosen.num_real} real images cannot show a false-positive rate of "
            f"{chosen.target_fpr:g}: no real image may be called fake, and the true rate can still "
            f"be higher. At least {round(1 / chosen.target_fpr):,} are needed."
        )
    if 1 / chosen.num_fake > chosen.target_fnr:
        notes.append(
            f"{chosen.num_fake} forgeries cannot show a miss rate of {chosen.target_fnr:g}: no "
            f"forgery may be called real, and the true rate can still be higher. At least "
            f"{round(1 / chosen.target_fnr):,} are needed."
        )
    if chosen.tpr == 0:
        notes.append("No forgery scores high enough to be called fake at this false-positive rate.")
    if chosen.unsure_share == 1:
        notes.append("Every image is unsure: the scores do not tell the classes apart.")
    return notes


def _just_above(level: float, levels: Floats) -> float:
    """Halfway from ``level`` to the next higher one of ``levels``, which ascend."""
    above = np.searchsorted(levels, level, side="right")
    if above == len(levels):
        return float((level + 1.0) / 2.0) if level < 1.0 else float(np.nextafter(1.0, 2.0))
    return _between(level, float(levels[above]))


def _just_below(level: float, levels: Floats) -> float:
    """Halfway from the next lower one of ``levels``, which ascend, to ``level``."""
    at = np.searchsorted(levels, level, side="left")
    return float(level / 2.0) if at == 0 else _between(float(levels[at - 1]), float(level))


def _between(low: float, high: float) -> float:
    """Halfway, or ``high`` where no number lies between: always in ``(low, high]``."""
    middle = float((low + high) / 2.0)
    return middle if middle > low else high
