"""Scores from a local Ray with two workers are those of one process, whatever happens to a worker.

What a worker does wrong here, its detector makes it do: a class that is defined within a function
travels to the workers with its code.
"""

import os
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from face_forgery.cluster import scoring
from face_forgery.cluster.connect import ClusterError, connected
from face_forgery.cluster.scoring import check_shared, score_on_cluster
from face_forgery.data.pictures import list_pictures
from face_forgery.inference.job import Begun, name_job, run_job
from face_forgery.inference.scoring import Scored, judge_in_parts
from face_forgery.modeling.detector import Detector, DetectorError
from face_forgery.params import ClusterParams

TWO_WORKERS = ClusterParams(address="local", num_workers=2, cpus_per_worker=1, gpus_per_worker=0)
HOW = {"min_size": 48, "batch_size": 4, "num_workers": 2}
ON_CLUSTER = {"score": partial(score_on_cluster, cluster=TWO_WORKERS)}
DEMO = Path(__file__).parents[2] / "data/01_raw/demo/testset"


@pytest.fixture(scope="module")
def local_ray():
    with connected(TWO_WORKERS):
        yield


def rows_of(parts) -> pd.DataFrame:
    return pd.concat([part.rows for part in parts], ignore_index=True)


def worker_pids() -> list[int]:
    """Processes below this one that Ray has made workers of a pool."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rsplit(")")[-1].split()[1]
            )
        except (OSError, ValueError):
            continue

    def is_ours(pid):
        while pid > 1 and pid != os.getpid():
            pid = parents.get(pid, 0)
        return pid == os.getpid()

    found = []
    for pid in filter(is_ours, parents):
        try:
            if b"ray::MapWorker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_good_and_bad_pictures_get_the_rows_of_one_process(
    local_ray, make_detector, awkward_folder, tmp_path
):
    listed = list_pictures(tmp_path / "pictures")
    at_url = list_pictures((tmp_path / "pictures").as_uri())
    pictures = pd.concat([listed, at_url, list_pictures(DEMO)[:20]], ignore_index=True)
    gone = {"img_name": "gone.jpg", "path": f"file://{tmp_path}/gone.jpg"}
    pictures = pd.concat([pictures, pd.DataFrame([gone])], ignore_index=True)
    detector = make_detector()
    local = rows_of(judge_in_parts(detector, pictures, **HOW))
    remote = rows_of(judge_in_parts(detector, pictures, **HOW, **ON_CLUSTER))
    pd.testing.assert_frame_equal(remote, local, rtol=0, atol=1e-6)
    assert (
        dict(zip(remote["img_name"], remote["status"], strict=True)).items()
        >= (awkward_folder | {"gone.jpg": "missing"}).items()
    )


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_row_and_doubles_none(local_ray, make_detector):
    class Slow(Detector):
        def build_network(self):
            network = super().build_network()
            network.register_forward_pre_hook(lambda *_: time.sleep(0.4))
            return network

    detector = Slow(**vars(make_detector()))
    pictures = list_pictures(DEMO)[:80]
    done = Begun(name_job(detector, pictures, min_size=48), 8)
    parts, killed = [], None
    for part in run_job(detector, pictures, done, part_size=1, **HOW, **ON_CLUSTER):
        parts.append(part)
        if killed is None:
            killed = worker_pids()[0]
            os.kill(killed, signal.SIGKILL)
    assert killed not in worker_pids()
    assert [part.start for part in parts] == list(range(8, 80, 4))
    rows = rows_of(parts)
    assert Counter(rows["img_name"]) == Counter(pictures["img_name"][8:])
    local = rows_of(judge_in_parts(make_detector(), pictures[8:], **HOW))
    pd.testing.assert_frame_equal(rows, local, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_batch_that_kills_every_worker_is_given_up_and_named(
    local_ray, make_detector, monkeypatch
):
    class Deadly(Detector):
        def build_network(self):
            network = super().build_network()
            network.register_forward_pre_hook(lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            return network

    monkeypatch.setattr(scoring, "_ATTEMPTS", 1)
    pictures = list_pictures(DEMO)[:3]
    detector = Deadly(**vars(make_detector()))
    with pytest.raises(ClusterError, match=r"the 3 pictures from .*testset.* on, most often"):
        list(judge_in_parts(detector, pictures, **HOW, **ON_CLUSTER))


@pytest.mark.slow
def test_an_error_of_a_worker_is_that_of_one_process(local_ray, make_detector):
    detector = make_detector()
    broken = {name: weight * np.nan for name, weight in detector.weights.items()}
    broken = Detector(**vars(detector) | {"weights": broken})
    with pytest.raises(DetectorError, match="the network gives no number for 3 of 3 pictures"):
        list(judge_in_parts(broken, list_pictures(DEMO)[:3], **HOW, **ON_CLUSTER))


def scored_as(*statuses):
    nothing = np.full(len(statuses), "", dtype=object)
    return Scored(np.full(len(statuses), np.nan), np.array(statuses, object), nothing, nothing)


def test_a_folder_that_a_worker_does_not_have_is_an_error(tmp_path):
    (tmp_path / "here.jpg").write_bytes(b"x")
    here, gone = str(tmp_path / "here.jpg"), str(tmp_path / "gone.jpg")
    check_shared(
        [here, gone, "s3://b/a.jpg", None], scored_as("ok", *["missing"] * 2, "unreadable")
    )
    with pytest.raises(ClusterError, match=r"here.jpg: this machine has the file, a machine of"):
        check_shared([gone, here], scored_as("missing", "missing"))


def test_no_picture_needs_no_cluster(make_detector):
    how = {"batch_size": 4, "num_workers": 0, "min_size": 1, "description": "scoring"}
    assert list(score_on_cluster(make_detector(), [], **how, cluster=TWO_WORKERS)) == []
