"""What is refused before any node runs."""

from types import SimpleNamespace

import pytest
from kedro.pipeline import Node, Pipeline

from face_forgery.hooks.parameters import ParameterHooks
from face_forgery.hooks.runners import RunnerError, RunnerHooks
from face_forgery.modeling.factory import BackboneError
from face_forgery.params import ParameterError


def identity(value):
    return value


TRAINS = Pipeline([Node(identity, "params:model", "network", name="identity")])
DOES_NOT = Pipeline([Node(identity, "params:data", "labels", name="identity")])


def context_with(parameters):
    return SimpleNamespace(config_loader={"parameters": parameters})


def test_faulty_parameters_are_refused_whatever_pipeline_runs(shipped_parameters):
    shipped_parameters["demo_data"]["train_imags"] = 3
    with pytest.raises(ParameterError, match=r"(?s)demo_data\.train_imags.*--params NAME=VALUE"):
        ParameterHooks().after_context_created(context_with(shipped_parameters))


def test_unknown_backbone_is_refused_with_the_nearest_names(shipped_parameters):
    shipped_parameters["model"]["backbone"] = "resnet81"
    hooks = ParameterHooks()
    hooks.after_context_created(context_with(shipped_parameters))
    with pytest.raises(BackboneError, match=r"'resnet81'.*did you mean resnet"):
        hooks.before_pipeline_run(TRAINS)


def test_backbone_is_no_matter_where_nothing_is_built_from_it(shipped_parameters):
    shipped_parameters["model"]["backbone"] = "resnet81"
    hooks = ParameterHooks()
    hooks.after_context_created(context_with(shipped_parameters))
    hooks.before_pipeline_run(DOES_NOT)


@pytest.mark.parametrize("name", ["ParallelRunner", "ThreadRunner"])
def test_runners_that_would_spoil_what_is_in_memory_are_refused(name):
    runner = f"<kedro.runner.some.{name} object at 0x7f>"  # what Kedro hands over
    with pytest.raises(RunnerError, match=f"{name} cannot run .*Leave out --runner"):
        RunnerHooks().before_pipeline_run({"runner": runner})


@pytest.mark.parametrize("runner", ["None", "<kedro.runner.SequentialRunner object at 0x7f>"])
def test_one_node_after_another_is_what_runs(runner):
    RunnerHooks().before_pipeline_run({"runner": runner})
