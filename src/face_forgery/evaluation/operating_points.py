"""From scores to verdicts: the two thresholds, what they promise, and what they reach.

``score >= fake_threshold`` is called fake, ``score < real_threshold`` real, the rest unsure.

The thresholds come from the calibration split by split-conformal prediction, class by class, and
are measured on the verification split. A verdict of real or fake is a prediction set of one class,
unsure the set of both; the true class is in the set of a new image at least as often as promised,
however good the detector, as long as the image is drawn like those the thresholds come from.

What is promised for all real images together may be broken in one of their sources. With
``every_source`` a threshold is chosen for each source on its own real images, and the strictest
holds for all: the source of a new image need not be known.

Source: Vovk, Gammerman and Shafer 2005, Algorithmic Learning in a Random World, sections 4.1 and
4.5 (inductive and Mondrian conformal predictors).
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_forgery.data.splits.calibration_split import apply_calibration_split
from face_forgery.evaluation.metrics.bootstrap import UNMEASURED
from face_forgery.evaluation.metrics.proportions import measure_proportion
from face_forgery.evaluation.metrics.weighted import (
    Floats,
    Groups,
    Scores,
    Targets,
    check_probabilities,
    check_values,
    count_allowed,
)
from face_forgery.params import PromiseName


def set_operating_points(
    scores: Scores,
    targets: Targets,
    groups: Groups,
    in_calibration: NDArray[np.bool_],
    *,
    target_fpr: float,
    target_fnr: float,
    confidence: float,
    promise: PromiseName = "overall",
    sources: Groups | None = None,
) -> dict[str, Any]:
    """Choose the thresholds on the calibration split and measure them on the verification split.

    Where a split lacks a class, both steps take all images, and ``is_verified`` is false.
    ``sources``, ``(N,)``, name the data sets of the images; ``every_source`` needs them.

    Returns:
        What `choose_thresholds` and `measure_thresholds` return, ``is_verified`` and ``promise``;
        ``by_source``: a row for each source of real images with ``name``, ``num_real_chosen_on``,
        ``promised_fpr`` (None: nothing is promised for it), ``num_real`` and ``fpr`` (None: no
        real image to measure it on); ``overall``: with ``every_source`` the ``fake_threshold``,
        ``fpr`` and ``tpr`` of the other choice, else None. Together they are the fields of
        ``modeling.detector.OperatingPoints``.

    Raises:
        ValueError: As `choose_thresholds`, or if ``every_source`` is given no ``sources``.
    """
    if sources is None and promise == "every_source":
        raise ValueError("a promise for every source needs the source of each image")
    sources = np.full(len(scores), "unknown") if sources is None else sources.astype(str)
    chosen, measured, is_verified = apply_calibration_split(in_calibration, targets)
    choose = partial(
        choose_thresholds,
        scores[chosen],
        targets[chosen],
        target_fpr=target_fpr,
        target_fnr=target_fnr,
    )
    held_back = scores[measured], targets[measured], groups[measured]
    measure = partial(measure_thresholds, *held_back, confidence=confidence)
    thresholds, promised, overall = choose(), {}, None
    if promise == "every_source":
        rates = measure(thresholds)
        overall = {"fake_threshold": thresholds["fake_threshold"]}
        overall |= {name: rates[name] for name in ("fpr", "tpr")}
        thresholds = choose(sources=sources[chosen])
        promised = thresholds.pop("promised_by_source")
    is_alarm, is_real = scores >= thresholds["fake_threshold"], targets == 0
    by_source = []
    for name in np.unique(sources[is_real]).tolist():
        of_source = is_real & (sources == name)
        found = of_source & measured
        row = {"name": name, "num_real_chosen_on": int((of_source & chosen).sum())}
        row |= {"promised_fpr": promised.get(name), "num_real": int(found.sum()), "fpr": None}
        if found.any():
            row["fpr"] = measure_proportion(is_alarm[found], groups[found], confidence=confidence)
        by_source.append(row)
    described = {"is_verified": is_verified, "promise": promise}
    return (
        thresholds | described | measure(thresholds) | {"by_source": by_source, "overall": overall}
    )


def choose_thresholds(
    scores: Scores,
    targets: Targets,
    *,
    target_fpr: float,
    target_fnr: float,
    sources: Groups | None = None,
) -> dict[str, Any]:
    """Choose the thresholds that leave as little unsure as the two targets allow.

    The targets, in (0, 1), are the proportions of real images that may be called fake and of
    forgeries that may be called real. Of n real images, ``k`` may be called fake, with
    ``(k + 1) / (n + 1) <= target_fpr``: that fraction bounds the chance that the next real image is
    called fake. Where even ``k = 0`` is too much, no real image may be called fake and the promise
    is ``1 / (n + 1)``. Forgeries called real likewise; ``real_threshold`` is at most
    ``fake_threshold``. Both lie halfway between two observed scores (or an observed score and the
    end of the scale), so that float noise moves no image across. Where a real image that must not
    be called fake scores 1, ``fake_threshold`` is the next number above 1.

    With ``sources``, ``(N,)``, the same is asked of the real images of each source, and
    ``fake_threshold`` is the highest that any of them needs.

    Returns:
        ``real_threshold``, ``fake_threshold``, the targets, ``promised_fpr`` and ``promised_fnr``
        (bounds on the expected rates, above the targets where images are too few), and
        ``num_real_chosen_on`` and ``num_fake_chosen_on``. With ``sources``,
        ``promised_by_source``: the bound of each; ``promised_fpr`` is then the highest of those
        that keep to the target.

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
        >>> chosen["real_threshold"], chosen["fake_threshold"], chosen["promised_fpr"]
        (0.5, 0.5, 0.3333333333333333)
    """
    for name, rate in (("target_fpr", target_fpr), ("target_fnr", target_fnr)):
        if not 0.0 < rate < 1.0:
            raise ValueError(f"{name}={rate} is not a rate between 0 and 1")
    scores, targets = check_probabilities(scores, targets)
    levels = np.unique(scores)
    reals, fakes = scores[targets == 0], scores[targets == 1]
    fake_threshold, promised_fpr = _bound_alarms(reals, levels, target_fpr)
    by_source: dict[str, Any] = {}
    if sources is not None:
        origins = sources[targets == 0]
        names = [str(name) for name in np.unique(origins)]
        own = [_bound_alarms(reals[origins == name], levels, target_fpr) for name in names]
        fake_threshold = max(fake_threshold, *(threshold for threshold, _ in own))
        promised_fpr = max(promised_fpr, *(bound for _, bound in own if bound <= target_fpr), 0.0)
        by_source["promised_by_source"] = dict(zip(names, (bound for _, bound in own), strict=True))
    num_called_real = _count_conformal(target_fnr, len(fakes))
    real_threshold = min(_just_below(np.sort(fakes)[num_called_real], levels), fake_threshold)
    return by_source | {
        "real_threshold": real_threshold,
        "fake_threshold": fake_threshold,
        "target_fpr": target_fpr,
        "target_fnr": target_fnr,
        "promised_fpr": promised_fpr,
        "promised_fnr": (num_called_real + 1) / (len(fakes) + 1),
        "num_real_chosen_on": len(reals),
        "num_fake_chosen_on": len(fakes),
    }


def measure_thresholds(
    scores: Scores,
    targets: Targets,
    groups: Groups,
    thresholds: dict[str, Any],
    *,
    confidence: float,
) -> dict[str, Any]:
    """Measure the rates at ``real_threshold`` and ``fake_threshold`` of ``thresholds``.

    Returns:
        ``num_real`` and ``num_fake``; and with ``{"value", "low", "high"}`` each: ``fpr`` (real
        images called fake), ``tpr`` (forgeries called fake), ``fnr`` (forgeries called real),
        ``unsure_real``, ``unsure_fake``, ``coverage`` (images not given the wrong verdict). The
        rates of a class without images are None.
    """
    scores, targets = check_values(scores, targets)
    is_fake = targets == 1
    called_fake = scores >= thresholds["fake_threshold"]
    called_real = scores < thresholds["real_threshold"]
    hits = {
        "fpr": (~is_fake, called_fake),
        "tpr": (is_fake, called_fake),
        "fnr": (is_fake, called_real),
        "unsure_real": (~is_fake, ~called_fake & ~called_real),
        "unsure_fake": (is_fake, ~called_fake & ~called_real),
        "coverage": (np.ones_like(is_fake), ~np.where(is_fake, called_real, called_fake)),
    }
    counts = {"num_real": int((~is_fake).sum()), "num_fake": int(is_fake.sum())}
    return counts | {
        name: measure_proportion(hit[of], groups[of], confidence=confidence)
        if of.any()
        else dict(UNMEASURED)
        for name, (of, hit) in hits.items()
    }


def _bound_alarms(reals: Floats, levels: Floats, rate: float) -> tuple[float, float]:
    """Lowest threshold that keeps to ``rate`` among scores of real images; what it promises."""
    num_called_fake = _count_conformal(rate, len(reals))
    threshold = _just_above(np.sort(reals)[len(reals) - 1 - num_called_fake], levels)
    return threshold, (num_called_fake + 1) / (len(reals) + 1)


def _count_conformal(rate: float, num_images: int) -> int:
    """Largest k from 0 with ``(k + 1) / (num_images + 1) <= rate``, or 0 where there is none."""
    return max(int(count_allowed(rate, num_images + 1)) - 1, 0)


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
