"""Features are those of the network that training would begin with."""

import numpy as np
import pandas as pd
import pytest
import torch

from face_forgery.data.images.face_table import FACE_COLUMNS
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader
from face_forgery.modeling.factory import build_network
from face_forgery.training.backbone_features import NUM_FEATURES, measure_features
from face_forgery.training.run import seed_torch

NO_FACES = pd.DataFrame(columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS)


@pytest.fixture
def manifest(make_faces):
    rows = make_faces(10)
    return rows.assign(subset="train", row=np.arange(10)).astype({"subset": "string"})


@pytest.fixture
def measure(manifest, make_params, tmp_path):
    def run(faces=NO_FACES, **overrides):
        params = make_params(**{"model.backbone": "test_vit"} | overrides)
        return measure_features(
            manifest,
            faces,
            root=str(tmp_path / "faces"),
            model=params.model,
            preprocessing=params.preprocessing,
            scoring=params.scoring,
            seed=params.training.seed,
        )

    return run


def test_features_are_those_before_the_head_of_the_starting_network(
    measure, manifest, make_params, tmp_path
):
    features = measure()
    params = make_params(**{"model.backbone": "test_vit"})
    seed_torch(0)
    network = build_network(params.model, 32).eval()
    dataset = ImageDataset.of(manifest, str(tmp_path / "faces"), params.preprocessing)
    images, _ = next(iter(eval_loader(dataset, batch_size=10, num_workers=0)))
    with torch.inference_mode():
        _, whole = network.logits_and_features(images)
    whole = torch.nn.functional.normalize(whole)
    assert features.shape == (10, min(NUM_FEATURES, whole.shape[1]))
    if whole.shape[1] > NUM_FEATURES:
        projected = torch.from_numpy(features)
        distances = torch.cdist(projected, projected)
        assert torch.allclose(distances, torch.cdist(whole, whole), rtol=0.5, atol=0.05)
    else:
        assert np.allclose(features, whole.numpy(), atol=1e-5)


@pytest.mark.parametrize(
    "change", [{"training.seed": 1}, {"preprocessing.image_size": 64}], ids=str
)
def test_another_network_or_size_sees_something_else(measure, change):
    assert not (measure(**change) == measure()).all(axis=1).any()


def test_features_are_those_of_face_crops(measure, manifest):
    keys = manifest[["subset", "row"]]
    values = {"left": 0, "top": 0, "side": 20, "status": "ok", "detail": ""}
    faces = keys.assign(**values)[list(FACE_COLUMNS)].astype(FACE_COLUMNS)
    assert not (measure(faces=faces) == measure()).all(axis=1).any()
