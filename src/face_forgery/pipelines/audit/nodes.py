"""Nodes of the audit."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.params import (
    AuditParams,
    DataParams,
    EvaluationParams,
    IngestionParams,
)

logger = logging.getLogger(__name__)


def measure_statistics(
    *,
    train_manifest: pd.DataFrame,
    val_manifest: pd.DataFrame,
    data: DataParams,
    ingestion: IngestionParams,
    audit: AuditParams,
    evaluation: EvaluationParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw a sample of all labelled images and measure thirty statistics of each."""
    whole = pd.concat([train_manifest, val_manifest], ignore_index=True)
    sample = ff.choose_subset(whole, audit.max_images, seed=evaluation.seed).reset_index(drop=True)
    paths = [Path(data.root) / path for path in sample["path"]]
    return sample, ff.measure_statistics(paths, num_workers=ingestion.num_workers)


def probe_shortcuts(
    audit_sample: pd.DataFrame,
    audit_statistics: pd.DataFrame,
    audit: AuditParams,
    evaluation: EvaluationParams,
) -> list[dict[str, Any]]:
    """Predict the label without looking at the face."""
    rows = ff.probe_shortcuts(
        audit_sample,
        audit_statistics,
        limit=audit.limit,
        num_folds=audit.num_folds,
        bootstrap=ff.Bootstrap.of(evaluation),
    )
    for row in rows:
        if row["is_warning"]:
            logger.warning(
                "audit: %s alone predict the label%s, AUC %.2f",
                row["probe"],
                f" in {row['source']}" if row["source"] else "",
                row["auc"]["value"],
            )
    return rows


def find_overlaps(
    train_manifest: pd.DataFrame,
    val_manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    split_report: dict[str, Any],
) -> list[dict[str, Any]]:
    """Look for images that are there twice, and say what splitting has removed already."""
    findings = ff.find_overlaps(train_manifest, val_manifest, image_hashes)
    for finding in findings:
        if finding["is_warning"]:
            logger.warning("audit: %s", finding["sentence"])
    return [ff.describe_removed(split_report), *findings]


def write_audit(
    train_manifest: pd.DataFrame,
    val_manifest: pd.DataFrame,
    shortcuts: list[dict[str, Any]],
    overlaps: list[dict[str, Any]],
    audit: AuditParams,
) -> dict[str, Any]:
    """Put the findings together, with the fingerprint of the images they are about."""
    return {
        "data_fingerprint": ff.fingerprint_sets(train=train_manifest, val=val_manifest),
        "num_warnings": sum(row["is_warning"] for row in [*shortcuts, *overlaps]),
        "limit": audit.limit,
        "shortcuts": shortcuts,
        "overlaps": overlaps,
    }


def plot_audit(audit: dict[str, Any]) -> Any:
    """Draw how far one gets without looking at the face."""
    return ff.draw_shortcuts(audit["shortcuts"], limit=audit["limit"])
