"""Nodes of the adopt pipeline."""

import logging
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.modeling.detector import Detector, check_budget
from face_forgery.params import AdoptParams, ModelParams

logger = logging.getLogger(__name__)


def adopt_model(
    *,
    train_manifest: pd.DataFrame,
    val_manifest: pd.DataFrame,
    face_finder: dict[str, Any],
    code_version: dict[str, Any],
    adopt: AdoptParams,
    model: ModelParams,
) -> Detector:
    """Make a detector of a model; evaluation then calibrates and certifies it as any other."""
    finder = ff.FaceFinder.from_values(face_finder)
    detector = ff.adopt_model(
        adopt,
        faces=None if finder is None else finder.params,
        face_model=None if finder is None else finder.model,
        data_fingerprint=ff.fingerprint_sets(train=train_manifest, val=val_manifest),
        code_version=code_version,
    )
    count = detector.count_parameters()
    check_budget(count, model.max_parameters, what=detector.architecture)
    logger.info(
        "Adopted %s: %s parameters, images of %d pixels",
        detector.architecture,
        f"{count:,}",
        detector.preprocessing.image_size,
    )
    return detector
