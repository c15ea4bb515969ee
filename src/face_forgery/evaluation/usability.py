"""A detector rated as a whole: usable, usable with care, a demonstration, or not usable.

The rules stand in one table, ``RULES``; docs/report.md shows it with its reasons. Each gives a
finding, and the worst finding is what the report calls its judgement.
"""

from typing import Any, Literal, NamedTuple

from face_forgery.evaluation.reporting.sentences import (
    describe_separation,
    format_interval,
    format_percent,
    list_broken_sources,
    name_cell,
)
from face_forgery.modeling.provenance import Language, TrainingData, describe_training_data

Level = Literal["usable", "care", "demonstration", "unusable"]
LEVELS: tuple[Level, ...] = ("usable", "care", "demonstration", "unusable")  # the last is the worst

_EVERYDAY_FAMILIES = ("compression", "scaling", "chains")
_EVERYDAY_LEVEL = 3  # of 4 or 5: JPEG from quality 70, WebP from 60, two uploads, screenshots


class Rule(NamedTuple):
    """What is looked at, from which number on it is usable or not, and why these numbers.

    ``fine`` and ``poor`` are ``None`` where no number decides.
    """

    about: str
    why: str
    fine: float | None = None  # usable at this number
    poor: float | None = None  # not usable beyond this one, on the other side
    words: str = ""  # what is usable, where no number decides

    @property
    def bounds(self) -> tuple[str, str]:
        """What is usable and what is not, in words."""
        if self.fine is None or self.poor is None:
            return self.words, "-"
        ends = ("at least", "below") if self.fine > self.poor else ("at most", "above")
        return f"{ends[0]} {self.fine:.2f}", f"{ends[1]} {self.poor:.2f}"

    def rate(self, value: float) -> Level:
        """Return the level of a number, where numbers decide."""
        assert self.fine is not None
        assert self.poor is not None
        sign = 1 if self.fine > self.poor else -1
        if sign * value >= sign * self.fine:
            return "usable"
        return "unusable" if sign * value < sign * self.poor else "care"


RULES = {
    "training": Rule(
        "training data",
        "Drawn faces make a demonstration; drawn in part or not recorded is with care.",
        words="not drawn, as far as anybody said",
    ),
    "auc": Rule(
        "lower end of the AUC's interval",
        "Below 0.7 three pairs of ten are in the wrong order, from 0.9 on one; guessing gives 0.5.",
        fine=0.90,
        poor=0.70,
    ),
    "promise": Rule(
        "promised false-alarm rate",
        "A rate that was not kept, not checked, or that so few images cannot promise is with care.",
        words="as asked for, and kept on held-back images",
    ),
    "found": Rule(
        "forgeries found at the promised rate",
        "A detector that finds one forgery in ten is no help, however rare its false alarms.",
        fine=0.50,
        poor=0.10,
    ),
    "everyday_auc": Rule(
        "AUC after the worst everyday degradation",
        "Most images have been through an app. Not measured is with care.",
        fine=0.80,
        poor=0.60,
    ),
    "everyday_alarms": Rule(
        "false alarms after the worst everyday degradation",
        "The thresholds were set on images as they are; whoever looks at the alarms must know.",
        fine=0.10,
        poor=0.50,
    ),
    "shortcuts": Rule(
        "audit of the set",
        "Else the AUC may be that of a shortcut, which is with care.",
        words="the label cannot be told without looking at the face",
    ),
}


class Finding(NamedTuple):
    """What a rule found."""

    rule: str  # a key of ``RULES``
    level: Level
    sentence: str


class Usability(NamedTuple):
    """The worst level of all findings, and these."""

    level: Level
    findings: list[Finding]


def rate_usability(
    metrics: dict[str, Any],
    points: dict[str, Any],
    *,
    training_data: TrainingData | None,
    robustness: dict[str, Any] | None,
    audit: dict[str, Any] | None,
    language: Language = "en",
) -> Usability:
    """Rate a detector by ``RULES``; what was not measured is ``None``.

    The finding about the training data comes first and in ``language``, the others worst first.
    """
    findings = [
        Finding("auc", RULES["auc"].rate(metrics["auc"]["low"]), describe_separation(metrics)),
        _look_at_promise(points),
        *_look_at_sources(points),
        _look_at_found(points),
        *_look_at_everyday(robustness),
        *([] if audit is None else [_look_at_shortcuts(audit)]),
    ]
    findings.sort(key=lambda one: -LEVELS.index(one.level))
    findings.insert(0, _look_at_training(training_data, language))
    return Usability(max((one.level for one in findings), key=LEVELS.index), findings)


def _look_at_training(card: TrainingData | None, language: Language) -> Finding:
    origin = card.origin if card is not None and card.is_known else "partly"
    levels: dict[str, Level] = {"drawn": "demonstration", "partly": "care"}
    return Finding("training", levels.get(origin, "usable"), describe_training_data(card, language))


def _look_at_promise(points: dict[str, Any]) -> Finding:
    promised, asked, measured = points["promised_fpr"], points["target_fpr"], points["fpr"]
    alarms = f"{round(measured['value'] * points['num_real']):,} of {points['num_real']:,}"
    rates = format_interval(measured, percent=True)
    found = f"{alarms} real images were called fake ({rates})"
    limit = format_percent(promised)
    level: Level = "care"
    if not points["is_verified"]:
        words = "could not be checked: too few images to hold any back."
    elif measured["low"] > promised:
        words = f"was not kept on held-back images: {found}."
    elif promised > asked:
        words = f"was kept on held-back images: {found}. You asked for {format_percent(asked)}, "
        words += "which so few real images cannot promise."
    else:
        level, words = "usable", f"was kept on held-back images: {found}."
    return Finding("promise", level, f"The promise of at most {limit} false alarms {words}")


def _look_at_sources(points: dict[str, Any]) -> list[Finding]:
    return [
        Finding(
            "promise",
            "care",
            f"In the source {row['name']} {format_percent(row['fpr']['value'])} of the real images "
            f"were called fake ({format_interval(row['fpr'], percent=True)}), more than the "
            f"promised {format_percent(limit)}.",
        )
        for row, limit in list_broken_sources(points)
    ]


def _look_at_found(points: dict[str, Any]) -> Finding:
    rate, num_fake = points["tpr"], points["num_fake"]
    return Finding(
        "found",
        RULES["found"].rate(rate["value"]),
        "Forgeries found at the promised false-alarm rate: "
        f"{round(rate['value'] * num_fake):,} of {num_fake:,} "
        f"({format_interval(rate, percent=True)}).",
    )


def _look_at_everyday(robustness: dict[str, Any] | None) -> list[Finding]:
    cells = [
        cell
        for cell in ([] if robustness is None else robustness["cells"])
        if cell["family"] in _EVERYDAY_FAMILIES and cell["level"] <= _EVERYDAY_LEVEL
    ]
    if not cells:
        words = "What compression, social media and screenshots do to it was not measured."
        return [Finding("everyday_auc", "care", words)]
    worst = min(cells, key=lambda cell: cell["auc"]["value"])
    loudest = max(cells, key=lambda cell: cell["fpr"]["value"])
    auc, alarms = worst["auc"]["value"], loudest["fpr"]["value"]
    return [
        Finding(
            "everyday_auc",
            RULES["everyday_auc"].rate(auc),
            f"After the worst everyday degradation, {name_cell(worst)}, the AUC is {auc:.2f}.",
        ),
        Finding(
            "everyday_alarms",
            RULES["everyday_alarms"].rate(alarms),
            f"False alarms after everyday degradations: at worst {format_percent(alarms)} of real "
            f"images, with {name_cell(loudest)}.",
        ),
    ]


def _look_at_shortcuts(audit: dict[str, Any]) -> Finding:
    aucs = [row["auc"]["value"] for row in audit["shortcuts"] if row["is_warning"]]
    if not aucs:
        return Finding("shortcuts", "usable", "No shortcut past the face was found in the set.")
    return Finding(
        "shortcuts",
        "care",
        f"Without looking at the face the label can be predicted with an AUC of {max(aucs):.2f}: "
        "the detector may have learnt that.",
    )
