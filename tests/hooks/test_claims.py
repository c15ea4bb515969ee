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
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from face_forgery.datasets.atomic import AtomicDataset
from face_forgery.datasets.pages import PagesDataset
from face_forgery.hooks.claims import Claim, ClaimHooks, OtherRunError

HOLD = """
    import os, sys, time
    from pathlib import Path
    from face_forgery.hooks.claims import Claim

    claim = Claim(Path(sys.argv[1]), sys.argv[2:])
    if os.fork() == 0:
        time.sleep(3)  # a worker that outlives its parent
        os._exit(0)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def hold(tmp_path):
    """Have another process claim places."""
    processes = []

    def start(*places):
        code = [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path), *places]
        process = subprocess.Popen(code, stdout=subprocess.PIPE, text=True, start_new_session=True)
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_a_second_writer_is_refused_with_the_process_that_writes(tmp_path, hold):
    other = hold("/x/epochs", "/x/state.pt")
    with pytest.raises(OtherRunError, match=rf"process {other.pid} .*1 of the 2 .*/x/state.pt"):
        Claim(tmp_path, ["/x/state.pt", "/x/other"])
    Claim(tmp_path, ["/x/other"]).release()


def test_a_killed_writer_claims_nothing_though_its_workers_live_on(tmp_path, hold):
    other = hold("/x/epochs")
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    claim = Claim(tmp_path, ["/x/epochs"])
    assert len(list(tmp_path.glob("*.json"))) == 1
    claim.release()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_where_no_lock_can_be_kept_a_warning_says_so(tmp_path, caplog):
    (tmp_path / "file").touch()
    Claim(tmp_path / "file", ["/x"]).release()
    assert "no lock can be kept" in caplog.text


def test_a_claim_is_given_up_though_its_file_cannot_be_removed(tmp_path, monkeypatch):
    def refuse(path, missing_ok=False):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    claim = Claim(tmp_path, ["/x"])
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        claim.release()
    (file,) = tmp_path.glob("*.json")
    take = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    subprocess.run([sys.executable, "-c", take, str(file)], check=True)


def claimed_by(tmp_path, *, explain):
    hooks = ClaimHooks()
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
    hooks.before_pipeline_run(Pipeline(nodes), catalog)
    (file,) = (tmp_path / "data/.runs").glob("*.json")
    places = json.loads(file.read_text())["places"]
    hooks.after_pipeline_run()
    assert not list((tmp_path / "data/.runs").glob("*.json"))
    return [Path(place).name for place in places]


def test_what_a_pipeline_writes_is_claimed_and_pages_only_where_they_are_asked_for(tmp_path):
    assert claimed_by(tmp_path, explain=False) == ["metrics.json"]
    assert claimed_by(tmp_path, explain=True) == ["metrics.json", "pages"]


def test_an_older_claim_of_the_same_process_is_replaced(tmp_path):
    first = Claim(tmp_path, ["/x"])
    second = Claim(tmp_path, ["/x"])
    second.release()
    first.release()
