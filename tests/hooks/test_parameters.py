"""What is refused before any node runs, and where relative paths lie."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from face_forgery.config_loader import ProjectConfigLoader
from face_forgery.hooks.parameters import ParameterHooks, how_to_set, rebase_paths
from face_forgery.modeling.detector import BackboneError
from face_forgery.params import ParameterError
from face_forgery.settings import CONFIG_LOADER_ARGS

PROJECT = Path(__file__).parents[2]
SEQUENTIAL = {  # what Kedro hands over
    "runner": "<kedro.runner.SequentialRunner object at 0x7f>",
    "pipeline_names": ["some"],
}
TRAINS = Pipeline([Node(lambda value: value, "params:model", "network", name="build")])
READS = Pipeline([Node(lambda value: value, "params:data", "labels", name="read")])


@pytest.fixture
def make_hooks():
    """Return hooks that have seen the parameters of conf/base with some values changed."""

    def make(**changes):
        loader = ProjectConfigLoader(str(PROJECT / "conf"), env="base", **CONFIG_LOADER_ARGS)
        values = loader["parameters"]
        for name, value in changes.items():
            section, key = name.split("__")
            values[section][key] = value
        hooks = ParameterHooks()
        context = SimpleNamespace(config_loader={"parameters": values}, project_path=Path.cwd())
        hooks.after_context_created(context)
        return hooks

    return make


def test_faulty_parameters_are_refused_whatever_pipeline_runs(make_hooks):
    with pytest.raises(ParameterError, match=r"demo_data\.train_imags"):
        make_hooks(demo_data__train_imags=3)


def test_an_unknown_backbone_is_refused_where_something_is_built_from_it(make_hooks):
    hooks = make_hooks(model__backbone="resnet81")
    hooks.before_pipeline_run(SEQUENTIAL, READS, DataCatalog())
    with pytest.raises(BackboneError, match=r"'resnet81'.*did you mean resnet"):
        hooks.before_pipeline_run(SEQUENTIAL, TRAINS, DataCatalog())


def test_an_unknown_loss_is_refused_before_anything_is_trained(make_hooks):
    hooks = make_hooks(
        training__loss={
            "name": "hinge",
            **dict.fromkeys(("alignment", "uniformity"), 0.0),
        }
    )
    reads_both = ["params:model", "params:training"]
    trains = Pipeline([Node(lambda model, training: model, reads_both, "detector", name="train")])
    with pytest.raises(ParameterError, match=r"loss\.name='hinge': there are cross_entropy, "):
        hooks.before_pipeline_run(SEQUENTIAL, trains, DataCatalog())


@pytest.mark.parametrize("name", ["ParallelRunner", "ThreadRunner"])
def test_runners_that_would_spoil_what_is_in_memory_are_refused(name):
    runner = f"<kedro.runner.some.{name} object at 0x7f>"
    with pytest.raises(ParameterError, match=f"{name} cannot run .*Leave out --runner"):
        ParameterHooks().before_pipeline_run({"runner": runner}, READS, DataCatalog())


def test_relative_paths_are_those_of_the_project_and_others_stay():
    values = {
        "data": {"root": "data/01_raw", "train_images": "trainset"},
        "demo_data": {"root": "/data/drawn"},
        "model": {"weights": None},
    }
    rebased = rebase_paths(values, Path("/project"), Path("/project/notebooks"))
    assert rebased == {
        "data": {"root": "../data/01_raw", "train_images": "trainset"},
        "demo_data": {"root": "../../data/drawn"},
        "model": {"weights": None},
    }
    assert values["data"]["root"] == "data/01_raw"


@pytest.mark.parametrize("folder", [".", "src/face_forgery"])
def test_catalog_and_nodes_agree_on_the_root_in_any_folder(monkeypatch, folder):
    monkeypatch.chdir(PROJECT / folder)
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT) as session:
        context = session.load_context()
        root = context.params["data"].root
        labels = context.catalog.get("train_labels")
    assert Path(root).resolve() == PROJECT / "data/01_raw/demo"
    assert labels._describe()["root"] == root


@pytest.mark.parametrize(
    ("message", "is_told"),
    [
        ("Lower training.batch_size, and give the same command again", True),
        ("set splitting.num_folds=null", True),
        ("try --params training.batch_size=4", False),
        ("/data/06_models/detector/model.safetensors is damaged", False),
        ("no such file", False),
    ],
)
def test_a_message_that_names_a_parameter_is_followed_by_how_to_set_it(message, is_told):
    assert ("--params NAME=VALUE" in how_to_set(message)) is is_told


def test_a_message_that_names_a_pipeline_is_followed_by_how_to_run_it():
    assert "kedro run --pipelines" in how_to_set("train again (pipelines training and evaluation)")
    assert how_to_set("run it again: kedro run --pipelines ingestion") == ""
    assert how_to_set("a pipeline.") == ""
