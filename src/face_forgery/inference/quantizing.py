"""A detector in int8: the images that its ranges are taken from, read as for scoring."""

from pathlib import Path

import pandas as pd

from face_forgery.inference.reading import ImageReader, read_images
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.engines.quantization import quantize

_MOST_IMAGES = 300  # NNCF's own default; more change little


def quantize_detector(
    detector: Detector,
    manifest: pd.DataFrame,
    root: str | Path,
    *,
    batch_size: int,
    num_workers: int,
    seed: int,
) -> Detector:
    """Return the detector in int8, with ranges of images drawn from a manifest.

    The column ``path`` of ``manifest`` is relative to ``root``. Draw from the calibration split:
    what the detector is measured on must be new to it.

    Raises:
        ImageError: If one of the images cannot be read.
        DetectorError: If OpenVINO cannot compute the network.
        ImportError: If NNCF is not installed.
    """
    drawn = manifest.sample(min(len(manifest), _MOST_IMAGES), random_state=seed)
    paths = [Path(root) / path for path in drawn["path"]]
    reader = ImageReader.of(detector, min_size=1, is_labelled=True)
    images = read_images(
        paths, reader, batch_size=batch_size, num_workers=num_workers, description="quantizing"
    )
    return quantize(detector, list(images))
