"""A detector with random weights, logged once."""

import pytest
import torch

from face_forgery.modeling.detector import Detector, OperatingPoints, Preprocessing
from face_forgery.modeling.detector_folder import write_detector
from face_forgery.modeling.factory import build_blank_network

BACKBONE, SIZE = "test_resnet.r160_in1k", 32


@pytest.fixture(scope="session")
def detector():
    torch.manual_seed(0)
    mean = std = (0.5, 0.5, 0.5)
    network = build_blank_network(BACKBONE, {}, SIZE, mean, std)
    return Detector(
        architecture=BACKBONE,
        options={},
        weights=network.backbone.state_dict(),
        preprocessing=Preprocessing(SIZE, "bilinear", mean, std),
        epoch=1,
        data_fingerprint="0",
        code_version={},
        training={},
        metrics={},
        operating_points=OperatingPoints(0.2, 0.8, 0.01, 0.01, 0.0, 1.0, 0.0, 0.1, 100, 100),
    )


@pytest.fixture(scope="session")
def detector_folder(detector, tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector")
    write_detector(detector, folder)
    return folder
