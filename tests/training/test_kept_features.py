"""A linear probe on kept features is the one that sees the images anew in every epoch."""

import numpy as np
import pytest
import timm
import torch
from torch import nn

from face_forgery.modeling.detector import BackboneError
from face_forgery.modeling.factory import build_network
from face_forgery.modeling.network import DetectorNetwork
from face_forgery.training import kept_features
from face_forgery.training.kept_features import FeatureDataset
from face_forgery.training.run import train

CPU = torch.device("cpu")
PROBE = {
    "model.fine_tuning": "linear",
    "training.epochs": 2,
    "training.batch_size": 4,
    "training.precision": "float32",
    "augmentation.horizontal_flip": 0.5,
    "augmentation.color_jitter": 0.3,
}


def finish(run):
    for copy_state in train(run, CPU):
        state = copy_state()
    return state


@pytest.mark.parametrize(
    "changes",
    [
        {"model.backbone": "test_resnet"},
        {"model.backbone": "test_vit", "model.options": {"img_size": 32}},
        {"model.backbone": "test_resnet", "augmentation.forgeries.proportion": 0.5},
    ],
    ids=["cnn", "vit", "forgeries"],
)
def test_epochs_see_the_views_that_they_would_see_without(make_run, monkeypatch, changes):
    as_they_are = lambda features: (features[0] * 0, features[0] * 0 + 1)  # noqa: E731
    monkeypatch.setattr(kept_features, "_mean_and_deviation", as_they_are)
    anew, kept = (
        finish(make_run(**PROBE | changes | {"training.feature_views": views})) for views in (0, 2)
    )
    assert kept.network.keys() == anew.network.keys()
    for name, weight in anew.network.items():
        torch.testing.assert_close(kept.network[name], weight, rtol=1e-3, atol=1e-5)
    for ours, theirs in zip(kept.history, anew.history, strict=True):
        assert ours["val_auc"] == pytest.approx(theirs["val_auc"])
        assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-3)


@pytest.mark.parametrize("backbone", ["test_resnet", "vgg11"])
@pytest.mark.parametrize("ema_decay", [None, 0.5])
def test_the_head_learns_from_standardized_features_and_is_kept_for_those_as_they_are(
    make_run, monkeypatch, backbone, ema_decay
):
    found = []
    plain = kept_features._mean_and_deviation
    monkeypatch.setattr(
        kept_features,
        "_mean_and_deviation",
        lambda raw: found.append((raw, *plain(raw))) or found[0][1:],
    )
    changes = {"model.backbone": backbone, "training.feature_views": 1}
    changes |= {"model.options": {"mlp_ratio": 0.01}} if backbone == "vgg11" else {}
    run = make_run(**PROBE | changes | {"training.ema_decay": ema_decay})
    state = finish(run)
    [(raw, mean, deviation)] = found
    standardized = torch.from_numpy((np.asarray(raw, np.float64) - mean) / deviation)
    torch.testing.assert_close(
        standardized.mean(0), torch.zeros_like(standardized[0]), atol=1e-4, rtol=0
    )
    varying = np.asarray(raw).std(0) > 0
    torch.testing.assert_close(
        standardized.std(0, correction=0)[varying],
        torch.ones(varying.sum()).double(),
        atol=1e-4,
        rtol=0,
    )
    probe, kept = (build_network(run.model, 32).eval() for _ in range(2))
    probe.load_state_dict(state.network if ema_decay is None else state.average)
    kept.backbone.load_state_dict(state.weights().weights)
    logits = kept(torch.from_numpy(np.array(raw)))
    torch.testing.assert_close(logits, probe(standardized.float()), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(logits, probe(torch.from_numpy(np.array(raw))), rtol=1e-2)


def test_every_image_is_read_once_a_view_whatever_the_number_of_epochs(make_run, monkeypatch):
    run = make_run(
        **PROBE
        | {"model.backbone": "test_resnet", "training.feature_views": 2}
        | {"training.epochs": 5}
    )
    read = []
    of_class = type(run.train_loader.dataset)
    plain = of_class.read
    monkeypatch.setattr(
        of_class, "read", lambda self, *a, **k: read.append(1) or plain(self, *a, **k)
    )
    finish(run)
    images = len(run.train_loader.dataset)
    assert len(read) == 2 * images + len(run.val_loader.dataset)


def test_a_probe_is_continued_bit_for_bit(make_run):
    changes = PROBE | {"model.backbone": "test_resnet", "training.feature_views": 2}
    changes |= {"training.epochs": 3}
    whole = finish(make_run(**changes))
    states = train(make_run(**changes), CPU)
    first = next(states)()
    states.close()
    again = finish(make_run(resume_from=first, **changes | {"training.resume": True}))
    assert all(torch.equal(again.network[name], whole.network[name]) for name in whole.network)


def test_a_backbone_that_does_more_behind_its_features_is_refused(make_run, monkeypatch):
    class Doubled(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = timm.create_model("test_resnet", num_classes=2)

        def get_classifier(self):
            return self.body.get_classifier()

        def forward(self, pixels):
            return 2 * self.body(pixels)

    make = "face_forgery.training.state.build_network"
    monkeypatch.setattr(make, lambda *_: DetectorNetwork(Doubled(), (0.5,) * 3, (0.2,) * 3))
    run = make_run(**PROBE | {"model.backbone": "test_resnet", "training.feature_views": 1})
    with pytest.raises(BackboneError, match="feature_views=0"):
        finish(run)


def test_views_come_in_turn_and_again_within_an_epoch(make_run):
    run = make_run(**PROBE | {"model.backbone": "test_resnet"})
    images = run.train_loader.dataset
    features = [np.full((len(images), 3), view, dtype=np.float32) for view in (1, 2, 3)]
    kept = FeatureDataset(images, features, np.zeros(3, "f4"), np.ones(3, "f4"))
    found, targets = kept.__getitems__([(1, 0), (2, 5), (4, 1), (1, 2, 1), 3])
    assert found[:, 0].tolist() == [1, 2, 1, 2, 1]
    assert targets.tolist() == images.targets[[0, 5, 1, 2, 3]].tolist()
