"""A Ray of two workers on this machine."""

import os

import pytest

from face_forgery.params import ClusterParams
from face_forgery.training.distributed.ray_cluster import connected


@pytest.fixture(scope="session")
def two_workers():
    """The parameters of a Ray of one's own with two CPUs."""
    return ClusterParams(
        address="local",
        num_workers=2,
        cpus_per_worker=1,
        gpus_per_worker=0,
        storage=None,
        max_failures=1,
    )


@pytest.fixture(scope="module")
def local_ray(two_workers):
    """Be connected to a Ray with two CPUs; return the parameters that lead to it."""
    # Tests beside these ones must not starve the workers.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    os.environ["RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"] = "0.2"  # seconds; 2 are many for a test
    with connected(two_workers):
        yield two_workers
