"""The version of the code is known with and without git."""

import json
import shutil
import subprocess
from importlib.metadata import version

import pytest

import face_forgery
from face_forgery.datasets import code_version as module
from face_forgery.datasets.code_version import CodeVersionDataset


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout of its own that holds a package, instead of the one under test."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    package = tmp_path / "src" / "face_forgery"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(face_forgery, "__file__", str(package / "__init__.py"))
    git(tmp_path, "init", "--quiet")
    return tmp_path


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def commit(folder):
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "a")
    return git(folder, "rev-parse", "HEAD")


def test_package_and_libraries_are_named_ready_for_json_and_no_password(monkeypatch):
    monkeypatch.setattr("sys.argv", ["kedro", "run", "--params", "a.b=http://me:hunter2@host"])
    loaded = CodeVersionDataset().load()
    assert loaded["command"] == "kedro run --params a.b=http://***@host"
    assert loaded["face_forgery"] == face_forgery.__version__
    assert {name: loaded[name] for name in ("torch", "torchvision", "timm")} == {
        name: version(name) for name in ("torch", "torchvision", "timm")
    }
    assert json.loads(json.dumps(loaded)) == loaded


@pytest.mark.parametrize(
    ("name", "is_dirty"),
    [("notes.txt", False), ("src/face_forgery/__init__.py", True), ("src/face_forgery/n.py", True)],
)
def test_the_commit_of_the_package_is_named_and_whether_its_files_differ(checkout, name, is_dirty):
    head = commit(checkout)
    (checkout / name).write_text("x = 1")
    loaded = CodeVersionDataset().load()
    assert (loaded["git_commit"], loaded["git_dirty"]) == (head, is_dirty)


def test_a_package_that_the_surrounding_checkout_does_not_track_has_no_commit(checkout):
    (checkout / ".gitignore").write_text("src")
    commit(checkout)
    loaded = CodeVersionDataset().load()
    assert (loaded["git_commit"], loaded["git_dirty"]) == (None, None)


@pytest.mark.parametrize("error", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 10)])
def test_without_a_git_that_answers_there_is_no_commit_and_no_error(checkout, monkeypatch, error):
    commit(checkout)

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(module.subprocess, "run", fail)
    loaded = CodeVersionDataset().load()
    assert (loaded["git_commit"], loaded["git_dirty"]) == (None, None)
