"""Every input, fine-tuning mode and loss learns to tell drawn faces from forged ones."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from face_forgery.forgery.rendering.face_parameters import sample_face
from face_forgery.forgery.rendering.portraits import render
from face_forgery.modeling.forward_path import score_images
from face_forgery.training.loop import train_epochs
from face_forgery.training.start import build_state
from face_forgery.training.step_settings import StepSettings

CPU = torch.device("cpu")
SIZE, EPOCHS = 64, 8


@pytest.fixture(scope="module")
def faces():
    """Sixty drawn faces; of every other one nearly all is pasted in: coarse and too red."""
    drawn = [render(sample_face(np.random.default_rng(seed)), SIZE).image for seed in range(60)]
    images = (255 * torch.from_numpy(np.stack(drawn))).round().to(torch.uint8)
    targets = torch.arange(len(images)) % 2
    inner = images[1::2, :, 4:60, 4:60].float()
    pasted = F.interpolate(F.interpolate(inner, size=(14, 14), mode="area"), size=(56, 56))
    pasted[:, 0] += 80
    images[1::2, :, 4:60, 4:60] = pasted.clamp(0, 255).to(torch.uint8)
    return images, targets


@pytest.fixture
def auc_after_training(make_params, make_epochs, faces):
    images, targets = faces

    def train(**changes):
        params = make_params(
            **{
                "training.epochs": EPOCHS,
                "training.batch_size": 10,
                "training.optimizer.learning_rate": 3e-3,
            }
            | changes
        )
        torch.manual_seed(0)
        state = build_state(params.model, params.training, SIZE, 4, CPU)

        def batches_of(epoch):
            order = torch.randperm(40, generator=torch.Generator().manual_seed(epoch))
            return [(images[some], targets[some]) for some in order.split(10)]

        settings = StepSettings.of(params.training, CPU, batches_per_epoch=4)
        for _ in train_epochs(state, make_epochs(batches_of), settings, epochs=EPOCHS):
            pass
        scores = score_images(state.judged_network, images[40:], CPU)
        return roc_auc_score(targets[40:].numpy(), scores)

    return train


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
@pytest.mark.parametrize("channels", ["rgb", "rgb_srm", "rgb_frequency"])
def test_every_input_learns(auc_after_training, backbone, channels):
    assert auc_after_training(**{"model.backbone": backbone, "model.input": channels}) > 0.8


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
@pytest.mark.parametrize("mode", ["linear", "norm", "lora"])
def test_every_fine_tuning_mode_learns(auc_after_training, backbone, mode):
    assert auc_after_training(**{"model.backbone": backbone, "model.fine_tuning": mode}) > 0.8


@pytest.mark.parametrize(
    "changes",
    [
        {"training.loss.name": "bce"},
        {"training.loss.name": "focal"},
        {"training.loss.contrastive": 0.5},
        {"training.loss.consistency": 1.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_loss_learns(auc_after_training, changes):
    assert auc_after_training(**changes) > 0.8
