"""A detector with random weights, logged once."""

from dataclasses import replace

import pytest
import torch

from face_forgery.modeling.detector import Detector, Preprocessing
from face_forgery.modeling.detector_folder import write_detector
from face_forgery.modeling.factory import build_blank_network

BACKBONE, SIZE = "test_resnet.r160_in1k", 32


@pytest.fixture(scope="session")
def detector(make_detector):
    torch.manual_seed(0)
    points = replace(make_detector().operating_points, real_threshold=0.2, fake_threshold=0.8)
    mean = std = (0.5, 0.5, 0.5)
    network = build_blank_network(BACKBONE, {}, SIZE, mean, std)
    return Detector(
        architecture=BACKBONE,
        options={},
        weights=network.backbone.state_dict(),
        preprocessing=Preprocessing(SIZE, "bilinear", mean, std, scaled_decoding=True),
        epoch=1,
        data_fingerprint="0",
        code_version={},
        training={},
        metrics={},
        operating_points=points,
    )


@pytest.fixture(scope="session")
def detector_folder(detector, tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector")
    write_detector(detector, folder)
    return folder
