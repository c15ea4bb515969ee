"""A command with a typing error, or given too early, ends in one line that says what to type."""

import os
import subprocess
import sys

import pytest
from kedro.framework.startup import bootstrap_project

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.hooks.missing_inputs import MissingInputError
from face_forgery.hooks.session import CommandError, ProjectSession


@pytest.fixture(scope="module")
def project(lay_out_project, tmp_path_factory):
    """The project before anything was run in it."""
    root = tmp_path_factory.mktemp("fresh")
    lay_out_project(root)
    return root


@pytest.fixture
def start(project, monkeypatch):
    """Return a function that runs in this process, as the command line does."""
    monkeypatch.chdir(project)
    bootstrap_project(project)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def run(*names, env=None, runtime_params=None, **selection):
        with ProjectSession.create(project, env=env, runtime_params=runtime_params) as session:
            session.run(pipeline_names=list(names), **selection)

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "selection", "message"),
    [
        (["evaluatoin"], {}, r"--pipelines evaluatoin: .* no such pipeline; did you mean evaluati"),
        (["cross-validation"], {}, r"did you mean cross_validation.* \(pipelines: __default__, "),
        (["Training"], {}, "did you mean training"),
        (["training,evaluaton"], {}, "--pipelines evaluaton: there is no such pipeline"),
        ([], {"env": "basline"}, r"--env basline: .*baseline.* \(environments: base, baseline, "),
        ([], {"tags": ["trainig"]}, r"--tags trainig: .* tag; did you mean training.* \(tags: "),
        ([], {"tags": ["training", "nope"]}, "--tags nope: there is no such tag"),
        ([], {"tags": ["inference"]}, "--tags inference: .*; add --pipelines inference"),
        ([], {"node_names": ["train_detector"]}, "--nodes .* did you mean training.train_detec"),
        ([], {"from_nodes": ["training.train_detectr"]}, "--from-nodes .*training.train_detector"),
        ([], {"to_nodes": ["xyz"]}, r"--to-nodes xyz: there is no such node \(nodes: audit\."),
        ([], {"node_names": ["video.judge_videos"]}, "add --pipelines video"),
        ([], {"namespaces": ["splittin"]}, "--namespaces splittin: .*did you mean splitting"),
        ([], {"from_inputs": ["manifst"]}, "--from-inputs manifst: .*did you mean manifest"),
        ([], {"to_outputs": ["metric"]}, "--to-outputs metric: .*did you mean metrics"),
        (
            ["training"],
            {
                "from_nodes": ["training.select_checkpoint"],
                "node_names": ["training.plot_training"],
            },
            "^--from-nodes, --nodes: together they leave no node to run$",
        ),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_the_nearest(start, names, selection, message):
    with pytest.raises(CommandError, match=message) as raised:
        start(*names, **selection)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("names", "selection", "message"),
    [
        (["training"], {}, r"^training: 5 of .*--pipelines ingestion,splitting$"),
        (["splitting"], {}, r"\(.*manifest.*\); .*: kedro run --pipelines ingestion$"),
        (["report"], {}, "--pipelines ingestion,splitting,training,evaluation$"),
        (["inference,video"], {"tags": ["video"]}, r"\(detector\); .*,training,evaluation$"),
        (
            ["training"],
            {"node_names": ["training.train_detector"]},
            "in memory by .*training.build_train_loader, training.build_val_loader: run that, too",
        ),
    ],
)
def test_a_part_before_its_inputs_is_answered_with_what_makes_them(
    start, project, names, selection, message
):
    with pytest.raises(MissingInputError, match=message):
        start(*names, **selection)
    assert not (project / "mlflow.db").exists()


def test_what_only_the_user_can_give_is_named_before_a_run_is_tracked(start, project):
    params = {"data.root": "nowhere", "model": {"weights": None}}
    with pytest.raises(ManifestError, match=r"data\.root=nowhere does not exist"):
        start("ingestion", runtime_params=params)
    assert not (project / "mlflow.db").exists()


@pytest.mark.slow
def test_on_the_command_line_that_is_one_line_and_no_traceback(project):
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--pipeline", "evaluatoin"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    first, *others = done.stderr.strip().splitlines()
    assert first.startswith("CommandError: --pipelines evaluatoin: there is no such pipeline")
    assert others == ["(traceback: set the level of face_forgery to DEBUG in conf/logging.yml)"]
