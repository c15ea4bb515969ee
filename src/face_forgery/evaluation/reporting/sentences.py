"""Numbers in sentences that need no training in statistics."""

import math
from typing import Any, NamedTuple

import pandas as pd

from face_forgery.data.splits.calibration_split import select_verification


class LevelWords(NamedTuple):
    """How a level of ``evaluation.usability`` is shown: never by its color alone."""

    mark: str
    headline: str


LEVEL_WORDS = {
    "usable": LevelWords("\N{CHECK MARK}", "Usable"),
    "care": LevelWords("!", "Usable with care"),
    "demonstration": LevelWords("\N{LOWER RIGHT PENCIL}", "A demonstration"),
    "unusable": LevelWords("\N{MULTIPLICATION X}", "Not usable"),
}

METRIC_WORDS = {
    "auc": ("AUC", "chance that a forgery scores higher than a real image; guessing: 0.5"),
    "partial_auc_fpr_1e-1": (
        "Partial AUC",
        "the same where at most 1 real image in 10 is called fake; guessing: 0.5",
    ),
    "average_precision": (
        "Average precision",
        "proportion of forgeries among the images that score "
        "highest, averaged; guessing: the proportion of forgeries in the set",
    ),
    "eer": (
        "Equal error rate",
        "rate of mistakes where both kinds are equally common; lower is better, guessing: 0.5",
    ),
    "accuracy": ("Accuracy at 0.5", "proportion of images on the right side of 0.5"),
    "log_loss": ("Log loss", "how wrong the probabilities are, in nats; lower is better"),
    "brier": (
        "Brier score",
        "squared distance of the probabilities from the truth; lower is better",
    ),
    "ece": (
        "Calibration error",
        "distance between promised probability and what came true; lower is better",
    ),
    "tpr_at_fpr_1e-2": (
        "TPR at FPR 1%",
        "proportion of forgeries found with 1 false alarm in 100 real images",
    ),
    "tpr_at_fpr_5e-3": ("TPR at FPR 0.5%", "proportion found with 1 false alarm in 200"),
    "tpr_at_fpr_1e-3": ("TPR at FPR 0.1%", "proportion found with 1 false alarm in 1,000"),
}


def describe_separation(metrics: dict[str, Any]) -> str:
    """Say how well real images and forgeries are told apart."""
    auc, confidence = metrics["auc"], metrics["bootstrap"]["confidence"]
    sentence = (
        "Shown a real image and a forged one, the detector gives the forged one the higher score "
        f"in {100 * auc['value']:.1f} of 100 cases ({confidence:.0%} interval: "
        f"{100 * auc['low']:.1f} to {100 * auc['high']:.1f}; guessing: 50)."
    )
    if auc["low"] <= 0.5:
        sentence += " That is not shown to be better than guessing."
    return sentence


def describe_decisions(points: dict[str, Any]) -> str:
    """Say in counts what the thresholds do with images they were not chosen on."""
    num_real, num_fake = points["num_real"], points["num_fake"]
    alarms, unsure_reals = (
        round(points[rate]["value"] * num_real) for rate in ("fpr", "unsure_real")
    )
    found, missed, unsure_fakes = (
        round(points[rate]["value"] * num_fake) for rate in ("tpr", "fnr", "unsure_fake")
    )
    held_back = "held back from" if points["is_verified"] else "used for"
    return (
        f"On images {held_back} the choice of thresholds: {alarms:,} of {num_real:,} real called "
        f"fake (false alarms); {found:,} of {num_fake:,} forgeries called fake, {missed:,} called "
        f"real (missed); {unsure_reals + unsure_fakes:,} of all {num_real + num_fake:,} left "
        "unsure."
    )


def describe_reach(points: dict[str, Any]) -> str:
    """Say what the numbers cannot tell."""
    num_real = points["num_real"]
    return (
        "This holds for images like those it was judged on: other cameras, compression or forgery "
        "tools usually make a detector worse, and a false-alarm rate below "
        f"{_percent(1 / num_real)} (1 in {num_real:,}) cannot be measured with so few real images."
    )


def describe_thresholds(points: dict[str, Any]) -> list[str]:
    """Say how scores become verdicts, and which images the thresholds come from."""
    real, fake = points["real_threshold"], points["fake_threshold"]
    unsure = "There is no unsure zone." if real == fake else "Between them it is unsure."
    other = "the verification split" if points["is_verified"] else "the same images"
    return [
        f"An image that scores {fake:.4g} or more is called fake, one that scores below "
        f"{real:.4g} real. {unsure}",
        "Both thresholds were set on the calibration split of the validation images "
        f"({points['num_real_chosen_on']:,} real, {points['num_fake_chosen_on']:,} forged; "
        f"images that belong together stay in one split) and measured on {other} "
        f"({points['num_real']:,} real, {points['num_fake']:,} forged).",
    ]


def note_limits(points: dict[str, Any]) -> list[str]:
    """Say what the operating points cannot promise; empty if there is nothing to say."""
    notes = []
    for rate, number, images, what, verdict in (
        ("fpr", points["num_real_chosen_on"], "real images", "false-positive rate", "fake"),
        ("fnr", points["num_fake_chosen_on"], "forgeries", "miss rate", "real"),
    ):
        target, promised = points[f"target_{rate}"], points[f"promised_{rate}"]
        if promised > target:
            needed = math.ceil(round(1 / target, 9)) - 1  # fewest n with 1 / (n + 1) <= target
            notes.append(
                f"{number} {images} cannot promise a {what} of {target:g}: none of them is called "
                f"{verdict}, and that promises {promised:.2g}. At least {needed:,} are needed in "
                "the calibration split."
            )
    notes += _note_sources(points)
    if not points["is_verified"]:
        notes.append(
            "The validation images are too few for a calibration and a verification split: the "
            "thresholds were measured on the images they were chosen on, which flatters them. At "
            "least two groups of each class are needed."
        )
    if points["fpr"]["low"] > points["promised_fpr"]:
        notes.append(
            f"The false-positive rate on the verification split, {points['fpr']['value']:.2g}, "
            f"lies above the promised {points['promised_fpr']:.2g} by more than chance: the two "
            "splits differ, or their groups are few and large."
        )
    if points["tpr"]["value"] == 0:
        notes.append("No forgery scores high enough to be called fake at this false-positive rate.")
    if points["unsure_real"]["value"] == points["unsure_fake"]["value"] == 1:
        notes.append("Every image is unsure: the scores do not tell the classes apart.")
    return notes


def _note_sources(points: dict[str, Any]) -> list[str]:
    """Name sources that nothing could be promised for, or whose rate is above the promise."""
    target = points["target_fpr"]
    notes = [
        f"{row['num_real_chosen_on']:,} real images of the source {row['name']} cannot promise it "
        f"a false-positive rate of {target:g}: none of them is called fake, and that promises "
        f"{row['promised_fpr']:.2g}."
        for row in points.get("by_source", [])
        if row["promised_fpr"] is not None and row["promised_fpr"] > target
    ]
    for row, limit in list_broken_sources(points):
        notes.append(
            f"The false-positive rate in the source {row['name']}, {row['fpr']['value']:.2g}, lies "
            f"above the promised {limit:.2g} by more than chance."
        )
        if points["promise"] == "overall":
            notes[-1] += " evaluation.promise=every_source makes a promise for each source."
    return notes


def list_broken_sources(points: dict[str, Any]) -> list[tuple[dict[str, Any], float]]:
    """Return the sources whose false-alarm rate is above the promise by more than chance.

    Each comes with what was promised: for the source, or for all of them together.
    """
    limits = promises_of(points)
    rows = [row for row in points.get("by_source", []) if row["fpr"] is not None]
    found = ((row, limits[row["name"]]) for row in rows)
    return [(row, limit) for row, limit in found if row["fpr"]["low"] > limit]


def promises_of(points: dict[str, Any]) -> dict[str, float]:
    """Return what false-alarm rate is promised: source of real images -> rate.

    Where none is promised for the source alone, it is that of all real images together.
    """
    overall = points["promised_fpr"]
    return {
        row["name"]: overall if row["promised_fpr"] is None else row["promised_fpr"]
        for row in points.get("by_source", [])
    }


def describe_promise(points: dict[str, Any]) -> list[str]:
    """Say what a promise for every source costs; empty where the promise is for all together."""
    overall = points.get("overall")
    if overall is None:
        return []
    return [
        "The threshold of fake is the strictest of those chosen on the real images of each source, "
        "so that the promise holds in each. A threshold for all sources together, "
        f"{overall['fake_threshold']:.4g}, would find "
        f"{format_percent(overall['tpr']['value'])} of the forgeries instead of "
        f"{format_percent(points['tpr']['value'])}, with "
        f"{format_percent(overall['fpr']['value'])} false alarms instead of "
        f"{format_percent(points['fpr']['value'])}."
    ]


def list_promises(points: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the table of operating points: asked for, promised and measured."""
    names = {
        "fpr": "false alarms: real images called fake",
        "tpr": "forgeries found: called fake",
        "fnr": "forgeries let through: called real",
        "unsure_real": "real images left unsure",
        "unsure_fake": "forgeries left unsure",
        "coverage": "images not given the wrong verdict",
    }
    words = {
        f"{when}_{rate}": f"at most {_percent(points[f'{when}_{rate}'])}"
        for when in ("target", "promised")
        for rate in ("fpr", "fnr")
    }
    wrong = max(points["promised_fpr"], points["promised_fnr"])
    words["promised_coverage"] = f"at least {_percent(1 - wrong)}"
    return [
        {
            "name": name,
            "target": words.get(f"target_{key}", ""),
            "promised": words.get(f"promised_{key}", ""),
            "measured": points[key],
        }
        for key, name in names.items()
    ]


def describe_mistakes(worst: pd.DataFrame, points: dict[str, Any]) -> str:
    """Say why the list of the worst scores counts other errors than the thresholds' table.

    ``worst`` are the rows of ``find_worst`` with their ``verdict``.
    """
    is_wrong = worst["verdict"] == worst["target"].map({0: "fake", 1: "real"})
    wrong = worst[is_wrong]
    held_back = select_verification(wrong, is_verified=points["is_verified"])
    return (
        "The errors counted above are wrong verdicts on held-back images. This list is another "
        "one: of all validation images, those used for the choice of thresholds too, the real ones "
        "with the highest scores and the forgeries with the lowest, whatever their verdict; many "
        f"are unsure, which is no error. Of {len(worst):,} images listed, {len(wrong):,} have a "
        f"wrong verdict, {len(held_back):,} of them held back."
    )


def describe_shortcuts(audit: dict[str, Any]) -> list[str]:
    """Say whether the label can be predicted without looking at the face."""
    warnings = [row for row in audit["shortcuts"] if row["is_warning"]]
    if not warnings:
        measured = [row for row in audit["shortcuts"] if row["auc"]["value"] is not None]
        highest = max((row["auc"]["value"] for row in measured), default=0.5)
        return [
            "No model that sees only the facts of a file or statistics of all pixels predicts the "
            f"label with an AUC above {audit['limit']:g}; the best reaches {highest:.2f}."
        ]
    return [
        f"Without looking at the face, {row['probe']} predict the label"
        f"{' in ' + row['source'] if row['source'] else ''} with an AUC of "
        f"{row['auc']['value']:.2f} ({row['auc']['low']:.2f} to {row['auc']['high']:.2f}); what "
        f"tells most: {', '.join(row['strongest'])}. The detector may have learned that."
        for row in warnings
    ]


def describe_held_out(result: dict[str, Any]) -> list[str]:
    """Say what forgeries cost that training had none of, and how far to believe the number."""
    names = [group["name"] for group in result["groups"]]
    within, unseen = result["within_mean"]["value"], result["unseen_worst"]
    seen = "" if within is None else f"On images like those of training the AUC is {within:.3f}. "
    chooser = {
        "overall": "on all of validation, these groups included: their numbers are a little too "
        "high",
        "video": "by whole videos of all of validation, these groups included: their numbers are a "
        "little too high",
        "holdout_mean": "by the mean of these very groups: their numbers are those of the epoch "
        "that suits them best, and too high",
        "holdout_worst": "by the worst of these very groups: their numbers are those of the epoch "
        "that suits them best, and too high",
        "members": "for each member of the ensemble by itself, where these groups may have had a "
        "say",
    }
    return [
        f"Training had nothing of these hold-out groups: {', '.join(names)}. {seen}On the worst of "
        f"them, {result['worst_group']}, the AUC is {_with_interval(unseen)}.",
        f"This is an optimistic number: the epoch was chosen {chooser[result['select_by']]}. "
        "Cross-validation measures groups that had no say.",
    ]


def describe_cross_validation(result: dict[str, Any]) -> list[str]:
    """Say what the recipe of a detector is worth on hold-out groups that it has never seen."""
    within, unseen = result["within_mean"], result["unseen_mean"]
    drop, worst = result["drop_mean"], result["unseen_worst"]
    return [
        f"The recipe of this detector was trained anew without each of {len(result['groups'])} "
        f"hold-out groups (by {result['by']}). On images like those of training its AUC is "
        f"{within['value']:.3f} on average, on the group that it had never seen "
        f"{_with_interval(unseen)}: a drop of {_with_interval(drop)}.",
        f"Worst is {result['worst_group']}: {_with_interval(worst)}. No image of a group trained "
        "its detector or chose its epoch. The intervals tell the luck of the images, not what "
        "another kind of forgery would do.",
    ]


def describe_robustness(robustness: dict[str, Any]) -> list[str]:
    """Say what degradations do to the ranking and to false alarms."""
    cells = robustness["cells"]
    num_worse = sum(cell["drop"]["low"] > 0 for cell in cells)
    worst = min(cells, key=lambda cell: cell["auc"]["value"])
    alarms = max(cells, key=lambda cell: cell["fpr"]["value"])
    clean = robustness["clean"]
    return [
        f"{robustness['num_real']:,} real and {robustness['num_fake']:,} forged images were "
        f"degraded in {len(cells)} ways, both classes alike. In {num_worse} of them the detector "
        "is worse than on the images as they are, by more than chance.",
        f"The AUC falls most with {name_cell(worst)}: from {clean['auc']['value']:.3f} to "
        f"{worst['auc']['value']:.3f}. False alarms are most frequent with {name_cell(alarms)}: "
        f"{format_percent(alarms['fpr']['value'])} of the real images are called fake, instead "
        f"of {format_percent(clean['fpr']['value'])}.",
    ]


def list_worst_cells(robustness: dict[str, Any], number: int = 8) -> list[dict[str, Any]]:
    """Return the worst level of each degradation, worst degradation first; at most ``number``."""
    worst: dict[str, dict[str, Any]] = {}
    for cell in sorted(robustness["cells"], key=lambda cell: cell["auc"]["value"]):
        worst.setdefault(cell["title"], cell | {"name": name_cell(cell)})
    return list(worst.values())[:number]


def name_cell(cell: dict[str, Any]) -> str:
    """Name a degradation and its strength."""
    return f"{cell['title']} ({cell['label']})"


def format_number(value: float | None) -> str:
    """Three decimals, two digits of a small number, or a dash for what could not be measured."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"


def format_interval(measured: dict[str, Any], *, percent: bool = False) -> str:
    """The ends of an interval; empty where nothing was measured."""
    write = format_percent if percent else format_number
    if measured["value"] is None:
        return ""
    return f"{write(measured['low'])} to {write(measured['high'])}"


def _with_interval(auc: dict[str, float]) -> str:
    return f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"


def format_percent(value: float) -> str:
    """One decimal, or three digits below 10 %."""
    return _percent(value) if value < 0.1 else f"{100 * value:.1f}%"


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g}%"


def format_images(number: float) -> str:
    """Whole images, and one decimal of fewer than ten."""
    return f"{number:,.0f}" if number >= 9.95 or number == 0 else f"{number:.1f}"
