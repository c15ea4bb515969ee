"""What befalls a run from outside, in words: a full disk, no memory, an ended process."""

import errno
from collections.abc import Iterator

_AGAIN = (
    "give the same command again. What was saved is whole: with training.resume=true training goes "
    "on after the last saved state, and inference goes on after its last saved part"
)
_NO_ROOM = f"The disk has no room left, or a quota is used up. Make room, and {_AGAIN}"
_NOT_WRITABLE = f"That place may not be read or written. Change that or name another, and {_AGAIN}"
_NO_MEMORY = (
    "There is no memory left for the run. Lower training.batch_size, scoring.batch_size or the "
    f"number of processes (training.num_workers, scoring.num_workers), and {_AGAIN}"
)
_WORKER_ENDED = (
    "A process that decodes pictures was ended from outside, most often by the system because "
    "memory was short. Lower training.num_workers and scoring.num_workers (0: no such processes), "
    f"and {_AGAIN}"
)
_REMEDY_OF_ERRNO = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _NO_ROOM),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), _NOT_WRITABLE),
    errno.ENOMEM: _NO_MEMORY,
}
# Libraries that do not raise what the system said have it in their words.
_REMEDY_OF_WORDS = {
    "DataLoader worker (pid": _WORKER_ENDED,
    "No space left on device": _NO_ROOM,
    "database or disk is full": _NO_ROOM,
    "Read-only file system": _NOT_WRITABLE,
    "attempt to write a readonly database": _NOT_WRITABLE,
    "can't allocate memory": _NO_MEMORY,
    "Cannot allocate memory": _NO_MEMORY,
    "could not create a primitive": _NO_MEMORY,  # oneDNN
    "bad_alloc": _NO_MEMORY,
    "can't start new thread": _NO_MEMORY,
    "failed to map segment": _NO_MEMORY,
}


def remedy_for(error: BaseException) -> str | None:
    """Return what to do about an error that comes from the machine; ``None`` for any other."""
    for cause in causes_of(error):
        if isinstance(cause, MemoryError):
            return _NO_MEMORY
        if isinstance(cause, OSError) and cause.errno in _REMEDY_OF_ERRNO:
            return _REMEDY_OF_ERRNO[cause.errno]
        for words, remedy in _REMEDY_OF_WORDS.items():
            if words in str(cause):
                return remedy
    return None


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, the last one first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
