"""`--env baseline` is the course's recipe, without the course's mistakes; see docs/baseline.md."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from face_forgery.config_loader import ProjectConfigLoader
from face_forgery.params import check_parameters
from face_forgery.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[1] / "conf"

RECIPE = {
    "model.backbone": "resnet18",
    "model.pretrained": True,
    "model.weights": None,
    "model.options": {},
    "model.input": "rgb",
    "model.truncate_after": None,
    "model.fine_tuning": "full",
    "model.max_parameters": None,
    "preprocessing.image_size": 256,
    "preprocessing.interpolation": "bilinear",
    "preprocessing.scaled_decoding": False,
    "augmentation.horizontal_flip": 0.5,
    "augmentation.vertical_flip": 0.5,
    "augmentation.crop_scale": 1.0,
    "augmentation.rotation": 0.0,
    "augmentation.shift": 0.0,
    "augmentation.zoom": 0.0,
    "augmentation.color_jitter": 0.0,
    "augmentation.forgeries.proportion": 0.0,
    "augmentation.degradation": 0.0,
    "augmentation.jpeg": 0.0,
    "augmentation.blur": 0.0,
    "augmentation.noise": 0.0,
    "training.seed": 0,
    "training.epochs": 2,
    "training.warmup_epochs": 0,
    "training.batch_size": 40,
    "training.accumulate": 1,
    "training.sampling": "shuffled",
    "training.source_balance": 0.0,
    "training.feature_views": 0,
    "training.num_workers": 4,
    "training.precision": "float32",
    "training.compile": False,
    "training.mixup_alpha": 0.0,
    "training.cutmix_alpha": 0.0,
    "training.label_smoothing": 0.0,
    "training.loss.name": "cross_entropy",
    "training.loss.alignment": 0.0,
    "training.loss.uniformity": 0.0,
    "training.grad_clip_norm": None,
    "training.ema_decay": None,
    "training.optimizer.name": "adam",
    "training.optimizer.learning_rate": 0.005,
    "training.optimizer.weight_decay": 0.0,
    "training.optimizer.layer_decay": None,
    "training.schedule.name": "step",
    "training.schedule.step_epochs": 4,
    "training.schedule.gamma": 0.85,
    "training.select_by": "overall",
    "training.patience": None,
    "training.engine": "local",
    "training.checkpoint_steps": None,
    "training.resume": False,
}


@pytest.fixture(scope="module")
def baseline():
    loader = ProjectConfigLoader(conf_source=str(CONF), env="baseline", **CONFIG_LOADER_ARGS)
    return check_parameters(loader["parameters"])


@pytest.mark.parametrize("name", RECIPE)
def test_each_value_is_the_one_of_the_course(baseline, name):
    value = baseline
    for part in name.split("."):
        value = getattr(value, part)
    assert value == RECIPE[name]


def test_nothing_of_the_recipe_is_left_to_base(baseline):
    held = {name.rsplit(".", 1)[0] for name in RECIPE}
    loose = {  # without effect here
        *(f"augmentation.{name}" for name in ("jpeg_quality", "blur_sigma", "noise_sigma")),
        "augmentation.forgeries.kinds",
        "augmentation.forgeries.strength",
        "model.last_blocks",
        "model.lora",
    }
    for section in held:
        model = baseline
        for part in section.split("."):
            model = getattr(model, part)
        names = set(type(model).model_fields) - {"optimizer", "schedule", "loss", "forgeries"}
        of_recipe = {name for name in RECIPE if name.rsplit(".", 1)[0] == section}
        assert {f"{section}.{name}" for name in names} - loose == of_recipe


def test_normalization_is_that_of_imagenet(baseline):
    from face_forgery.modeling.factory import normalization_of

    assert normalization_of(baseline.model.backbone) == (
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
    )


def test_all_images_are_trained_on_not_the_first_thousand(baseline):
    from face_forgery.data.loading.epoch_sampler import EpochSampler
    from face_forgery.data.loading.image_dataset import ImageDataset

    num = 2500
    manifest = pd.DataFrame(
        {"path": [f"{i}.jpg" for i in range(num)], "target": np.arange(num) % 2, "sha256": ""}
    )
    dataset = ImageDataset.of(manifest, "", baseline.preprocessing)
    sampler = EpochSampler(dataset, baseline.training)
    assert len(dataset) == sampler.num_images == len({*sampler}) == num


def test_the_rate_drops_after_the_fourth_epoch_not_before_the_first(baseline):
    from face_forgery.training.optimizer import build_scheduler

    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.005)
    scheduler = build_scheduler(optimizer, baseline.training, batches_per_epoch=10)
    rates = []
    for _ in range(5):
        rates.append(scheduler.get_last_lr()[0])
        for _ in range(10):
            optimizer.step()
            scheduler.step()
    assert rates == [0.005] * 4 + [pytest.approx(0.005 * 0.85)]
