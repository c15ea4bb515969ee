"""Processes that read batches ahead of the one that uses them."""

import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader

from face_forgery.progress import track


def load_in_workers(
    dataset: Any,
    num_workers: int,
    *,
    collate: Callable[[list[Any]], Any],
    num_ahead: int,
    is_persistent: bool = False,
    **batching: Any,
) -> DataLoader[Any]:
    """Return a loader whose batches do not follow from the number of its workers.

    The data set is picklable and makes an item `in_one_thread`. Each worker reads ``num_ahead``
    batches ahead; persistent ones outlive a pass. The rest is as torch has it.
    """
    if num_workers:
        stop_threads_of_opencv()
    with_workers: dict[str, Any] = {
        "persistent_workers": is_persistent,
        "prefetch_factor": num_ahead,
        "worker_init_fn": _prepare_worker,
    }
    return DataLoader(
        dataset,
        num_workers=num_workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # the loader draws too; from here, not from the global one
        **batching,
        **(with_workers if num_workers else {}),
    )


def iterate(loader: Any) -> Iterator[Any]:
    """Yield the batches of ``loader``, with errors that say what has happened.

    An exception that a worker hands over in the place of a batch is raised here. That a worker has
    died is said where a batch is asked for, and nowhere else: torch also raises it from a handler
    of SIGCHLD, wherever the main process is just then: while a file is saved, while another error
    is handled, or at the end of a run that was interrupted, when Python ends the workers. Without
    that it is noticed within 5 s.

    Raises:
        RuntimeError: If a worker has died.
    """
    is_main_thread = threading.current_thread() is threading.main_thread()
    num_workers = getattr(loader, "num_workers", 0)
    if num_workers and is_main_thread and hasattr(signal, "SIGCHLD"):
        before = signal.getsignal(signal.SIGCHLD)
        batches = iter(loader)
        signal.signal(signal.SIGCHLD, before)
    else:
        batches = iter(loader)
    try:
        for batch in batches:
            if isinstance(batch, Exception):
                raise batch
            yield batch
    except (ConnectionError, EOFError, FileNotFoundError) as error:
        if "in DataLoader worker process" in str(error) or not num_workers:
            raise
        raise RuntimeError(
            "DataLoader worker (pid unknown) has died while it handed over a batch "
            f"({type(error).__name__}: {error})"
        ) from error


def iterate_tracked(loader: Any, description: str) -> Iterator[Any]:
    """Yield the batches of ``loader`` as `iterate` does, and show how many images are done."""
    return track(
        iterate(loader),
        description=description,
        total=len(loader.sampler),
        count=lambda batch: len(batch[1]),
    )


@contextmanager
def in_one_thread() -> Iterator[None]:
    """Have torch work in one thread inside, as it does in workers.

    Some of its operations round otherwise in several (``interpolate`` of floats is one), and then
    an item would follow from where it was made. Not for several threads at once.
    """
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _prepare_worker(worker: int) -> None:
    """Leave signals to the main process, which stops its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if multiprocessing.get_start_method() != "fork":  # a fork has it from its parent
        stop_threads_of_opencv()


def stop_threads_of_opencv() -> None:
    """Have OpenCV, if it was imported, work in one thread.

    Its threads do not follow into a forked process, where stopping them waits for ever: so that
    has to be done before.
    """
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
