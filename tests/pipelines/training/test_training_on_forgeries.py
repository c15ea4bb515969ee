"""Forged copies of real images are made while training goes on."""

import logging

import pandas as pd
import pytest
import torch

from face_forgery.data.images.resizing import eval_transform
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.forgery.making.landmark_table import empty_table
from face_forgery.forgery.making.landmarks import LandmarksError
from face_forgery.pipelines.training.nodes import build_val_loader, find_train_landmarks

FORGING = {
    "augmentation.forgeries": {
        "proportion": 1.0,
        "strength": 1.0,
        "kinds": {"face_swap": 1.0, "self_blend": 1.0},
    },
    "augmentation.degradation": 0.5,
    "preprocessing.image_size": 64,
    "training.checkpoint_steps": 1,
}


def test_real_pictures_alone_are_trained_on_with_forgeries_of_them(run, photographs, caplog):
    manifest, points = photographs
    with caplog.at_level(logging.INFO):
        catalog = run(points, given={"train_manifest": manifest}, **FORGING)
    assert "Every epoch has 4 forged copies, of 4 real images" in caplog.text
    assert catalog.load("train_landmarks")["status"].tolist() == ["ok"] * 4
    assert [row["epoch"] for row in catalog.load("training_history")] == [1, 2]
    recorded = catalog.load("trained_detector").training["augmentation"]["forgeries"]
    assert recorded["proportion"] == 1.0


def test_real_pictures_alone_are_refused_without_forgeries_or_landmarks(run, photographs):
    given = {"train_manifest": photographs[0]}
    with pytest.raises(ManifestError, match="training set has 4 real and 0 fake images"):
        run(photographs[1], given=given)
    with pytest.raises(LandmarksError, match=r"forging\.landmarks\) or a face detector"):
        run(given=given, **FORGING)


@pytest.fixture
def find_landmarks(photographs, data, make_params):
    def find(**changes):
        params = make_params(**{"data.root": data[0]} | changes)
        return find_train_landmarks(
            *photographs,
            None,
            data=params.data,
            ingestion=params.ingestion,
            faces=params.faces,
            augmentation=params.augmentation,
        )

    return find


def test_without_forgeries_no_landmarks_are_looked_for(find_landmarks):
    pd.testing.assert_frame_equal(find_landmarks(), empty_table())


def test_a_run_with_forgeries_resumes_bit_for_bit(
    train, resume, photographs, find_landmarks, assert_same_end
):
    landmarks = find_landmarks(**FORGING)
    forged = {"rows": photographs[0], "landmarks": landmarks}
    whole = list(train(**forged, **FORGING))
    rest = resume(whole[0][2], **forged, **FORGING | {"training.num_workers": 1})
    assert len(rest) == len(whole) - 1
    assert_same_end(rest, whole)


def test_validation_is_never_forged(make_params, photographs, data, no_faces):
    params = make_params(**{"data.root": data[0]} | FORGING)
    batches = build_val_loader(
        photographs[0], no_faces, params.data, params.preprocessing, params.scoring
    )
    images, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert targets.tolist() == [0] * 4
    resize = eval_transform(64, "bilinear")
    expected = [resize(batches.dataset.read(row)) for row in range(4)]
    assert torch.equal(images, torch.stack(expected))
