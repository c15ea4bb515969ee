"""How the process keeps memory that tensors on the CPU have left."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's malloc.h
_MOST = 2**31 - 1  # bytes at the end of the heap that are kept


def keep_freed_memory() -> bool:
    """Have glibc keep large blocks for the next tensor, and not give each back to the system.

    A step frees and takes some gigabytes again. By default every block is mapped anew, and each of
    its pages comes filled with zeros by the kernel at first touch. For the whole process, and for
    good; at most 2 GB stay with it. Bits do not change. docs/experiments.md has what it gains.

    Returns:
        Whether it was done; where the C library is another one, nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _MOST))
