"""What a user names is looked at before any node runs: labels, ignored names, outputs."""

import logging

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.datasets.labels import LabelsDataset
from face_forgery.hooks.user_data import (
    OverwriteError,
    check_labels,
    refuse_ignored,
    refuse_overwriting,
)
from face_forgery.params import ParameterError
from face_forgery.params.data import LabelSet
from face_forgery.pipelines import comparison, evaluation, ingestion, splitting, training


def reading(*entries):
    return Pipeline([Node(lambda *given: given, [*entries], "out", name="read")])


@pytest.mark.parametrize(
    ("pipelines", "command"),
    [
        (["evaluation"], "ingestion,splitting,training,evaluation"),
        (["splitting", "evaluation"], "ingestion,splitting,training,evaluation"),
        (["training", "evaluation"], "ingestion,splitting,training,evaluation"),
        (["audit"], "ingestion,splitting,audit"),
    ],
)
def test_names_of_data_that_no_node_would_look_at_are_refused_with_the_command(pipelines, command):
    run = {
        "runtime_params": {"data": {"val_labels": "B", "root": "x"}},
        "pipeline_names": pipelines,
    }
    with pytest.raises(ParameterError) as caught:
        refuse_ignored(run, evaluation.create_pipeline())
    assert str(caught.value).startswith("data.val_labels=B would be ignored: only the pipeline")
    assert f"kedro run --pipelines {command} --params data.val_labels=B (" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "pipeline"),
    [
        ({"root": "moved"}, evaluation),
        ({"val_labels": "B"}, ingestion),
        ({"val_labels": None}, splitting),
        ({}, evaluation),
    ],
)
def test_names_that_are_looked_at_pass(data, pipeline):
    refuse_ignored({"runtime_params": {"data": data}}, pipeline.create_pipeline())
    refuse_ignored({}, pipeline.create_pipeline())


def test_train_labels_of_the_command_are_refused_beside_sets_that_take_their_place():
    sets = (LabelSet(name="a", labels="a.csv", images="a"),)
    run = {"runtime_params": {"data": {"train_labels": "b.csv"}}}
    with pytest.raises(
        ParameterError, match=r"data\.train_labels=b\.csv would be ignored: the 1 se"
    ):
        refuse_ignored(run, ingestion.create_pipeline(), sets)
    refuse_ignored({"runtime_params": {"data": {"root": "x"}}}, ingestion.create_pipeline(), sets)


def test_other_parameters_that_change_nothing_are_warned_of(caplog):
    given = {"splitting": {"seed": 1}, "evaluation": {"seed": 1}, "tracking": {"run_name": "a"}}
    refuse_ignored({"runtime_params": given}, evaluation.create_pipeline())
    assert [record.args for record in caplog.records] == [("splitting",)]


@pytest.mark.parametrize(
    ("pipeline", "given"),
    [
        (training, {"forging": {"landmarks": "a.csv"}}),
        (comparison, {"comparison": {"scores": {"a": "a.csv"}}}),
    ],
    ids=["landmarks", "scores"],
)
def test_a_file_that_a_pipeline_reads_is_not_warned_of(caplog, pipeline, given):
    refuse_ignored({"runtime_params": given}, pipeline.create_pipeline())
    assert not caplog.records


@pytest.fixture
def make_catalog(tmp_path, make_params):
    def make(text):
        (tmp_path / "trainset").mkdir()
        (tmp_path / "trainset_label.txt").write_text(text)
        nothing = {f"data.{name}_labels": None for name in ("val", "test")}
        params = make_params(**{"data.root": str(tmp_path)} | nothing)
        sources = {
            f"{name}_labels": LabelsDataset(
                root=str(tmp_path),
                labels=getattr(params.data, f"{name}_labels"),
                parameter=f"data.{name}_labels",
            )
            for name in ("train", "val", "test")
        }
        return DataCatalog(sources), params

    return make


def test_a_faulty_label_file_is_refused_before_any_node_and_a_good_one_said_once(
    make_catalog, caplog
):
    caplog.set_level("INFO")
    catalog, params = make_catalog("a.jpg,0\nb.jpg,2\n")
    with pytest.raises(ManifestError, match="line 2: '2'"):
        check_labels(reading("train_labels"), catalog, params)
    check_labels(reading("manifest"), catalog, params)
    (catalog["train_labels"]._root / "trainset_label.txt").write_text("a.jpg,0\nb.jpg,1\n")
    check_labels(reading("train_labels"), catalog, params)
    assert "1 real and 1 forged" not in caplog.text
    assert logging.root.manager.disable == logging.NOTSET


@pytest.mark.parametrize(
    ("entry", "parameter", "given", "output", "fault"),
    [
        ("images", "inference.images", "in/list.csv", "in/list.csv", "they are the same"),
        ("images", "inference.images", "in/link.csv", "in/list.csv", "they are the same"),
        ("images", "inference.images", "in/list_faces.csv", "in/list.csv", "they are the same"),
        ("images", "inference.images", "in", "in/deep/out.csv", "it lies within"),
        ("images", "inference.images", "in/*.csv", "in/out.csv", "it matches"),
        ("images", "inference.images", "s3://b/in", "s3://b/in/out.csv", "it lies within"),
        ("videos", "video.videos", "in", "in/video_predictions.csv", "it lies within"),
        ("train_labels", "data.train_labels", "in", "in/forged", "it lies within"),
        ("manifest", "data.train_images", "in", "in/forged", "it lies within"),
        ("landmark_file", "forging.landmarks", "in/list.csv", "in/list.csv", "they are the same"),
        ("images", "inference.images", "in", "in2/out.csv", None),
        ("images", "inference.images", "in/list.csv", "in/out.csv", None),
        ("images", "inference.images", "in/*.jpg", "in/out.csv", None),
        ("manifest", "inference.images", "in", "in/out.csv", None),
        ("params:adopt", "adopt.model", "in", "in", "they are the same"),
    ],
)
def test_an_output_that_is_an_input_or_lies_within_one_is_refused(
    tmp_path, make_params, *, entry, parameter, given, output, fault
):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/list.csv").write_text("img_name\n")
    (tmp_path / "in/link.csv").symlink_to("list.csv")
    given, output = (n if "://" in n else str(tmp_path / n) for n in (given, output))
    pipeline, params = reading(entry), make_params(**{parameter: given, "data.root": "/"})
    if fault is None:
        refuse_overwriting(pipeline, params, [output])
        return
    with pytest.raises(OverwriteError, match=rf"^{parameter}=.* would be written: {fault}; name"):
        refuse_overwriting(pipeline, params, [output])
