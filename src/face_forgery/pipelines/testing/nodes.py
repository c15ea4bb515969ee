"""Nodes of testing: labelled sets read, what was seen left out, scored, measured."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.data.images.inspection import inspect_table, list_unusable
from face_forgery.data.labels.manifest import OK, assemble_manifest
from face_forgery.data.labels.readers import LabelSource
from face_forgery.inference.verdicts import operating_points_of
from face_forgery.modeling.detector import Detector
from face_forgery.params import (
    DataParams,
    EvaluationParams,
    IngestionParams,
    ScoringParams,
    SplittingParams,
    TestingParams,
)


def read_testing_labels(
    labelled_sets: dict[str, LabelSource],
    testing: TestingParams,
    data: DataParams,
    ingestion: IngestionParams,
) -> pd.DataFrame:
    """Return one table of the labels of all sets, with the name of the set and of its images.

    It is empty where there is no set.
    """
    sets = ff.list_sets(labelled_sets, testing, data, ingestion)
    folders = {one.name: one.images for one in sets}
    table = ff.read_sets(sets, labelled_sets, ingestion)
    return table.assign(folder=table["subset"].map(folders).astype("string"))


def inspect_testing_images(
    testing_labels: pd.DataFrame,
    known_testing_facts: pd.DataFrame | None,
    ingestion: IngestionParams,
) -> pd.DataFrame:
    """Return what each image file is, or why it cannot be used: ``IMAGE_FACT_COLUMNS``.

    Files that have not changed since the last run are not opened again.
    """
    first = testing_labels.drop_duplicates("subset")
    return inspect_table(
        testing_labels,
        root=Path(),
        image_folders=dict(zip(first["subset"], first["folder"], strict=True)),
        num_workers=ingestion.num_workers,
        check=ingestion.check,
        known=known_testing_facts,
        links_into=ingestion.links_into,
    )


def leave_out_seen_images(
    *,
    testing_labels: pd.DataFrame,
    testing_facts: pd.DataFrame,
    detector: Detector,
    own_train: pd.DataFrame | None,
    own_val: pd.DataFrame | None,
    own_hashes: pd.DataFrame | None,
    splitting: SplittingParams,
    ingestion: IngestionParams,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Leave out, or refuse, what the detector was trained or validated on; and say how many."""
    ff.check_usable(testing_facts)
    manifest = assemble_manifest(testing_labels.drop(columns="folder"), testing_facts)
    own = ff.join_own_images(own_train, own_val, own_hashes, fingerprint=detector.data_fingerprint)
    elsewhere = {"trained_elsewhere": True} if detector.was_trained_elsewhere else {}
    if own is None:
        return manifest, ff.report_unchecked(manifest) | elsewhere
    hashes = ff.hash_table(manifest, root=Path(), num_workers=ingestion.num_workers)
    kept, report = ff.leave_out_seen(
        manifest, hashes, *own, leaks=splitting.leaks, unasked=TestingParams.reserved
    )
    return kept, report | elsewhere


def score_testing_images(
    detector: Detector, testing_manifest: pd.DataFrame, scoring: ScoringParams
) -> pd.DataFrame:
    """Score each image; one that cannot be scored has a status and no score."""
    operating_points_of(detector)  # before hours of scoring
    scored = ff.score_files(
        detector,
        [Path(path) for path in testing_manifest["path"]],
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
        engine=scoring.engine,
    )
    columns = {"y_pred": scored.scores, "status": scored.statuses, "detail": scored.details}
    table = testing_manifest.rename(columns={"subset": "set"}).reset_index(drop=True)
    return table.assign(**columns).astype({"status": "string", "detail": "string"})


def list_testing_rejected(
    testing_facts: pd.DataFrame, testing_scores: pd.DataFrame
) -> pd.DataFrame:
    """Return the images that have no score, and why: ``REJECTED_COLUMNS`` with ``set`` first."""
    unusable = list_unusable(testing_facts).rename(columns={"subset": "set"})
    unscored = testing_scores.loc[testing_scores["status"] != OK, list(unusable)]
    return pd.concat([unusable, unscored], ignore_index=True)


def judge_sets(
    *,
    detector: Detector,
    testing_scores: pd.DataFrame,
    testing_rejected: pd.DataFrame,
    testing_overlaps: dict[str, Any],
    evaluation: EvaluationParams,
) -> dict[str, Any]:
    """Measure each set by image and by video, at the thresholds that the detector has."""
    ff.check_usable(testing_scores.rename(columns={"set": "subset"}))
    points = asdict(operating_points_of(detector))
    bootstrap = ff.Bootstrap.of(evaluation)
    rows, means = ff.judge_sets(testing_scores, points, bootstrap)
    return {
        "detector": detector.identity(),
        "temperature": detector.temperature,
        "operating_points": points,
        "bootstrap": asdict(bootstrap),
        "sets": ff.count_images(testing_scores, testing_rejected, testing_overlaps),
        "overlaps": testing_overlaps,
        "rows": rows,
        "means": means,
    }


def tabulate_testing(testing: dict[str, Any]) -> pd.DataFrame:
    """Return a row a set and unit: what was measured with intervals, promised and met."""
    return ff.tabulate_testing(testing)


def plot_testing(testing: dict[str, Any]) -> Any:
    """Draw each set: AUC with interval, and what came of the promised false-alarm rate."""
    return ff.draw_testing(testing)


def end_testing(testing: dict[str, Any]) -> list[str]:
    """Say of each set and unit in a line what was found."""
    return ff.describe_testing(testing)
