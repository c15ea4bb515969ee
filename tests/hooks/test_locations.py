"""A relative location is one of the project, wherever a command is started."""

from pathlib import Path

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from face_forgery.hooks.locations import rebase_locations

PROJECT = Path(__file__).parents[2]


def test_relative_locations_are_those_of_the_project_and_others_stay():
    values = {
        "data": {"root": "data/01_raw", "train_images": "trainset"},
        "demo_data": {"root": "/data/drawn"},
        "model": {"weights": None},
    }
    rebased = rebase_locations(values, Path("/project"), Path("/project/notebooks"))
    assert rebased == {
        "data": {"root": "../data/01_raw", "train_images": "trainset"},
        "demo_data": {"root": "../../data/drawn"},
        "model": {"weights": None},
    }
    assert values["data"]["root"] == "data/01_raw"


@pytest.mark.parametrize("folder", [".", "tests", "src/face_forgery"])
def test_catalog_and_nodes_agree_on_the_root_in_any_folder(monkeypatch, folder):
    monkeypatch.chdir(PROJECT / folder)
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT) as session:
        context = session.load_context()
        root = context.params["data"].root
        labels = context.catalog.get("train_labels")
    assert Path(root).resolve() == PROJECT / "data/01_raw/demo"
    assert labels._describe()["root"] == root
