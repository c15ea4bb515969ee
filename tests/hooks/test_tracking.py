"""A run is recorded whole, and ends as what it was."""

import logging
import shutil
import signal
import sqlite3
import time
from importlib import import_module
from pathlib import Path

import pytest
from mlflow.utils.file_utils import local_file_uri_to_path

from face_forgery.config_loader import read_parameters
from face_forgery.hooks import retry_queue, tracked_run
from face_forgery.hooks.declarations import TrackingError
from face_forgery.hooks.store import check_uri, import_mlflow, open_store
from face_forgery.hooks.tracked_run import describe_run
from face_forgery.params import TrackingParams

ROOT = Path(__file__).parents[2]


def names_of_artifacts(project, run, folder=None):
    return {item.path for item in project.client.list_artifacts(run.info.run_id, folder)}


def test_finished_run_has_parameters_by_field_metrics_artifacts_and_tags(make_project):
    before = signal.getsignal(signal.SIGTERM)
    project = make_project()
    project.run()
    run = project.tracked_run()
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "main"
    assert run.data.params == {
        "training.epochs": "3",
        "training.how": "whole",
        "training.optimizer.name": "adamw",
        "training.optimizer.betas": "[0.9, 0.99]",
    }
    assert run.data.metrics == {
        "epoch/epoch": 3.0,
        "epoch/val_auc": 0.3,
        "val/auc": 0.3,
        "interval/auc_low": 0.1,
    }
    assert names_of_artifacts(project, run) == {"parameters.json", "notes"}
    assert names_of_artifacts(project, run, "notes") == {"notes/my_note.json"}
    assert run.data.tags["kedro.pipelines"] == "__default__"
    history = project.client.get_metric_history(run.info.run_id, "epoch/val_auc")
    assert [(point.step, point.value) for point in history] == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_arrived_is_recorded_once_though_the_answer_was_lost(make_project, monkeypatch):
    project = make_project()
    mlflow, num_calls = import_mlflow(), 0
    log_metrics = mlflow.log_metrics

    def lose_first_answers(*args, **kwargs):
        nonlocal num_calls
        num_calls += 1
        log_metrics(*args, **kwargs)
        time.sleep(0.002)  # the next attempt has another time
        if num_calls in (1, 4):
            raise ConnectionError("the connection ended")

    monkeypatch.setattr(mlflow, "log_metrics", lose_first_answers)
    monkeypatch.setattr(retry_queue, "_PAUSE_S", 0.0)
    project.run()
    run_id = project.tracked_run().info.run_id
    for name, expected in (
        ("epoch/val_auc", [(1, 0.1), (2, 0.2), (3, 0.3)]),
        ("val/auc", [(0, 0.3)]),
    ):
        history = project.client.get_metric_history(run_id, name)
        assert [(point.step, point.value) for point in history] == expected
    assert num_calls == 6


def test_run_exists_once_though_the_answer_to_its_start_was_lost(make_project, monkeypatch):
    project = make_project()
    mlflow = import_mlflow()
    start_run = mlflow.start_run

    def start_and_lose_the_first_answer(**kwargs):
        experiment_id = mlflow.get_experiment_by_name("tiny").experiment_id
        project.client.create_run(experiment_id, tags=kwargs["tags"])
        return start_run(**kwargs)

    project.run()
    earlier = project.tracked_run().info.run_id
    monkeypatch.setattr(mlflow, "start_run", start_and_lose_the_first_answer)
    project.run()
    runs = project.tracked_runs()
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    assert earlier in {run.info.run_id for run in runs}


def test_run_that_is_interrupted_while_mlflow_begins_it_is_killed(make_project, monkeypatch):
    project = make_project()
    mlflow = import_mlflow()
    start_run, handlers = mlflow.start_run, []

    def start_and_be_interrupted(**kwargs):
        handlers.append(signal.getsignal(signal.SIGTERM))
        start_run(**kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow, "start_run", start_and_be_interrupted)
    with pytest.raises(KeyboardInterrupt):
        project.run()
    assert handlers != [signal.SIG_DFL]
    assert project.tracked_run().info.status == "KILLED"


def test_failed_run_keeps_the_epochs_before_the_error_and_the_error_without_its_password(
    make_project,
):
    project = make_project()
    with pytest.raises(ValueError, match="not finite"):
        project.run(training__how="broken", training__url="https://me:hunter2@host/a.jpg")
    run = project.tracked_run()
    assert run.info.status == "FAILED"
    assert run.data.metrics["epoch/epoch"] == 1
    assert run.data.params["training.url"] == "https://***@host/a.jpg"
    told = "ValueError: https://***@host/a.jpg is not finite in epoch 2"
    assert run.data.tags["error"] == told
    assert "error.txt" in names_of_artifacts(project, run)
    for file in [project.root / "mlflow.db", *project.root.joinpath("mlruns").rglob("*.*")]:
        assert b"hunter2" not in file.read_bytes(), file


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
def test_interrupted_run_is_killed_and_keeps_the_epochs_before(make_project, number, code):
    project = make_project()
    ended = project.interrupt(number)
    run = project.tracked_run()
    assert run.info.status == "KILLED", ended.output
    assert run.data.metrics["epoch/epoch"] == 2
    assert ended.code == code


def test_interrupted_run_of_a_session_is_killed_when_the_next_one_starts(make_project):
    project = make_project()
    with pytest.raises(KeyboardInterrupt):
        project.run(training__how="interrupted")
    assert project.tracked_run().info.status == "RUNNING"
    project.run()
    assert [run.info.status for run in project.tracked_runs()] == ["FINISHED", "KILLED"]


def test_reopened_run_takes_new_epochs_and_says_what_changed(make_project):
    project = make_project()
    project.run("training")
    run_id = project.tracked_run().info.run_id
    project.run("training", training__epochs=4, training__extra=1, tracking__run_id=run_id)
    run = project.tracked_run()
    assert run.data.params["training.epochs"] == "3"
    assert run.data.params["training.extra"] == "1"
    assert run.data.tags["changed.training.epochs"] == "3 -> 4"
    assert run.info.run_name == "training"
    history = project.client.get_metric_history(run_id, "epoch/val_auc")
    assert [point.step for point in history] == [1, 2, 3, 4]


def test_pipelines_to_skip_leave_no_run_unless_another_one_runs_with_them(make_project):
    project = make_project()
    project.run("quiet")
    project.run(tracking__enabled=False)
    assert project.tracked_runs() == []
    project.run("quiet", "training", tracking__run_name="a name")
    assert project.tracked_run().info.run_name == "a name"


def test_store_that_cannot_be_used_is_an_error_before_any_node_runs(make_project, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    project = make_project()
    with pytest.raises(TrackingError, match=r"http://\*\*\*@127.0.0.1:9") as raised:
        project.run(tracking__tracking_uri="http://me:hunter2@127.0.0.1:9")
    assert "tracking.enabled=false" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert not (project.root / "data/history.json").exists()


def test_run_that_cannot_be_described_is_closed_as_failed(make_project, monkeypatch):
    def fail(run_params):
        raise OSError("no space")

    monkeypatch.setattr("face_forgery.hooks.tracked_run.describe_run", fail)
    project = make_project()
    with pytest.raises(TrackingError, match="no space"):
        project.run()
    assert project.tracked_run().info.status == "FAILED"


def test_store_that_breaks_on_the_way_stops_nothing_and_is_reported(
    make_project, monkeypatch, caplog
):
    def fail(*args, **kwargs):
        raise ConnectionError("server gone")

    project = make_project()
    monkeypatch.setattr("mlflow.log_artifact", fail)
    with caplog.at_level(logging.INFO, logger="face_forgery"):
        project.run()
    assert project.tracked_run().info.status == "FINISHED"
    assert project.tracked_run().data.metrics["epoch/val_auc"] == 0.3
    (report,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "1 thing(s)" in report.getMessage()
    assert "my_note: ConnectionError: server gone" in report.getMessage()


def test_store_that_cannot_be_written_costs_no_traceback(make_project, capfd):
    project = make_project()
    import_mlflow()
    handler = logging.StreamHandler()
    logging.getLogger("mlflow").addHandler(handler)
    with sqlite3.connect(project.root / "mlflow.db") as database:
        database.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON metrics BEGIN INSERT INTO gone VALUES (1); END"
        )
    try:
        project.run()
    finally:
        logging.getLogger("mlflow").removeHandler(handler)
    said = "".join(capfd.readouterr())
    assert "no such table: main.gone" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_new_store_is_in_its_place_when_it_is_whole(make_project, monkeypatch):
    """MLflow's fifty steps are not one: it can use no store that was left between them."""
    project, here = make_project(), []
    (project.root / "mlflow.db").unlink()
    (project.root / "mlflow.db.new").write_text("left by a run that was killed")
    initialize = import_module("mlflow.store.db.utils")._initialize_tables

    def look(engine):
        initialize(engine)
        here.append((project.root / "mlflow.db").exists())

    monkeypatch.setattr("mlflow.store.db.utils._initialize_tables", look)
    project.run()
    assert here == [False]
    assert project.tracked_run().info.status == "FINISHED"
    assert [path.name for path in project.root.glob("mlflow.db*")] == ["mlflow.db"]


@pytest.mark.parametrize(("folder", "name"), [("why? %20", "m.db"), ("plain", "m.db?timeout=30")])
def test_a_new_store_is_made_where_its_uri_has_marks_of_urls(tmp_path, monkeypatch, folder, name):
    project = tmp_path / folder
    project.mkdir()
    monkeypatch.chdir(project)
    values = read_parameters(ROOT / "conf")["tracking"] | {"tracking_uri": f"sqlite:///{name}"}
    open_store(TrackingParams.model_validate(values), project)
    assert [path.name for path in project.iterdir()] == ["m.db"]


def test_a_store_that_was_left_half_made_is_named_with_what_to_do(make_project):
    project = make_project()
    with sqlite3.connect(project.root / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'e1f2a3b4c5d6'")
    with pytest.raises(
        TrackingError, match=r"delete mlflow\.db if a stopped run left it half made"
    ):
        project.run()


def test_declared_detector_is_packaged_from_its_folder(make_project, monkeypatch):
    packaged = []
    monkeypatch.setattr(
        "face_forgery.log_detector",
        lambda folder, **settings: packaged.append((folder, settings)),
    )
    catalog = """
        history:
          type: json.JSONDataset
          filepath: data/detector
          metadata: {mlflow: {as: model}}
        """
    project = make_project({"conf/base/catalog.yml": catalog})
    project.run("training", training__epochs=1, tracking__register_model="face-forgery")
    settings = {"min_size": 48, "register_as": "face-forgery"}
    assert packaged == [(project.root / "data/detector", settings)]


def test_relative_store_lies_in_the_project_wherever_the_command_was_given(
    make_project, monkeypatch, tmp_path_factory
):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    project = make_project()
    project.run()
    artifacts = project.tracked_run().info.artifact_uri
    assert artifacts.startswith((project.root / "mlruns").as_uri())
    assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["br[1] größer, #1 50%", "why? %20"])
def test_a_copied_project_writes_into_itself_whatever_its_folder_is_called(
    make_project, tmp_path_factory, monkeypatch, name
):
    original = make_project()
    original.run("training")
    before = sorted(original.root.rglob("*"))
    copy = type(original)(tmp_path_factory.mktemp("copies") / name)
    shutil.copytree(original.root, copy.root)
    monkeypatch.chdir(copy.root)
    copy.run()
    assert [path.name for path in copy.root.parent.iterdir()] == [name]
    runs = copy.tracked_runs()
    places = {local_file_uri_to_path(run.info.artifact_uri) for run in runs}
    assert places == {f"{copy.root}/mlruns/{run.info.run_id}/artifacts" for run in runs}
    assert all(names_of_artifacts(copy, run) >= {"parameters.json"} for run in runs)
    assert [run.info.status for run in runs] == ["FINISHED"] * 2
    assert sorted(original.root.rglob("*")) == before


@pytest.mark.slow
def test_a_moved_project_goes_on_with_a_run_of_before(make_project, tmp_path_factory):
    project = make_project()
    project.run("training")
    run_id = project.tracked_run().info.run_id
    moved = type(project)(tmp_path_factory.mktemp("new") / "project")
    shutil.move(project.root, moved.root)
    process = moved.start("--params", f"tracking.run_id={run_id}")
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert not project.root.exists()
    assert names_of_artifacts(moved, moved.tracked_run()) == {"parameters.json", "notes"}


@pytest.mark.parametrize(
    ("uri", "remedy"),
    [
        ("localhost:5000", "write http://localhost:5000"),
        ("mlflow.lab.org:80/x", "write http://mlflow.lab.org:80/x"),
        ("127.0.0.1:5000", "write http://127.0.0.1:5000"),
        ("htpp://me:hunter2@host:5000", r"write http://\*\*\*@host:5000"),
        ("http:/host:5000", "write http://host:5000"),
        ("http//host:5000", "write http://host:5000"),
        ("http://", "write http://HOST:PORT"),
        ("mlflow.db", "write sqlite:///mlflow.db"),
        ("sqlite://mlflow.db", "write sqlite:///mlflow.db"),
        ("sqlit:///mlflow.db", "write sqlite:///mlflow.db"),
        ("sqlite:////", "three slashes and a path"),
        ("postgres://host/db", "write postgresql://"),
        ("./mlruns", "sqlite:///mlflow.db .*no more runs in folders"),
        ("file:///tmp/mlruns", "sqlite:///mlflow.db .*no more runs in folders"),
    ],
)
def test_a_store_that_mlflow_does_not_take_is_answered_with_what_was_meant(uri, remedy):
    with pytest.raises(TrackingError, match=rf"tracking\.tracking_uri=.*: .*{remedy}") as raised:
        check_uri(uri)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "taken"),
    [
        ("http://host:5000/", "http://host:5000"),
        ("https://host/mlflow/#/experiments/1", "https://host/mlflow"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("postgresql+psycopg2://me@host/db", "postgresql+psycopg2://me@host/db"),
        ("databricks", "databricks"),
    ],
)
def test_of_the_address_of_a_server_only_the_server_is_taken(uri, taken):
    assert check_uri(uri) == taken


@pytest.mark.slow
def test_a_deleted_experiment_or_run_is_answered_with_how_to_restore_it(make_project):
    project = make_project()
    project.run("training")
    run = project.tracked_run()
    project.client.delete_run(run.info.run_id)
    with pytest.raises(TrackingError, match=f"restore --run-id {run.info.run_id}"):
        project.run(tracking__run_id=run.info.run_id)
    with pytest.raises(TrackingError, match=r"tracking\.run_id=nope: the store has no run"):
        project.run(tracking__run_id="nope")
    project.client.delete_experiment(run.info.experiment_id)
    with pytest.raises(TrackingError, match=r"'tiny' was deleted; .* restore -x 1\), or name an"):
        project.run()


def test_an_experiment_shows_the_page_of_model_training(make_project):
    project = make_project()
    project.client.create_experiment("tiny")  # of an earlier release
    project.run("training")
    tags = project.client.get_experiment_by_name("tiny").tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_run_says_what_its_nodes_have_read_and_what_came_of_it(make_project):
    catalog = """
        train_manifest:
          type: pandas.CSVDataset
          filepath: data/train.csv
          metadata: {mlflow: {as: input}}
        history:
          type: json.JSONDataset
          filepath: data/card.json
          metadata: {mlflow: {as: artifact, folder: reports, note: true}}
        """
    registry = """
        from kedro.pipeline import Node, Pipeline

        def register_pipelines():
            read = Node(lambda table: "A card", "train_manifest", "history", name="read")
            again = Node(lambda table, card: 1, ["train_manifest", "history"], "n", name="again")
            return {"__default__": Pipeline([read, again])}
        """
    project = make_project(
        {"conf/base/catalog.yml": catalog, "src/tiny/pipeline_registry.py": registry}
    )
    (project.root / "data").mkdir()
    rows = "subset,path,target,sha256\ntrain,a.png,1,aa\ntrain,b.png,0,bb\n"
    (project.root / "data/train.csv").write_text(rows)
    project.run(data__root="faces/mine")
    run = project.tracked_run()
    (found,) = run.inputs.dataset_inputs
    assert (found.dataset.name, found.tags[0].value) == ("mine-train", "train")
    assert len(found.dataset.digest) == 32
    assert run.data.tags["mlflow.note.content"] == "A card"


def test_unknown_declaration_is_an_error_before_any_node_runs(make_project):
    catalog = """
        history:
          type: json.JSONDataset
          filepath: data/history.json
          metadata: {mlflow: {as: metric}}
        """
    project = make_project({"conf/base/catalog.yml": catalog})
    with pytest.raises(ValueError, match=r"'history'.*'metric'"):
        project.run()
    assert project.tracked_runs() == []


RUN_PARAMS = {
    "run_id": "2026-11-23T04.05.06.270Z",
    "kedro_version": "1.7.0",
    "pipeline_names": ["training", "evaluation"],
    "env": "baseline",
}


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch):
    """The end of a run waits for no store; `test_retry_queue.py` has what it does otherwise."""
    monkeypatch.setattr(retry_queue, "_WAIT_S", 60.0)


@pytest.fixture
def make_tags(monkeypatch):
    def make(*arguments, code, **changes):
        monkeypatch.setattr(tracked_run.CodeVersionDataset, "load", lambda self: code)
        monkeypatch.setattr("sys.argv", ["/venv/bin/kedro", *arguments])
        return describe_run({**RUN_PARAMS, **changes})

    return make


def test_tags_say_which_code_ran_and_how_it_was_called(make_tags):
    params = "data.root=/my faces,tracking.tracking_uri=http://me:hunter2@host:5000"
    tags = make_tags("run", "--params", params, code={"git_commit": "abc", "git_dirty": True})
    masked = "data.root=/my faces,tracking.tracking_uri=http://***@host:5000"
    assert tags == {
        "kedro.run_id": "2026-11-23T04.05.06.270Z",
        "kedro.version": "1.7.0",
        "kedro.pipelines": "training,evaluation",
        "kedro.env": "baseline",
        "command": f"kedro run --params '{masked}'",
        "git_commit": "abc",
        "git_dirty": "True",
        "mlflow.source.git.commit": "abc",
    }


def test_outside_a_checkout_tags_name_no_commit(make_tags):
    code = {"git_commit": None, "git_dirty": None, "torch": "2.15.0"}
    tags = make_tags("run", code=code, pipeline_names=None, env=None)
    assert not any("git" in name for name in tags)
    assert tags["torch"] == "2.15.0"
    assert (tags["kedro.pipelines"], tags["kedro.env"]) == ("__default__", "local")
