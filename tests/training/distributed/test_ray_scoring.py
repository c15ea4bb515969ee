"""Scores from a local Ray with two workers are those of one process, whatever happens to a worker.

What a worker does wrong here, its detector makes it do: a class that is defined within a function
travels to the workers with its code.
"""

import os
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.listing import list_images
from face_forgery.inference import ray_scoring as scoring
from face_forgery.inference.job import Begun, name_job, run_job
from face_forgery.inference.ray_scoring import (
    _Attempts,
    _Worker,
    check_shared,
    score_on_cluster,
    tabulate_paths,
)
from face_forgery.inference.verdicts import Scored
from face_forgery.modeling.detector import Detector, DetectorError
from face_forgery.training.distributed.ray_cluster import ClusterError

HOW = {"min_size": 48, "batch_size": 4, "num_workers": 2}
DEMO = Path(__file__).parents[3] / "data/01_raw/demo/testset"


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


@pytest.fixture
def images(awkward_folder, tmp_path) -> pd.DataFrame:
    """Good and bad ones, by path and by URL."""
    parts = [
        list_images(tmp_path / "pictures"),
        list_images((tmp_path / "pictures").as_uri()),
        pd.DataFrame({"img_name": ["gone.jpg"], "path": [f"file://{tmp_path}/gone.jpg"]}),
        list_images(DEMO)[:52],
    ]
    return pd.concat(parts, ignore_index=True).astype({"problem": "string"})


@pytest.mark.slow
def test_two_workers_one_of_them_killed_on_the_way_give_the_rows_of_one_process(
    local_ray, make_detector, judge_all, images
):
    class Slow(Detector):
        def build_network(self):
            network = super().build_network()
            network.register_forward_pre_hook(lambda *_: time.sleep(0.4))
            return network

    detector = Slow(**vars(make_detector()))
    done = Begun(name_job(detector, images, min_size=48), 3)
    parts, killed = [], None
    score = partial(score_on_cluster, cluster=local_ray)
    for part in run_job(detector, images, done, part_size=1, score=score, **HOW):
        parts.append(part)
        if killed is None:
            killed = worker_pids()[0]
            os.kill(killed, signal.SIGKILL)
    rows = pd.concat([part.rows for part in parts], ignore_index=True)
    local = judge_all(make_detector(), images[3:], **HOW)
    assert killed not in worker_pids()
    assert [part.start for part in parts] == list(range(3, len(images), 4))
    pd.testing.assert_frame_equal(rows, local, rtol=0, atol=1e-6)
    assert {"ok", "missing", "unreadable", "too_small"} == set(rows["status"])


@pytest.mark.long
def test_a_batch_that_kills_every_worker_is_given_up_and_named(
    local_ray, make_detector, monkeypatch
):
    class Deadly(Detector):
        def build_network(self):
            network = super().build_network()
            network.register_forward_pre_hook(lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            return network

    monkeypatch.setattr(scoring, "_ATTEMPTS", 1)
    detector = Deadly(**vars(make_detector()))
    score = partial(score_on_cluster, cluster=local_ray)
    with pytest.raises(ClusterError, match=r"images 0 to 3 \(.*testset/.*\.jpg, \.\.\.\)"):
        list(run_job(detector, list_images(DEMO)[:4], None, score=score, **HOW))


@pytest.fixture
def make_worker(monkeypatch):
    """Return a builder of workers that run in this process."""
    ray = SimpleNamespace(get=lambda value: value)
    monkeypatch.setattr(scoring, "import_ray", lambda: ray)

    def make(detector, *, is_too_many=False):
        attempts = SimpleNamespace(begin=SimpleNamespace(remote=lambda row: is_too_many))
        return _Worker(detector, attempts, min_size=1, num_readers=2, engine="auto", on_gpu=False)

    return make


def test_a_worker_answers_with_scores_or_with_the_error_that_stops_the_job(
    make_worker, make_detector
):
    detector = make_detector()
    batch = tabulate_paths(sorted(DEMO.glob("*.jpg"))[:3])
    (scored,) = make_worker(detector)(batch)["scored"]
    assert scored.statuses.tolist() == ["ok"] * 3
    broken = {
        name: weight * np.nan if weight.is_floating_point() else weight
        for name, weight in detector.weights.items()
    }
    (error,) = make_worker(replace(detector, weights=broken))(batch)["scored"]
    assert isinstance(error, DetectorError)
    (error,) = make_worker(detector)(tabulate_paths(["s33://bucket/a.jpg"]))["scored"]
    assert isinstance(error, InputError)
    (error,) = make_worker(detector, is_too_many=True)(batch)["scored"]
    assert "images 0 to 2" in str(error)


def test_attempts_are_counted_by_batch():
    attempts = _Attempts(2)
    assert [attempts.begin(row) for row in (0, 64, 0, 0, 64)] == [False] * 3 + [True, False]


def scored_as(*statuses):
    nothing = np.full(len(statuses), "", dtype=object)
    margins, unlikeness = np.full(len(statuses), np.nan), np.zeros(len(statuses))
    return Scored(margins, np.array(statuses, object), nothing, nothing, unlikeness)


def test_a_folder_that_a_worker_does_not_have_is_an_error(tmp_path):
    (tmp_path / "here.jpg").write_bytes(b"x")
    here, gone = str(tmp_path / "here.jpg"), str(tmp_path / "gone.jpg")
    check_shared(
        [here, gone, "s3://b/a.jpg", None], scored_as("ok", *["missing"] * 2, "unreadable")
    )
    with pytest.raises(ClusterError, match=r"here.jpg: this machine has the file, a machine of"):
        check_shared([gone, here], scored_as("missing", "missing"))


def test_no_image_needs_no_cluster(make_detector, two_workers):
    how = {"batch_size": 4, "num_workers": 0, "min_size": 1, "description": "scoring"}
    assert list(score_on_cluster(make_detector(), [], **how, cluster=two_workers)) == []
