"""From scores to verdicts: the two thresholds, what they promise, and what they reach.

``score >= fake_threshold`` is called fake, ``score < real_threshold`` real, the rest unsure.

The thresholds come from one half of the images by split-conformal prediction, class by class, and
are measured on the other. A verdict of real or fake is a prediction set of one class, unsure the
set of both; the true class is in the set of a new image at least as often as promised, whatever the
detector is worth, as long as the image is drawn like those the thresholds come from.

Source: Vovk, Gammerman and Shafer 2005, Algorithmic Learning in a Random World, sections 4.1 and
4.5 (inductive and Mondrian conformal predictors).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_forgery.evaluation.metrics.binary import Scores, Targets, check_probabilities
from face_forgery.evaluation.metrics.proportions import measure_share
from face_forgery.evaluation.metrics.weighted import Floats, count_allowed


@dataclass(frozen=True)
class Thresholds:
    """Two thresholds and what is known about them from the images they were chosen on."""

    real_threshold: float  # below: real
    fake_threshold: float  # from here on: fake; never below real_threshold
    target_fpr: float  # share of real images that may be called fake
    target_fnr: float  # share of forgeries that may be called real
    promised_fpr: float  # bound on the expected share; above target_fpr where images are too few
    promised_fnr: float
    num_real_chosen_on: int
    num_fake_chosen_on: int


def choose_thresholds(
    scores: Scores, targets: Targets, *, target_fpr: float, target_fnr: float
) -> Thresholds:
    """Choose the thresholds that leave as little unsure as the two targets allow.

    Of n real images, ``k`` may be called fake, with ``(k + 1) / (n + 1) <= target_fpr``: that
    fraction bounds the chance that the next real image is called fake. Where even ``k = 0`` is too
    much, no real image may be called fake and the promise is ``1 / (n + 1)``. Forgeries called real
    likewise; ``real_threshold`` is at most ``fake_threshold``. Both lie halfway between two
    observed scores (or an observed score and the end of the scale), so that float noise moves no
    image across. Where a real image that must be spared scores 1, ``fake_threshold`` is the next
    number above 1.

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
        ...     target_fpr=0.5,
        ...     target_fnr=0.5,
        ... )
        >>> chosen.real_threshold, chosen.fake_threshold, chosen.promised_fpr
        (0.5, 0.5, 0.3333333333333333)
    """
    for name, rate in (("target_fpr", target_fpr), ("target_fnr", target_fnr)):
        if not 0.0 < rate < 1.0:
            raise ValueError(f"{name}={rate} is not a rate between 0 and 1")
    scores, targets = check_probabilities(scores, targets)
    levels = np.unique(scores)
    reals, fakes = np.sort(scores[targets == 0]), np.sort(scores[targets == 1])
    num_called_fake = _count_conformal(target_fpr, len(reals))
    fake_threshold = _just_above(reals[len(reals) - 1 - num_called_fake], levels)
    num_called_real = _count_conformal(target_fnr, len(fakes))
    real_threshold = min(_just_below(fakes[num_called_real], levels), fake_threshold)
    return Thresholds(
        real_threshold=real_threshold,
        fake_threshold=fake_threshold,
        target_fpr=target_fpr,
        target_fnr=target_fnr,
        promised_fpr=(num_called_fake + 1) / (len(reals) + 1),
        promised_fnr=(num_called_real + 1) / (len(fakes) + 1),
        num_real_chosen_on=len(reals),
        num_fake_chosen_on=len(fakes),
    )


def measure_thresholds(
    scores: Scores,
    targets: Targets,
    groups: NDArray[np.generic] | None,
    thresholds: Thresholds,
    *,
    confidence: float,
) -> dict[str, Any]:
    """Measure what the thresholds do.

    Args:
        scores: ``(N,)``, probability of forgery.
        targets: ``(N,)``, 0 = real, 1 = forged; both must occur.
        groups: ``(N,)``, equal for images that belong together; ``None``: each is on its own.
        thresholds: What is measured.
        confidence: Of the intervals, in (0, 1); see ``evaluation.metrics.proportions``.

    Returns:
        ``num_real`` and ``num_fake``; and with ``{"value", "low", "high"}`` each: ``fpr`` (real
        images called fake), ``tpr`` (forgeries called fake), ``fnr`` (forgeries called real),
        ``unsure_real``, ``unsure_fake``, ``coverage`` (images not given the wrong verdict).
    """
    scores, targets = check_probabilities(scores, targets)
    is_fake = targets == 1
    called_fake = scores >= thresholds.fake_threshold
    called_real = scores < thresholds.real_threshold
    everyone = np.ones(len(targets), dtype=bool)
    hits = {
        "fpr": (~is_fake, called_fake),
        "tpr": (is_fake, called_fake),
        "fnr": (is_fake, called_real),
        "unsure_real": (~is_fake, ~called_fake & ~called_real),
        "unsure_fake": (is_fake, ~called_fake & ~called_real),
        "coverage": (everyone, ~np.where(is_fake, called_real, called_fake)),
    }
    counts = {"num_real": int((~is_fake).sum()), "num_fake": int(is_fake.sum())}
    return counts | {
        name: asdict(
            measure_share(hit[of], None if groups is None else groups[of], confidence=confidence)
        )
        for name, (of, hit) in hits.items()
    }


def set_operating_points(
    scores: Scores,
    targets: Targets,
    groups: NDArray[np.generic] | None,
    is_fit: NDArray[np.bool_],
    *,
    target_fpr: float,
    target_fnr: float,
    confidence: float,
) -> dict[str, Any]:
    """Choose the thresholds on one half of the images and measure them on the other.

    Args:
        scores: ``(N,)``, probability of forgery.
        targets: ``(N,)``, 0 = real, 1 = forged.
        groups: ``(N,)``, equal for images that belong together; ``None``: each is on its own.
        is_fit: ``(N,)``, true for the half to choose on. Where one half lacks a class, both steps
            take all images, and ``is_verified`` is false.
        target_fpr: In (0, 1).
        target_fnr: In (0, 1).
        confidence: Of the intervals, in (0, 1).

    Returns:
        The fields of ``Thresholds``, ``is_verified``, and what ``measure_thresholds`` returns.

    Raises:
        ValueError: As ``choose_thresholds``.
    """
    is_verified = all(len(np.unique(targets[half])) == 2 for half in (is_fit, ~is_fit))
    fit, check = (is_fit, ~is_fit) if is_verified else (np.full(len(targets), True),) * 2
    thresholds = choose_thresholds(
        scores[fit], targets[fit], target_fpr=target_fpr, target_fnr=target_fnr
    )
    measured = measure_thresholds(
        scores[check],
        targets[check],
        None if groups is None else groups[check],
        thresholds,
        confidence=confidence,
    )
    return asdict(thresholds) | {"is_verified": is_verified} | measured


def note_limits(points: dict[str, Any]) -> list[str]:
    """Sentences about what the operating points cannot promise; empty where nothing is amiss."""
    notes = []
    if points["promised_fpr"] > points["target_fpr"]:
        notes.append(
            f"{points['num_real_chosen_on']} real images cannot promise a false-positive rate of "
            f"{points['target_fpr']:g}: none of them is called fake, and that promises "
            f"{points['promised_fpr']:.2g}. At least {_needed(points['target_fpr']):,} are needed "
            "in this half of the validation images."
        )
    if points["promised_fnr"] > points["target_fnr"]:
        notes.append(
            f"{points['num_fake_chosen_on']} forgeries cannot promise a miss rate of "
            f"{points['target_fnr']:g}: none of them is called real, and that promises "
            f"{points['promised_fnr']:.2g}. At least {_needed(points['target_fnr']):,} are needed "
            "in this half of the validation images."
        )
    if not points["is_verified"]:
        notes.append(
            "The validation images are too few to choose thresholds on one half and to verify them "
            "on the other: they were measured on the images they were chosen on, which flatters "
            "them. At least two groups of each class are needed."
        )
    if points["fpr"]["low"] > points["promised_fpr"]:
        notes.append(
            f"The false-positive rate on the other half, {points['fpr']['value']:.2g}, lies above "
            f"the promised {points['promised_fpr']:.2g} by more than chance: the two halves "
            "differ, or their groups are few and large."
        )
    if points["tpr"]["value"] == 0:
        notes.append("No forgery scores high enough to be called fake at this false-positive rate.")
    if points["unsure_real"]["value"] == points["unsure_fake"]["value"] == 1:
        notes.append("Every image is unsure: the scores do not tell the classes apart.")
    return notes


def _count_conformal(rate: float, num_images: int) -> int:
    """Largest k from 0 with ``(k + 1) / (num_images + 1) <= rate``, or 0 where there is none."""
    return max(int(count_allowed(rate, num_images + 1)) - 1, 0)


def _needed(rate: float) -> int:
    """Fewest images n with ``1 / (n + 1) <= rate``."""
    return int(np.ceil(round(1 / rate, 9))) - 1


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
