"""The sections of the report, in their order.

A section is a function from results to pieces of HTML. The names of its parameters are those of
catalog entries; the pipeline loads them. To add a section, write the function and add it to
``SECTIONS``.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
from markupsafe import Markup

from face_forgery.evaluation.reporting import blocks
from face_forgery.evaluation.reporting.sentences import (
    METRIC_WORDS,
    describe_cross_validation,
    describe_held_out,
    describe_robustness,
    describe_shortcuts,
    describe_thresholds,
    format_interval,
    format_number,
    format_percent,
    list_promises,
    list_worst_cells,
    note_limits,
)
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.ensemble import Ensemble

_MEASURES = {"ece": "Calibration error", "brier": "Brier score", "log_loss": "Log loss"}

Values = dict[str, Any]
Blocks = Iterable[Markup]


def show_verdicts(
    operating_points: Values, metrics: Values, confusion_figure: bytes, score_figure: bytes
) -> Blocks:
    """Thresholds, what they promise and what they reach."""
    for sentence in describe_thresholds(operating_points):
        yield blocks.text(sentence)
    for sentence in note_limits(operating_points):
        yield blocks.text(sentence, "note")
    confidence = metrics["bootstrap"]["confidence"]
    yield blocks.table(
        "hnnnn",
        ["operating point", "measured", f"{confidence:.0%} interval", "promised", "asked for"],
        [
            [
                row["name"],
                format_percent(row["measured"]["value"]),
                format_interval(row["measured"], format_percent),
                row["promised"],
                row["target"],
            ]
            for row in list_promises(operating_points)
        ],
    )
    yield blocks.text(
        "Promised: by split-conformal prediction, on average over images drawn like the validation "
        "images, and for such images only.",
        "small",
    )
    yield blocks.figure(
        confusion_figure,
        "Verdicts on the images that the thresholds were not chosen on: counts, and percentages of "
        "a row.",
    )
    yield blocks.figure(
        score_figure,
        "How the scores of both classes are spread, and where the thresholds lie.",
    )


def show_calibration(calibration: Values, calibration_figure: bytes) -> Blocks:
    """What temperature scaling changed, measured on the verification split."""
    before, after = (calibration[state]["ece"]["value"] for state in ("before", "after"))
    temperature = calibration["temperature"]
    yield blocks.text(
        f"The network was {'too sure' if temperature > 1 else 'not sure enough'}: its logits are "
        f"divided by {temperature:.3g}, fitted on {calibration['num_calibration']:,} validation "
        f"images. On {'the other' if calibration['is_verified'] else 'the same'} "
        f"{calibration['num_verification']:,}, the calibration error went from "
        f"{format_number(before)} to {format_number(after)}."
    )
    for sentence in calibration["notes"]:
        yield blocks.text(sentence, "note")
    yield blocks.table(
        "hnnnn",
        ["measure", "before scaling", "interval", "after scaling", "interval"],
        [
            [name, *_number(calibration["before"][key]), *_number(calibration["after"][key])]
            for key, name in _MEASURES.items()
        ],
    )
    yield blocks.figure(
        calibration_figure,
        "What a score promises and what came true: on the diagonal, of the images that score 0.8, "
        "eight in ten are forged. Bars: how many images have such a score.",
    )


def show_metrics(metrics: Values, roc_figure: bytes) -> Blocks:
    """Every metric with its interval, and the ROC curve."""
    bootstrap = metrics["bootstrap"]
    rows = []
    for key, (name, words) in METRIC_WORDS.items():
        label = blocks.lines(
            Markup("<b>{}</b>").format(name),
            blocks.span(words, "small"),
            blocks.span(metrics["notes"].get(key), "note"),
        )
        rows.append([label, *_number(metrics[key])])
    yield blocks.table("tnn", ["metric", "value", f"{bootstrap['confidence']:.0%} interval"], rows)
    yield blocks.text(
        f"Intervals: percentiles of {bootstrap['num_resamples']:,} bootstrap resamples of "
        f"{metrics['counts']['num_groups']:,} groups (images that belong together, such as frames "
        f"of one video, are drawn together), seed {bootstrap['seed']}. They tell the luck of the "
        "draw, not other kinds of images.",
        "small",
    )
    yield blocks.figure(
        roc_figure,
        "How many forgeries are found at which price in false alarms. The axis is logarithmic "
        "because a service that sees millions of real images lives at its left end.",
    )


def show_breakdown(breakdown: list[Values]) -> Blocks:
    """AUC by kind, source and facts of the images."""
    for table in breakdown:
        yield blocks.heading(table["title"])
        rows = []
        for cell in table["cells"]:
            name = blocks.lines(blocks.user_text(cell["name"]), blocks.span(cell["note"], "note"))
            rows.append([name, *_counts(cell), *_number(cell["auc"])])
        header = [table["key"].replace("_", " "), "real", "forged", "AUC", "interval"]
        yield blocks.table("hnnnn", header, rows)


def show_unseen(
    holdout_results: Values,
    cross_validation: Values | None,
    cross_validation_figure: bytes | None,
) -> Blocks:
    """What forgeries cost that training has never seen."""
    if cross_validation is None:
        yield blocks.command(
            "Not measured by cross-validation. To measure it:",
            "kedro run --pipelines cross_validation,report --params splitting.holdout.by=kind",
        )
    else:
        for sentence in describe_cross_validation(cross_validation):
            yield blocks.text(sentence)
        if cross_validation_figure is not None:
            yield blocks.figure(
                cross_validation_figure,
                "AUC of a detector on images like those it was trained on, and on the hold-out "
                "group that was kept from it, group by group.",
            )
        yield _tabulate_groups(cross_validation["groups"])
    if holdout_results["groups"]:
        yield blocks.heading("Hold-out groups kept from this detector's training")
        *sentences, warning = describe_held_out(holdout_results)
        for sentence in sentences:
            yield blocks.text(sentence)
        yield blocks.text(warning, "note")
        yield _tabulate_groups(holdout_results["groups"])


def _tabulate_groups(groups: list[Values]) -> Markup:
    header = ["hold-out group", "real", "forged", "AUC within", "AUC on it", "interval", "drop"]
    rows = [
        [
            blocks.user_text(group["name"]),
            *_counts(group),
            format_number(group["within"]["value"]),
            *_number(group["unseen"]),
            *_number(group["drop"]),
        ]
        for group in groups
    ]
    return blocks.table("hnnnnnnn", [*header, "interval"], rows)


def show_robustness(robustness: Values | None, robustness_figure: bytes | None) -> Blocks:
    """What degradations cost."""
    if robustness is None:
        yield blocks.command(
            "Not measured for this detector. To measure it:", "kedro run --pipelines robustness"
        )
        return
    for sentence in describe_robustness(robustness):
        yield blocks.text(sentence)
    if robustness_figure is not None:
        yield blocks.figure(
            robustness_figure,
            "AUC after each degradation, weakest level on the left. The darker, the less is left; "
            "0.5 is guessing.",
        )
    clean = robustness["clean"]
    cells = [{"name": "images as they are", **clean}, *list_worst_cells(robustness)]
    header = ["worst level of a degradation", "AUC", "fall", "interval of the fall"]
    yield blocks.table(
        "hnnnnn",
        [*header, "false alarms", "forgeries found"],
        [
            [
                cell["name"],
                format_number(cell["auc"]["value"]),
                *(_number(cell["drop"]) if "drop" in cell else ("", "")),
                format_percent(cell["fpr"]["value"]),
                format_percent(cell["tpr"]["value"]),
            ]
            for cell in cells
        ],
    )


def show_mistakes(mistakes: pd.DataFrame, mistakes_figure: bytes) -> Blocks:
    """The images of each class that were scored worst."""
    from face_forgery.evaluation.reporting.image_figures import DRAWN

    yield blocks.figure(
        mistakes_figure,
        "The worst scores, with verdict and source or kind; a wrong verdict is framed.",
    )
    worst = mistakes.groupby("target", sort=True).head(DRAWN)
    yield blocks.table(
        "ftnttt",
        ["image", "is", "score", "verdict", "kind", "source"],
        [
            [
                blocks.user_text(blocks.code(row["img_name"])),
                "forged" if row["target"] else "real",
                format_number(row["y_pred"]),
                row["verdict"],
                blocks.user_text(row["kind"]),
                blocks.user_text(row["source"]),
            ]
            for row in worst.to_dict("records")
        ],
    )


def show_audit(audit: Values | None, audit_figure: bytes | None) -> Blocks:
    """Shortcuts and copies in the set that the detector is judged on."""
    if audit is None:
        yield blocks.command("Not audited. To audit it:", "kedro run --pipelines audit,report")
        return
    is_warned = any(row["is_warning"] for row in audit["shortcuts"])
    for sentence in describe_shortcuts(audit):
        yield blocks.text(sentence, "note" if is_warned else "")
    if audit_figure is not None:
        yield blocks.figure(
            audit_figure,
            "AUC of models that see only the facts of a file, or statistics of all pixels, never "
            "the face. What they reach, a detector may have learned in place of forgery.",
        )
    rows = []
    for finding in audit["overlaps"]:
        words = finding["sentence"]
        if finding["is_warning"]:
            words = blocks.span(f"{words} {finding['remedy']}", "note")
        pairs = [
            Markup('<span class="small">{} and {}</span>').format(
                *(blocks.user_text(blocks.code(name)) for name in pair)
            )
            for pair in finding["examples"]
        ]
        rows.append([finding["name"], blocks.lines(words, *pairs)])
    yield blocks.table("ht", ["looked for", "found"], rows)


def show_data(
    detector: Detector, data_report: Values, training_figure: bytes | None, data_figure: bytes
) -> Blocks:
    """How training went, and on what."""
    # The training figure is of whatever was trained last, so it is not of an ensemble.
    if training_figure is not None and not isinstance(detector, Ensemble):
        yield blocks.figure(
            training_figure, "Loss and validation AUC by epoch, and the epoch that was chosen."
        )
    yield blocks.figure(data_figure, "The images that the detector was made with.")
    rows = []
    for name, subset in data_report["subsets"].items():
        classes = (subset["classes"].get(one, {}) for one in ("real", "fake", "unlabelled"))
        counts = [subset["images"], *(one.get("images", 0) for one in classes)]
        counts += [subset["groups"]["number"], sum(subset["rejected"].values())]
        rows.append([name, *(f"{count:,}" for count in counts)])
    header = ["label file", "images", "real", "forged", "unlabelled", "groups", "rejected"]
    yield blocks.table("hnnnnnn", header, rows)


def show_detector(detector: Detector, code_version: Values) -> Blocks:
    """What was judged, and by which code."""
    facts: Values = {
        "architecture": detector.architecture,
        "parameters": f"{detector.count_parameters():,}",
        "input": f"{detector.preprocessing.image_size} pixels",
        "forward passes an image": detector.num_passes,
        "chosen epoch": None if isinstance(detector, Ensemble) else detector.epoch,
        "data fingerprint": detector.data_fingerprint,
    }
    rows = [[name, blocks.code(fact)] for name, fact in facts.items() if fact is not None]
    for name, version in code_version.items():
        value = blocks.code("unknown" if version is None else version)
        rows.append([name.replace("_", " "), value])
    yield blocks.table("kt", [], rows)


def _number(measured: Values) -> tuple[str, str]:
    """Two cells: a value and its interval."""
    return format_number(measured["value"]), format_interval(measured, format_number)


def _counts(measured: Values) -> tuple[str, str]:
    return f"{measured['num_real']:,}", f"{measured['num_fake']:,}"


SECTIONS: dict[str, Callable[..., Blocks]] = {
    "Verdicts": show_verdicts,
    "Can a score be read as a probability?": show_calibration,
    "Metrics": show_metrics,
    "Where it is good and where it is not": show_breakdown,
    "What does it lose on forgeries it has never seen?": show_unseen,
    "Does it hold on degraded images?": show_robustness,
    "The worst mistakes": show_mistakes,
    "Is the set fit to judge with?": show_audit,
    "Training and data": show_data,
    "What was judged": show_detector,
}
"""Title -> what is below it."""


def list_inputs() -> list[str]:
    """Names of the catalog entries that the report reads."""
    read = {name for show in SECTIONS.values() for name in inspect.signature(show).parameters}
    return sorted(read | {"manifest"})  # which says what cross-validation was made with
