"""Parameters reach the step, and every batch knows its place."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from face_forgery.training.distributed.process_group import Team
from face_forgery.training.losses import Loss
from face_forgery.training.mixing import Mixing
from face_forgery.training.step_settings import StepSettings

CPU = torch.device("cpu")


def test_every_parameter_of_the_step_reaches_it(make_params):
    params = make_params(
        **{
            "training.precision": "bfloat16",
            "training.compile": False,
            "training.seed": 4,
            "training.mixup_alpha": 0.1,
            "training.cutmix_alpha": 0.2,
            "training.label_smoothing": 0.3,
            "training.loss": {
                "name": "focal",
                "gamma": 1.5,
                "contrastive": 0.0,
                "temperature": 0.2,
                "consistency": 0.6,
            },
            "training.accumulate": 5,
            "training.grad_clip_norm": 6.0,
            "training.checkpoint_steps": 7,
        }
    ).training
    assert StepSettings.of(params, CPU, batches_per_epoch=3) == StepSettings(
        device=CPU,
        precision=torch.bfloat16,
        is_compiled=False,
        mixing=Mixing(mixup_alpha=0.1, cutmix_alpha=0.2, seed=4),
        loss=Loss("focal", 1.5, 0.3, temperature=0.2, consistency=0.6, seed=4),
        accumulate=5,
        grad_clip_norm=6.0,
        checkpoint_steps=7,
    )


def test_the_length_of_the_run_is_that_of_all_epochs(make_params, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "face_forgery.training.step_settings.resolve_compile",
        lambda wanted, device, *, num_batches: asked.append(num_batches),
    )
    StepSettings.of(make_params(**{"training.epochs": 4}).training, CPU, batches_per_epoch=25)
    assert asked == [100]


def test_with_the_contrastive_term_nothing_is_compiled(make_params, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "face_forgery.training.step_settings.resolve_compile",
        lambda wanted, device, *, num_batches: asked.append(wanted),
    )
    for weight in (0.0, 0.5):
        params = make_params(**{"training.loss.contrastive": weight}).training
        settings = StepSettings.of(params, CPU, batches_per_epoch=3)
        assert settings.loss.contrastive == weight
    assert asked == ["auto", False]


def test_the_shipped_step_is_a_plain_one(make_params):
    settings = StepSettings.of(make_params().training, CPU, batches_per_epoch=3)
    assert settings == StepSettings(CPU, grad_clip_norm=1.0)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=20),
    accumulate=st.integers(1, 6),
    every=st.integers(1, 4),
)
def test_places_cover_the_epoch_in_whole_steps(sizes, accumulate, every):
    settings = StepSettings(CPU, accumulate=accumulate, checkpoint_steps=every)
    places = settings.places(sizes)
    assert [place.number for place in places] == list(range(len(sizes)))
    starts = [place.number for place in places if place.begins_step]
    assert starts == list(range(0, len(sizes), accumulate))
    ends = [place.number for place in places if place.ends_step]
    assert ends == [start - 1 for start in starts[1:]] + [len(sizes) - 1]
    for start, end in zip(starts, ends, strict=True):
        shares = [place.share for place in places[start : end + 1]]
        assert math.isclose(sum(shares), 1.0)
        assert shares == pytest.approx(
            [size / sum(sizes[start : end + 1]) for size in sizes[start : end + 1]]
        )
    saves = [place.number for place in places if place.is_save_due]
    assert saves == [end for step, end in enumerate(ends[:-1], start=1) if step % every == 0]


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    accumulate=st.integers(1, 4),
    num_ranks=st.integers(2, 5),
)
def test_the_mean_over_ranks_weighs_every_image_alike(sizes, accumulate, num_ranks):
    alone = StepSettings(CPU, accumulate=accumulate).places(sizes)
    teams = [Team(rank, num_ranks) for rank in range(num_ranks)]
    by_rank = [StepSettings(CPU, accumulate=accumulate, team=team).places(sizes) for team in teams]
    for whole, *parts in zip(alone, *by_rank, strict=True):
        counted = [place.part.num_counted for place in parts]
        assert sum(counted) == whole.part.num_counted == whole.part.num_images
        assert math.isclose(sum(place.share for place in parts) / num_ranks, whole.share)
        of_images = [
            place.share / place.part.num_counted for place in parts if place.part.num_counted
        ]
        assert of_images == pytest.approx(
            [num_ranks * whole.share / whole.part.num_images] * len(of_images)
        )


def test_a_picture_before_the_part_is_asked_for_where_several_ranks_mix():
    def num_before(team, **alphas):
        return StepSettings(CPU, mixing=Mixing(**alphas), team=team).num_before

    assert num_before(Team(), mixup_alpha=0.5) == 0
    assert num_before(Team(1, 2)) == 0
    assert num_before(Team(0, 2), mixup_alpha=0.5) == 1
    assert num_before(Team(1, 2), cutmix_alpha=0.5) == 1
