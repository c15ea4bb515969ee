"""Two runs that write the same files: the second is refused, until the first has ended."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from face_forgery.datasets.atomic import AtomicDataset
from face_forgery.datasets.growing import PagesDataset
from face_forgery.hooks.run_lock import RunLockError, RunLockHooks, lock_paths

HOLD = """
    import os, sys, time
    from pathlib import Path
    from face_forgery.hooks.run_lock import lock_paths

    lock = lock_paths(Path(sys.argv[1]), sys.argv[2:])
    if os.fork() == 0:
        time.sleep(60)  # a worker that outlives its parent
        os._exit(0)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that has locked two paths."""
    code = [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path), "/x/epochs", "/x/state.pt"]
    process = subprocess.Popen(code, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline() == "held\n"
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_second_writer_is_refused_until_the_first_is_killed_though_its_workers_live_on(
    tmp_path, other
):
    with pytest.raises(RunLockError, match=rf"process {other.pid} .*1 of the 2 .*/x/state.pt"):
        lock_paths(tmp_path, ["/x/state.pt", "/x/other"])
    lock_paths(tmp_path, ["/x/other"]).release()
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    lock_paths(tmp_path, ["/x/epochs"]).release()
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_where_no_lock_can_be_kept_a_warning_says_so(tmp_path, caplog):
    (tmp_path / "file").touch()
    assert lock_paths(tmp_path / "file", ["/x"]) is None
    assert "no run lock can be kept" in caplog.text


@pytest.fixture
def make_hooks(tmp_path):
    """Return hooks that have locked what a pipeline writes."""

    def make(explain=False):
        hooks = RunLockHooks()
        loader = {"parameters": {"inference": {"explain": explain}}}
        hooks.after_context_created(SimpleNamespace(project_path=tmp_path, config_loader=loader))
        catalog = DataCatalog(
            {
                "metrics": AtomicDataset(
                    dataset={"type": "json.JSONDataset", "filepath": str(tmp_path / "metrics.json")}
                ),
                "explanations_of_judged": PagesDataset(filepath=str(tmp_path / "pages")),
                "batches": MemoryDataset(),
            }
        )
        nodes = [
            Node(lambda: 1, None, name, name=name)
            for name in ("metrics", "explanations_of_judged", "batches", "not_declared")
        ]
        hooks.lock_outputs = lambda: hooks.before_pipeline_run(Pipeline(nodes), catalog)
        hooks.lock_outputs()
        return hooks

    return make


@pytest.mark.parametrize(
    ("explain", "names"), [(False, ["metrics.json"]), (True, ["metrics.json", "pages"])]
)
def test_what_a_pipeline_writes_is_locked_and_pages_only_where_they_are_asked_for(
    make_hooks, tmp_path, explain, names
):
    hooks = make_hooks(explain)
    (file,) = (tmp_path / "data/.runs").glob("*.json")
    assert [Path(path).name for path in json.loads(file.read_text())["paths"]] == names
    hooks.after_pipeline_run()
    assert [path.name for path in file.parent.iterdir()] == ["lock"]


def test_a_session_that_was_interrupted_locks_its_next_run_anew(make_hooks, caplog):
    hooks = make_hooks()
    hooks.lock_outputs()
    assert "no run lock" not in caplog.text
    hooks.on_pipeline_error()


def test_a_lock_is_freed_though_its_file_cannot_be_removed(make_hooks, tmp_path, monkeypatch):
    def refuse(path, missing_ok=False):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    hooks = make_hooks()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        hooks.after_pipeline_run()
    (file,) = (tmp_path / "data/.runs").glob("*.lock")
    FileLock(file).acquire(blocking=False)
