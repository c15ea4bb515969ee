"""Forged copies of real images are made while training goes on."""

import logging

import pandas as pd
import pytest
import torch
from kedro.io import MemoryDataset
from kedro.runner import SequentialRunner

from face_forgery.data.images.face_table import FACE_COLUMNS
from face_forgery.data.images.resizing import eval_transform
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.forgery.making.landmark_table import empty_table
from face_forgery.forgery.making.landmarks import LandmarksError
from face_forgery.pipelines.training import create_pipeline
from face_forgery.pipelines.training.nodes import (
    build_val_loader,
    find_train_landmarks,
)

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


def test_real_pictures_alone_are_trained_on_with_forgeries_of_them(
    make_catalog, photographs, caplog
):
    catalog = make_catalog(photographs[1], **FORGING)
    catalog["train_manifest"] = MemoryDataset(photographs[0])
    with caplog.at_level(logging.INFO):
        SequentialRunner().run(create_pipeline(), catalog)
    assert "Every epoch has 4 forged copies, of 4 real images" in caplog.text
    assert catalog.load("train_landmarks")["status"].tolist() == ["ok"] * 4
    assert [row["epoch"] for row in catalog.load("training_history")] == [1, 2]
    assert (
        catalog.load("trained_detector").training["augmentation"]["forgeries"]["proportion"] == 1.0
    )


def test_real_pictures_alone_are_refused_without_forgeries(make_catalog, photographs):
    catalog = make_catalog(photographs[1])
    catalog["train_manifest"] = MemoryDataset(photographs[0])
    with pytest.raises(ManifestError, match="training set has 4 real and 0 fake images"):
        SequentialRunner().run(create_pipeline(), catalog)


def test_forgeries_need_landmarks_from_somewhere(make_catalog, photographs):
    catalog = make_catalog(None, **FORGING)
    catalog["train_manifest"] = MemoryDataset(photographs[0])
    with pytest.raises(LandmarksError, match=r"forging\.landmarks\) or a face detector"):
        SequentialRunner().run(create_pipeline(), catalog)


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
    for num_yields in (1, 3):
        workers = {"training.num_workers": num_yields % 2}
        rest = resume(whole[num_yields - 1][2], **forged, **FORGING | workers)
        assert len(rest) == len(whole) - num_yields
        assert_same_end(rest, whole)


def test_validation_is_never_forged(make_params, photographs, data):
    params = make_params(**{"data.root": data[0]} | FORGING)
    no_faces = pd.DataFrame(columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS)
    batches = build_val_loader(
        photographs[0], no_faces, params.data, params.preprocessing, params.scoring
    )
    images, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert targets.tolist() == [0] * 4
    resize = eval_transform(64, "bilinear")
    expected = [resize(batches.dataset.read(row)) for row in range(4)]
    assert torch.equal(images, torch.stack(expected))
