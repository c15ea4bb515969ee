"""The table of contents holds every pipeline; test_start_up.py: opening it is cheap."""

from pathlib import Path

import pytest

from face_forgery.evaluation.reporting.report import list_inputs
from face_forgery.pipeline_registry import register_pipelines
from face_forgery.pipelines.report.nodes import REPORT_INPUTS

ROOT = Path(__file__).parents[1]
MAIN_JOB = (
    *("ingestion", "splitting", "audit", "training", "evaluation", "robustness", "submission"),
    "testing",
)


def node_names(pipeline):
    return {node.name for node in pipeline.nodes}


def test_registry_names_every_pipeline_folder_and_no_other():
    folders = {file.parent.name for file in ROOT.glob("src/face_forgery/pipelines/*/pipeline.py")}
    assert set(register_pipelines()) == folders | {"__default__"}


def test_default_is_the_main_job_and_nothing_else():
    pipelines = register_pipelines()
    parts = [node_names(pipelines[name]) for name in MAIN_JOB]
    assert node_names(pipelines["__default__"]) == set().union(*parts)
    assert set.intersection(parts[4], parts[5]) == {
        "report.write_report",
        "report.write_model_card",
        "report.end_report",
    }


@pytest.mark.parametrize("name", ["inference", "demo_data"])
def test_side_jobs_are_not_part_of_the_main_job(name):
    pipelines = register_pipelines()
    assert node_names(pipelines[name]).isdisjoint(node_names(pipelines["__default__"]))


def test_every_node_is_called_what_its_pipeline_and_its_function_are_called():
    pipelines = register_pipelines()
    for name in set(pipelines) - {"__default__"}:
        for node in pipelines[name].nodes:
            assert node.name in {f"{name}.{node.func.__name__}", f"report.{node.func.__name__}"}


def test_the_name_of_a_pipeline_selects_its_nodes_and_renames_no_dataset():
    pipelines = register_pipelines()
    training = pipelines["__default__"].only_nodes_with_namespaces(["training"])
    assert node_names(training) == node_names(pipelines["training"])
    assert {"train_manifest", "trained_detector", "params:training"} <= training.datasets()
    assert pipelines["__default__"].only_nodes_with_tags("training").nodes == training.nodes


def test_the_report_reads_what_its_template_names():
    assert sorted(REPORT_INPUTS) == list_inputs()


def test_a_node_without_its_pipeline_is_answered_with_its_whole_name():
    with pytest.raises(ValueError, match=r"Did you mean: \['training.train_detector'\]"):
        register_pipelines()["__default__"].from_nodes("train_detector")
