"""The demo_data pipeline."""

import pytest
from kedro.runner import SequentialRunner

from face_forgery.pipelines.demo_data import create_pipeline
from face_forgery.pipelines.demo_data.nodes import draw_demo_set


@pytest.fixture
def small(make_params, tmp_path):
    """Return a builder of parameters for a small set."""
    changes = {"root": str(tmp_path / "drawn"), "train_images": 6, "val_images": 4}
    changes |= {"test_images": 3, "image_size": 64, "num_workers": 0}

    def make(**more):
        return make_params(**{f"demo_data.{k}": v for k, v in (changes | more).items()})

    return make


@pytest.fixture
def run(make_shipped_catalog, tmp_path):
    def run_pipeline(params):
        catalog = make_shipped_catalog(create_pipeline(), tmp_path, params)
        SequentialRunner().run(create_pipeline(), catalog)
        return catalog.load("demo_set")

    return run_pipeline


def test_the_pipeline_draws_what_the_parameters_say(tmp_path, run, small):
    table = run(small())
    assert table["subset"].value_counts().to_dict() == {"train": 6, "val": 4, "test": 3}
    assert len(list((tmp_path / "drawn").rglob("*.jpg"))) == 13


def test_the_set_may_have_no_test_images(run, small):
    table = run(small(test_images=0))
    assert set(table["subset"]) == {"train", "val"}


def test_the_node_yields_batches_as_they_are_drawn(small):
    batches = draw_demo_set(small(train_images=100_000).demo_data)
    assert 0 < len(next(batches)) < 1000
    batches.close()
