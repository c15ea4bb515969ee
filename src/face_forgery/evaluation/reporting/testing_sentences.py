"""What a test on labelled sets found, in sentences."""

from typing import Any

from face_forgery.evaluation.reporting.sentences import (
    format_interval,
    format_number,
    format_percent,
)

UNITS = {"image": "images", "video": "videos"}


def describe_testing(testing: dict[str, Any]) -> list[str]:
    """Return a line for each set and unit, the mean over sets, and what to look at."""
    lines = [describe_row(row) for row in testing["rows"]]
    if len(testing["sets"]) > 1:
        lines += [describe_mean(mean) for mean in testing["means"] if mean["auc"]["num_sets"]]
    for row in testing["rows"]:
        if note := row["notes"].get("inverted"):
            lines.append(f"{row['set']}, {UNITS[row['unit']]}: {note}")
    return lines + describe_images(testing)


def describe_row(row: dict[str, Any]) -> str:
    """Say how good the detector is on a set, and whether its promise held there."""
    fpr, tpr = row["verdicts"]["fpr"], row["verdicts"]["tpr"]
    return (
        f"{row['set']}, {UNITS[row['unit']]}: AUC {_with_ends(row['metrics']['auc'])}; false "
        f"alarms {_with_ends(fpr, percent=True)}, promised at most "
        f"{format_percent(row['promise']['promised_fpr'])}: {row['promise']['word']}; forgeries "
        f"found {write_percent(tpr)}."
    )


def describe_mean(mean: dict[str, Any]) -> str:
    """Say the mean over sets."""
    return (
        f"Mean of {mean['auc']['num_sets']} sets, {UNITS[mean['unit']]}: AUC "
        f"{_with_ends(mean['auc'])}; false alarms {_with_ends(mean['fpr'], percent=True)}; "
        f"forgeries found {write_percent(mean['tpr'])}."
    )


def describe_images(testing: dict[str, Any]) -> list[str]:
    """Say which images have no part in the numbers, or count twice."""
    lines = []
    for one in testing["sets"]:
        if one["rejected"]:
            counts = ", ".join(f"{n:,} {status}" for status, n in one["rejected"].items())
            lines.append(
                f"{one['set']}: {sum(one['rejected'].values()):,} of {one['listed']:,} images have "
                f"no score ({counts}); testing_rejected.csv lists them."
            )
        if one["seen"]:
            lines.append(
                f"{one['set']}: {one['seen']:,} of {one['listed']:,} images were left out: the "
                "detector was trained or validated on them, or on near-copies."
            )
    if not testing["overlaps"]["is_checked"]:
        lines.append(
            "Whether the detector has seen images of these sets was not checked: those that it was "
            "made with are not at hand."
        )
    if testing["overlaps"].get("trained_elsewhere"):
        lines.append(
            "The detector was trained elsewhere: whether on images of these sets cannot be looked "
            "for."
        )
    for pair in testing["overlaps"]["between_sets"]:
        one, other = pair["sets"]
        lines.append(
            f"{one} and {other} share {pair['num_images']:,} images, which the mean counts twice."
        )
    return lines


def describe_worst_kinds(testing: dict[str, Any]) -> list[str]:
    """Say for each set and unit which kind of forgery is called real most often."""
    return [
        f"{row['set']}, {UNITS[row['unit']]}: let through most often is {row['apcer']['kind']}, "
        f"{_with_ends(row['apcer'], percent=True)}."
        for row in testing["rows"]
        if row["apcer"]["kind"] is not None
    ]


def list_parts(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tables of a row that are about labels, not about image files."""
    about_files = ("group_size", "image_size", "format", "jpeg_quality")
    return [table for table in row["breakdown"] if table["key"] not in about_files]


def _with_ends(measured: dict[str, Any], *, percent: bool = False) -> str:
    write = format_percent if percent else format_number
    if measured["value"] is None:
        return "-"
    return f"{write(measured['value'])} ({format_interval(measured, percent=percent)})"


def write_percent(measured: dict[str, Any]) -> str:
    """Return a rate in percent, or a dash for what could not be measured."""
    return "-" if measured["value"] is None else format_percent(measured["value"])
