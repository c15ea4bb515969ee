"""The demo_data pipeline."""

import inspect

from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from face_forgery.params import DemoDataParams
from face_forgery.pipelines.demo_data import create_pipeline
from face_forgery.pipelines.demo_data.nodes import draw_demo_set


def make_params(root, **changes):
    values = {
        "root": str(root),
        "train_images": 6,
        "val_images": 4,
        "test_images": 3,
        "image_size": 64,
        "seed": 0,
        "num_workers": 0,
    }
    return DemoDataParams(**(values | changes))


def run(root, **changes):
    catalog = DataCatalog.from_config(
        {
            "demo_set": {
                "type": "face_forgery.datasets.image_set.ImageSetDataset",
                "root": str(root),
            }
        }
    )
    catalog["params:demo_data"] = make_params(root, **changes)
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog.load("demo_set")


def test_the_pipeline_draws_what_the_parameters_say(tmp_path):
    table = run(tmp_path / "drawn")
    assert table["subset"].value_counts().to_dict() == {"train": 6, "val": 4, "test": 3}
    assert len(list((tmp_path / "drawn").rglob("*.jpg"))) == 13


def test_the_set_may_have_no_test_images(tmp_path):
    table = run(tmp_path, test_images=0)
    assert set(table["subset"]) == {"train", "val"}


def test_the_node_yields_batches_as_they_are_drawn(tmp_path):
    batches = draw_demo_set(make_params(tmp_path, train_images=100_000))
    assert inspect.isgenerator(batches)
    first = next(batches)
    assert 0 < len(first) < 1000
    batches.close()
