"""A connection to a Ray cluster, or a Ray of one's own."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import face_forgery
from face_forgery.modeling.weights import first_line
from face_forgery.params import ClusterParams

logger = logging.getLogger(__name__)

_LOCAL = "local"
_TIMEOUT_S = 10.0


class ClusterError(RuntimeError):
    """The cluster cannot do the work; the message says why and the remedy."""


def import_ray() -> Any:
    """Return the module ``ray``, with all of its parts that are used here.

    Raises:
        ImportError: If the packages of the extra ``cluster`` are missing.
    """
    # Ray reads them when it is imported; whoever wants to be counted, or to see more, sets them.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray.data  # these need more than ray itself
        import ray.train.torch
        import ray.util.queue
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise ImportError(
            f"work on a cluster needs ray[data,train] ({error}): make setup, or "
            "pip install 'face-forgery[cluster]'; in the environment of every machine"
        ) from error
    return ray


@contextmanager
def connected(cluster: ClusterParams) -> Iterator[None]:
    """Be connected to a Ray cluster; a connection that is there already is used and left open.

    The source of this package travels to the workers, so that they run the code that asks them;
    what it imports has to be installed on every machine.

    Raises:
        ClusterError: If there is no cluster.
        ImportError: As `import_ray`.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield
        return
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        _knock(_address_of(cluster))
        ray.init(**_options(cluster))
    except (OSError, RuntimeError, ValueError) as error:
        reason = first_line(error).rstrip(".")
        raise ClusterError(
            f"there is no Ray cluster to connect to ({_named(cluster)}): {reason}. "
            "Start one with `ray start --head` (docs/scaling.md), or name one with "
            "cluster.address=HOST:PORT, or use this machine alone: cluster.address=local. Where it "
            "asks for a token, set RAY_AUTH_MODE=token"
        ) from error
    _restore(on_sigterm)
    try:
        yield
    finally:
        ray.shutdown()


def count_room(cluster: ClusterParams) -> int:
    """Return how many workers the machines of the connected cluster have room for."""
    needs = {"CPU": cluster.cpus_per_worker, "GPU": cluster.gpus_per_worker}
    return sum(
        int(min(node["Resources"].get(kind, 0) / need for kind, need in needs.items() if need))
        for node in import_ray().nodes()
        if node["Alive"]
    )


def choose_num_workers(cluster: ClusterParams) -> int:
    """Return how many workers are asked for, or else how many there is room for.

    Raises:
        ClusterError: If there is room for none and no number to wait for.
    """
    room = count_room(cluster)
    if room:
        return cluster.num_workers or room
    needs = f"{cluster.cpus_per_worker} CPU(s) and {cluster.gpus_per_worker:g} GPU(s)"
    if cluster.num_workers is None:
        raise ClusterError(
            f"no machine of the cluster has room for a worker, which takes {needs} "
            "(cluster.cpus_per_worker, cluster.gpus_per_worker). Take less; where machines "
            "join on demand, say how many workers to wait for: cluster.num_workers"
        )
    logger.warning("No machine of the cluster has %s yet; waiting for one that has", needs)
    return cluster.num_workers


def _options(cluster: ClusterParams) -> dict[str, Any]:
    quiet = {"configure_logging": False, "logging_level": logging.WARNING, "log_to_driver": False}
    address = {"address": _address_of(cluster)}
    if cluster.address == _LOCAL:
        room = (os.cpu_count() or 1) // cluster.cpus_per_worker
        num_cpus = (cluster.num_workers or max(1, room)) * cluster.cpus_per_worker
        return address | {"num_cpus": num_cpus, "include_dashboard": False} | quiet
    package = str(Path(face_forgery.__file__).parent)
    return address | {"runtime_env": {"py_modules": [package]}} | quiet


def _address_of(cluster: ClusterParams) -> str:
    return cluster.address or os.environ.get("RAY_ADDRESS") or "auto"


def _knock(address: str) -> None:
    """Raise ``OSError`` where nobody answers at ``HOST:PORT``; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_TIMEOUT_S).close()


def _named(cluster: ClusterParams) -> str:
    if cluster.address is not None:
        return f"cluster.address={cluster.address}"
    if "RAY_ADDRESS" in os.environ:
        return f"RAY_ADDRESS={os.environ['RAY_ADDRESS']}"
    return "cluster.address=null, and RAY_ADDRESS is not set"


def _restore(on_sigterm: Any) -> None:
    """Take SIGTERM back from Ray if somebody had asked for it: tracking does."""
    is_main_thread = threading.current_thread() is threading.main_thread()
    if is_main_thread and callable(on_sigterm):
        signal.signal(signal.SIGTERM, on_sigterm)
