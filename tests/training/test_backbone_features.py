"""Features are those of the network that training would begin with, and are measured once."""

import numpy as np
import pandas as pd
import pytest
import torch

from face_forgery.data.images.face_table import FACE_COLUMNS
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader
from face_forgery.data.splits.feature_table import FEATURE_COLUMNS
from face_forgery.modeling.factory import build_network
from face_forgery.training import backbone_features as features
from face_forgery.training.run import seed_torch

NO_FACES = pd.DataFrame(columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS)


@pytest.fixture
def measure(make_faces, make_params, tmp_path):
    manifest = make_faces(10)
    manifest = manifest.assign(subset="train", row=np.arange(10)).astype({"subset": "string"})

    def run(known=None, rows=manifest, faces=NO_FACES, **overrides):
        params = make_params(**{"model.backbone": "test_vit"} | overrides)
        return features.measure_features(
            rows,
            faces,
            known,
            root=str(tmp_path / "faces"),
            model=params.model,
            preprocessing=params.preprocessing,
            scoring=params.scoring,
            seed=params.training.seed,
        )

    run.manifest, run.root = manifest, str(tmp_path / "faces")
    return run


def unpack(table):
    return np.stack([np.frombuffer(one, "<f4") for one in table["features"]])


def test_features_are_those_before_the_head_of_the_starting_network(measure, make_params):
    table = measure()
    assert list(table.columns) == list(FEATURE_COLUMNS)
    assert len(unpack(table)[0]) == features.NUM_FEATURES
    params = make_params(**{"model.backbone": "test_vit"})
    seed_torch(0)
    network = build_network(params.model, 32).eval()
    dataset = ImageDataset.of(measure.manifest, measure.root, params.preprocessing)
    images, _ = next(iter(eval_loader(dataset, batch_size=10, num_workers=0)))
    with torch.inference_mode():
        _, whole = network.logits_and_features(images)
    whole = torch.nn.functional.normalize(whole)
    if whole.shape[1] > features.NUM_FEATURES:
        distances = torch.cdist(torch.from_numpy(unpack(table)), torch.from_numpy(unpack(table)))
        assert torch.allclose(distances, torch.cdist(whole, whole), rtol=0.5, atol=0.05)
    else:
        assert np.allclose(unpack(table), whole.numpy(), atol=1e-5)


def test_what_is_known_is_not_opened_again(measure, tmp_path):
    table = measure()
    (tmp_path / "faces/set/003.png").unlink()
    pd.testing.assert_frame_equal(measure(known=table), table)
    changed = measure.manifest.copy()
    changed.loc[4, "sha256"] = "another file"
    again = measure(known=table[table["row"] != 5], rows=changed)
    assert (unpack(again) == unpack(table)).all()


@pytest.mark.parametrize(
    "change", [{"training.seed": 1}, {"preprocessing.image_size": 64}], ids=str
)
def test_another_network_or_size_measures_anew(measure, change):
    first = measure()
    again = measure(known=first, **change)
    assert not (unpack(again) == unpack(first)).all(axis=1).any()


def test_another_cut_measures_anew(measure):
    def faces(side):
        keys = measure.manifest[["subset", "row"]]
        values = {"left": 0, "top": 0, "side": side, "status": "ok", "detail": ""}
        return keys.assign(**values)[list(FACE_COLUMNS)].astype(FACE_COLUMNS)

    first = measure(faces=faces(30))
    assert (unpack(measure(known=first, faces=faces(30))) == unpack(first)).all()
    assert not (unpack(measure(known=first, faces=faces(20))) == unpack(first)).all()
