"""A tracked run says which code ran, how it was called, and no password."""

import pytest

from face_forgery.hooks import provenance
from face_forgery.hooks.provenance import describe_run

RUN_PARAMS = {
    "run_id": "2026-11-23T04.05.06.270Z",
    "kedro_version": "1.7.0",
    "pipeline_names": ["training", "evaluation"],
    "env": "baseline",
}


@pytest.fixture
def make_tags(monkeypatch):
    def make(*arguments, code=None, **changes):
        known = {"git_commit": "abc", "git_dirty": True, "torch": "2.15.0"}
        monkeypatch.setattr(
            provenance.CodeVersionDataset, "load", lambda self: known if code is None else code
        )
        monkeypatch.setattr("sys.argv", ["/venv/bin/kedro", *arguments])
        return describe_run({**RUN_PARAMS, **changes})

    return make


def test_commit_is_there_for_people_and_for_the_pages_of_mlflow(make_tags):
    tags = make_tags("run")
    assert (tags["git_commit"], tags["git_dirty"]) == ("abc", "True")
    assert tags["mlflow.source.git.commit"] == "abc"


def test_outside_a_checkout_nothing_is_claimed(make_tags):
    tags = make_tags("run", code={"git_commit": None, "git_dirty": None, "torch": "2.15.0"})
    assert not any("git" in name for name in tags)
    assert tags["torch"] == "2.15.0"


def test_pipelines_and_environment_are_named(make_tags):
    tags = make_tags("run")
    assert (tags["kedro.pipelines"], tags["kedro.env"]) == ("training,evaluation", "baseline")
    plain = make_tags("run", pipeline_names=None, env=None)
    assert (plain["kedro.pipelines"], plain["kedro.env"]) == ("__default__", "local")


def test_command_can_be_pasted_into_a_shell(make_tags):
    tags = make_tags("run", "--params", "data.root=/my faces")
    assert tags["command"] == "kedro run --params 'data.root=/my faces'"


def test_password_in_a_url_of_the_command_is_masked(make_tags):
    tags = make_tags("run", "--params", "tracking.tracking_uri=http://me:secret@host:5000")
    assert "secret" not in tags["command"]
    assert "http://***@host:5000" in tags["command"]
