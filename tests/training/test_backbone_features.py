"""Features are those of the network that training would begin with."""

import numpy as np
import pytest
import torch

from face_forgery.data.images.face_table import FACE_COLUMNS
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader
from face_forgery.modeling.factory import build_network
from face_forgery.training.backbone_features import NUM_FEATURES, measure_features
from face_forgery.training.run import seed_torch


@pytest.fixture
def manifest(make_faces):
    return make_faces(10).assign(subset="train", row=np.arange(10)).astype({"subset": "string"})


@pytest.fixture
def measure(manifest, make_params, no_faces, tmp_path):
    def run(faces=no_faces, **overrides):
        params = make_params(**{"model.backbone": "test_vit"} | overrides)
        names = ("model", "preprocessing", "scoring")
        sections = {name: getattr(params, name) for name in names}
        root, seed = str(tmp_path / "faces"), params.training.seed
        return measure_features(manifest, faces, root=root, seed=seed, **sections)

    return run


def test_distances_are_those_before_the_head_of_the_starting_network(
    measure, manifest, make_params, tmp_path
):
    features = torch.from_numpy(measure())
    params = make_params(**{"model.backbone": "test_vit"})
    seed_torch(0)
    network = build_network(params.model, 32).eval()
    dataset = ImageDataset.of(manifest, str(tmp_path / "faces"), params.preprocessing)
    images, _ = next(iter(eval_loader(dataset, batch_size=10, num_workers=0)))
    with torch.inference_mode():
        _, whole = network.logits_and_features(images)
    whole = torch.nn.functional.normalize(whole)
    assert features.shape == (10, min(NUM_FEATURES, whole.shape[1]))
    distances = torch.cdist(features, features)
    assert torch.allclose(distances, torch.cdist(whole, whole), rtol=0.5, atol=0.05)


def test_another_network_size_or_face_crop_is_something_else(measure, manifest):
    values = {"left": 0, "top": 0, "side": 20, "angle": 0.0, "status": "ok", "detail": ""}
    faces = manifest[["subset", "row"]].assign(**values)[list(FACE_COLUMNS)].astype(FACE_COLUMNS)
    plain = measure()
    for change in ({"training.seed": 1}, {"preprocessing.image_size": 64}, {"faces": faces}):
        assert not (measure(**change) == plain).all(axis=1).any()
