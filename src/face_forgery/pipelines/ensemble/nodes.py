"""Nodes of the ensemble pipeline."""

import logging
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.modeling.detector import Detector, check_budget
from face_forgery.params import EnsembleParams, ModelParams

logger = logging.getLogger(__name__)


def join_detectors(
    *,
    member_detectors: dict[str, Detector],
    train_manifest: pd.DataFrame,
    val_manifest: pd.DataFrame,
    code_version: dict[str, Any],
    ensemble: EnsembleParams,
    model: ModelParams,
) -> Detector:
    """Make one detector of several; evaluation then calibrates and certifies it as any other."""
    joined = ff.join_detectors(
        member_detectors,
        data_fingerprint=ff.fingerprint_sets(train=train_manifest, val=val_manifest),
        code_version=code_version,
        other_data=ensemble.other_data,
    )
    count = joined.count_parameters()
    check_budget(count, model.max_parameters, what=f"an ensemble of {joined.architecture}")
    logger.info(
        "An ensemble of %s: %s parameters, %d forward passes an image",
        joined.architecture,
        f"{count:,}",
        joined.num_passes,
    )
    return joined
