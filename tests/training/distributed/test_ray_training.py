"""Two workers of a local Ray train what one process trains, whatever happens to one of them.

What a worker does wrong here, its images make it do: a class that is defined within a function
travels to the workers with its code.
"""

import logging
import os
import pickle
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import train_loader
from face_forgery.training.distributed import ray_training as on_cluster
from face_forgery.training.distributed.ray_cluster import ClusterError
from face_forgery.training.distributed.ray_training import _letter_of, _take_saves, train_on_cluster
from face_forgery.training.loop import NonFiniteLossError
from face_forgery.training.run import train

# The same sums in another order: float32 has 7 digits, a dozen steps lose two of them.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
SHUFFLED = {
    "model.backbone": "test_vit",  # without batch normalization, whose averages are of one rank
    "training.epochs": 3,
    "training.batch_size": 6,  # 3 of each worker
    "training.num_workers": 0,
    "training.optimizer.name": "sgd",  # Adam blows the noise of zero gradients up to whole steps
    "training.optimizer.learning_rate": 0.02,
    "augmentation.noise": 0.5,
}
TIMINGS = {"seconds", "images_per_second"}


@pytest.fixture
def make_run(make_run):
    """Return a builder of runs: twelve images, thus two batches of 6."""
    return partial(make_run, **SHUFFLED)


def train_alone(run):
    return [copy_state() for copy_state in train(run, torch.device("cpu"))]


def without_timings(history):
    return [{name: row[name] for name in row.keys() - TIMINGS} for row in history]


def assert_close(states, expected):
    """Compare the curve and the weights of two runs."""
    history, whole = without_timings(states[-1].history), without_timings(expected[-1].history)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    for row, whole_row in zip(history, whole, strict=True):
        assert row == pytest.approx(whole_row, rel=1e-5, abs=1e-5)
    for name, value in expected[-1].network.items():
        torch.testing.assert_close(states[-1].network[name], value, **TOLERANCE, msg=name)


@pytest.mark.long
def test_two_workers_have_the_curve_and_the_weights_of_one_process(local_ray, make_run, tmp_path):
    changes = {
        "augmentation.forgeries.proportion": 0.5,  # of nine real images
        "training.batch_size": 4,
        "training.accumulate": 2,
        "training.checkpoint_steps": 1,
        "training.ema_decay": 0.9,
        "training.label_smoothing": 0.1,
        "training.loss.name": "focal",
    }
    run = make_run(**changes, **{"training.num_workers": 1})
    assert len(run.train_loader) == 4
    expected = train_alone(make_run(**changes))
    storage = (tmp_path / "saves").as_uri()
    states = list(train_on_cluster(run, local_ray.model_copy(update={"storage": storage})))
    positions = [(state.epoch, state.progress["num_batches"]) for state in states]
    assert positions == [(0, 2), (1, 0), (1, 2), (2, 0), (2, 2), (3, 0)]
    assert_close(states, expected)
    assert states[-1].fingerprint == expected[-1].fingerprint
    for name, value in expected[-1].weights().weights.items():  # averaged ones
        torch.testing.assert_close(states[-1].weights().weights[name], value, **TOLERANCE, msg=name)
    assert list((tmp_path / "saves").iterdir()) == []


@pytest.mark.long
def test_a_run_whose_worker_is_killed_goes_on_and_repeats_the_epoch_alone(
    local_ray, make_run, tmp_path, caplog
):
    seen, marker = tmp_path / "seen", tmp_path / "killed"

    def make_deadly(dataset):
        num_read = 0

        class Deadly(ImageDataset):
            def read(self, index, *, side=None):
                nonlocal num_read
                num_read += 1
                with seen.open("a") as file:
                    file.write("x")
                if num_read == 10 and not marker.exists():  # of 6 an epoch
                    time.sleep(1)  # for the save of the epoch before
                    marker.touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().read(index, side=side)

        return Deadly(**vars(dataset))

    expected = train_alone(make_run())
    with caplog.at_level(logging.WARNING):
        states = list(train_on_cluster(make_run(change_dataset=make_deadly), local_ray))
    assert marker.exists()
    assert [state.epoch for state in states] == [1, 2, 3]
    assert_close(states, expected)
    assert 3 * 12 < len(seen.read_text()) < 4 * 12
    assert "A worker failed" in caplog.text


@pytest.mark.long
def test_what_a_worker_would_meet_again_ends_the_run_at_once_and_as_itself(
    local_ray, make_run, tmp_path, caplog
):
    run = make_run()
    (tmp_path / "trainset/7.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"trainset/7.png"):
        list(train_on_cluster(run, local_ray))
    assert "A worker failed" not in caplog.text


def test_errors_that_would_come_again_are_told_from_deaths():
    lost = RuntimeError("Connection closed by peer [127.0.0.1]:1\nmore")
    found = NonFiniteLossError("the loss is nan")
    assert _letter_of({0: lost, 1: found}) is found
    assert _letter_of({1: lost}) == "worker 1: Connection closed by peer [127.0.0.1]:1"
    assert _letter_of({1: KeyError()}) == "worker 1: KeyError"


class FakeSystem:
    def __init__(self):
        self.deleted = []

    def delete_dir(self, path):
        self.deleted.append(path)


@pytest.fixture
def take(monkeypatch, two_workers):
    """Return a function that takes letters out of a mailbox, some at each look."""

    class RayError(Exception):
        pass

    def take(looks, *, error=None):
        looks = list(looks)

        def get(value):
            if value == "fit" and error is not None:
                raise RayError(error)
            return value

        ray = SimpleNamespace(
            get=get,
            wait=lambda refs, timeout: (refs if len(looks) == 1 else [], []),
            exceptions=SimpleNamespace(RayError=RayError),
        )
        mailbox = SimpleNamespace(qsize=int, get_nowait_batch=lambda number: looks.pop(0))
        monkeypatch.setattr(on_cluster, "import_ray", lambda: ray)
        monkeypatch.setattr(on_cluster, "_read", lambda save: save.state)
        return _take_saves(mailbox, "fit", two_workers)

    return take


def save_at(epoch, num_batches, system):
    state = SimpleNamespace(epoch=epoch, progress={"num_batches": num_batches})
    return SimpleNamespace(state=state, path=f"{epoch}-{num_batches}", filesystem=system)


def test_a_state_is_handed_on_once_and_the_save_before_it_removed(take):
    system = FakeSystem()
    saves = [save_at(*position, system) for position in [(0, 2), (1, 0), (1, 0), (1, 2), (2, 0)]]
    states = take([[], saves[:2], ["worker 1 died", *saves[2:4]], saves[4:]])
    positions = [(state.epoch, state.progress["num_batches"]) for state in states]
    assert positions == [(0, 2), (1, 0), (1, 2), (2, 0)]
    assert system.deleted == ["0-2", "1-0", "1-0", "1-2"]


def test_a_run_that_is_given_up_says_what_happened_last(take):
    states = take([["worker 0: this"], ["worker 1: that"]], error="long\nstory")
    with pytest.raises(ClusterError, match=r"after 2 failure\(s\).*was: worker 1: that\. "):
        list(states)
    with pytest.raises(ClusterError, match=r"after 0 failure\(s\).*was: story\. "):
        list(take([[]], error="long\nstory"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gpus_per_worker": 0.5}, "a worker trains on one GPU of its own"),
        ({"num_workers": 4}, "training.batch_size=6 .* evenly among 4; set training.batch_size=4"),
        ({}, "the cluster has 2 machines, and no storage where they can save"),
    ],
)
def test_a_cluster_that_does_not_fit_the_run_is_refused(
    monkeypatch, make_run, two_workers, change, message
):
    machine = {"Alive": True, "Resources": {"CPU": 4.0}}
    nodes = [machine, machine, machine | {"Alive": False}]
    monkeypatch.setattr(on_cluster, "import_ray", lambda: SimpleNamespace(nodes=lambda: nodes))
    cluster = two_workers.model_copy(update=change)
    with pytest.raises(ClusterError, match=message):
        on_cluster._check(make_run().training, cluster, cluster.num_workers)


def test_idle_gpus_are_a_reason_to_warn(monkeypatch, make_run, two_workers, caplog):
    node = {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 8.0}}
    monkeypatch.setattr(on_cluster, "import_ray", lambda: SimpleNamespace(nodes=lambda: [node]))
    monkeypatch.setattr(on_cluster, "count_room", lambda cluster: 2)
    training = make_run().training
    on_cluster._check(training, two_workers.model_copy(update={"gpus_per_worker": 1}), 2)
    assert not caplog.text
    on_cluster._check(training, two_workers, 2)
    assert "while 8 GPU(s) of the cluster stand idle" in caplog.text


def test_saves_lie_where_they_are_wanted_and_are_removed(tmp_path, monkeypatch, two_workers):
    monkeypatch.chdir(tmp_path)
    for storage in (None, "saves", (tmp_path / "saves").as_uri()):
        cluster = two_workers.model_copy(update={"storage": storage})
        with on_cluster._open_storage(cluster) as opened:
            folder = Path(opened.folder) / opened.name
            assert folder.is_relative_to(tmp_path / "saves") == (storage is not None)
            opened.system.create_dir(str(folder))
            assert folder.is_dir()
        assert not folder.exists()


def test_roots_do_not_depend_on_the_folder_of_the_worker(make_run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path.parent)
    run = make_run()
    dataset = replace(run.train_loader.dataset, root=tmp_path.name)
    relative = replace(run, train_loader=train_loader(dataset, run.training))
    sent = pickle.loads(pickle.dumps(on_cluster._with_absolute_roots(relative)))
    assert sent.train_loader.dataset.root == str(tmp_path)
    assert len(sent.train_loader) == 2
