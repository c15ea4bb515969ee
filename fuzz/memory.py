"""A limit of memory for a fuzz target, and errors that mean that it was met."""

import resource
from collections.abc import Iterator
from pathlib import Path

MORE_BYTES = 3 * 2**29  # 1.5 GiB
_SIGNS = ("allocate memory", "out of memory", "failed to allocate", "std::bad_alloc")


def limit_memory() -> None:
    """Let this process have ``MORE_BYTES`` of address space beyond what it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def check_not_of_memory(error: BaseException) -> None:
    """Raise AssertionError if a refusal came only when memory had ended."""
    for one in _causes(error):
        assert not isinstance(one, MemoryError), repr(error)
        assert not any(sign in str(one).lower() for sign in _SIGNS), repr(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
