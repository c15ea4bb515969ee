"""Memory that tensors leave stays with the process."""

import platform
import subprocess
import sys

import pytest

from face_forgery.training.run import keep_freed_memory

COUNT_FAULTS = """
import resource
import torch
from face_forgery.training.run import keep_freed_memory

def count_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(16 * 2**20)  # 64 MiB, 16,384 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

plain = count_faults()
keep_freed_memory()
count_faults()
print(plain, count_faults())
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_tensor_takes_the_pages_that_another_one_left():
    done = subprocess.run(
        [sys.executable, "-c", COUNT_FAULTS], capture_output=True, text=True, check=True
    )
    plain, kept = map(int, done.stdout.split())
    assert kept < plain / 5


@pytest.mark.parametrize("where", ["other system", "other library"])
def test_elsewhere_nothing_happens(monkeypatch, where):
    if where == "other system":
        monkeypatch.setattr("sys.platform", "darwin")
    else:
        monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert keep_freed_memory() is False
