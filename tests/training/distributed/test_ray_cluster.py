"""Connections to Ray: which cluster, and what is said where there is none."""

import signal
import socket
import sys
from pathlib import Path

import pytest

from face_forgery.training.distributed import ray_cluster as connect
from face_forgery.training.distributed.ray_cluster import (
    ClusterError,
    connected,
    count_room,
    import_ray,
)


@pytest.fixture
def asking(two_workers):
    """Return a builder of parameters: any address, as many workers as there is room for."""
    nothing = {"address": None, "num_workers": None}
    return lambda **changes: two_workers.model_copy(update=nothing | changes)


class FakeRay:
    """Ray without processes: remembers what it was asked for."""

    def __init__(self, *, error=None, nodes=(), is_initialized=False):
        self._error, self._nodes, self._is_initialized = error, nodes, is_initialized
        self.asked, self.num_shutdowns = None, 0

    def is_initialized(self):
        return self._is_initialized

    def init(self, **asked):
        self.asked = asked
        signal.signal(signal.SIGTERM, lambda *_: None)  # as Ray does
        if self._error is not None:
            raise self._error

    def nodes(self):
        return self._nodes

    def shutdown(self):
        self.num_shutdowns += 1


@pytest.fixture
def put_in_place(monkeypatch):
    """Return a function that has `import_ray` return a fake; SIGTERM is left as it was."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def put(**settings):
        ray = FakeRay(**settings)
        monkeypatch.setattr(connect, "import_ray", lambda: ray)
        return ray

    yield put
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def addresses():
    """Three addresses at which somebody answers."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    yield [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ((None, None), "auto"),
        ((None, "{1}"), "{1}"),
        (("{2}", "{1}"), "{2}"),
        (("local", "{1}"), "local"),
    ],
)
def test_an_address_is_stronger_than_the_variable_and_that_than_this_machine(
    *, put_in_place, monkeypatch, addresses, asking, given, asked
):
    ray = put_in_place()
    address, variable = given
    if variable is not None:
        monkeypatch.setenv("RAY_ADDRESS", variable.format(*addresses))
    address = None if address is None else address.format(*addresses)
    with connected(asking(address=address)):
        assert ray.num_shutdowns == 0
    assert (ray.asked["address"], ray.num_shutdowns) == (asked.format(*addresses), 1)


def test_an_address_where_nobody_answers_is_refused_before_ray_tries(put_in_place, asking):
    ray, closed = put_in_place(), asking(address="127.0.0.1:1")
    with pytest.raises(ClusterError, match=r"=127.0.0.1:1\): .*refused"), connected(closed):
        pass
    assert ray.asked is None


def test_workers_of_a_cluster_run_the_source_that_asks_them(put_in_place, asking):
    ray = put_in_place()
    with connected(asking()):
        pass
    (package,) = ray.asked["runtime_env"]["py_modules"]
    assert (Path(package) / "inference/ray_scoring.py").is_file()


def test_a_ray_of_its_own_has_the_cpus_that_the_workers_take(put_in_place, asking):
    ray = put_in_place()
    with connected(asking(address="local", num_workers=3, cpus_per_worker=2)):
        pass
    assert ray.asked["num_cpus"] == 6


def test_no_cluster_is_an_error_that_names_the_remedies(put_in_place, asking):
    put_in_place(error=ConnectionError("Could not find any running Ray instance.\nmore"))
    with pytest.raises(ClusterError) as raised, connected(asking()):
        pass
    message = str(raised.value)
    assert "cluster.address=null, and RAY_ADDRESS is not set" in message
    assert "Could not find any running Ray instance. Start one with `ray start --head`" in message
    assert "cluster.address=local" in message


def test_a_connection_that_is_there_is_left_open(put_in_place, asking):
    ray = put_in_place(is_initialized=True)
    with connected(asking()):
        pass
    assert (ray.asked, ray.num_shutdowns) == (None, 0)


def test_whoever_waits_for_sigterm_still_does(put_in_place, asking):
    def on_sigterm(*_):
        pass

    put_in_place()
    signal.signal(signal.SIGTERM, on_sigterm)
    with connected(asking()):
        assert signal.getsignal(signal.SIGTERM) is on_sigterm


def test_workers_are_counted_by_machine_and_by_what_is_scarcer(put_in_place, asking):
    large = {"Alive": True, "Resources": {"CPU": 7.0, "GPU": 1.0}}
    small = {"Alive": True, "Resources": {"CPU": 1.0}}
    put_in_place(nodes=[large, small, large | {"Alive": False}])
    assert count_room(asking()) == 8
    assert count_room(asking(cpus_per_worker=2)) == 3
    assert count_room(asking(gpus_per_worker=0.5)) == 2


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'face-forgery\[cluster\]'"):
        import_ray()
