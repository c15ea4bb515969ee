"""Which results are about the detector that a report describes; others are not shown."""

from typing import Any

import pandas as pd

from face_forgery.modeling.detector import Detector

Result = dict[str, Any]


def robustness_of(detector: Detector, robustness: Result | None) -> Result | None:
    """Return ``robustness`` unless it was measured on another detector."""
    is_of = robustness is not None and robustness["detector"] == detector.identity()
    return robustness if is_of else None


def audit_of(detector: Detector, audit: Result | None) -> Result | None:
    """Return ``audit`` unless it is about other images than the detector was made with."""
    is_of = audit is not None and audit["data_fingerprint"] == detector.data_fingerprint
    return audit if is_of else None


def cross_validation_of(
    detector: Detector, manifest: pd.DataFrame, result: Result | None
) -> Result | None:
    """Return ``result`` unless it was measured with other settings or on other images."""
    from face_forgery.data.labels.manifest import fingerprint_sets

    if result is None or result["image_size"] != detector.preprocessing.image_size:
        return None
    for section, values in result["recipe"].items():
        own = detector.training.get(section, {})
        if any(own.get(name) != value for name, value in values.items()):
            return None
    labelled = manifest[manifest["subset"] != "test"]
    return result if result["data_fingerprint"] == fingerprint_sets(labelled=labelled) else None
