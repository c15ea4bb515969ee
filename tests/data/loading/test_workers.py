"""What the main process says of a worker that is gone, and when."""

import multiprocessing
import signal
import time

import pytest
from torch.utils.data import dataloader
from torch.utils.data._utils import signal_handling

from face_forgery.data.loading.workers import iterate, load_in_workers
from face_forgery.hooks.error_messages import remedy_for


@pytest.fixture(autouse=True)
def new_process(monkeypatch):
    """Have torch's handler of ended children as it is in a new process, whatever ran before."""
    monkeypatch.setattr(signal_handling, "_SIGCHLD_handler_set", False)
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.fixture
def batches(new_process):
    return iterate(load_in_workers(range(1000), 2, collate=list, num_ahead=1, batch_size=1))


def test_a_dead_worker_is_an_error_where_a_batch_is_asked_for(batches, monkeypatch):
    wait = dataloader._MultiProcessingDataLoaderIter._try_get_data
    monkeypatch.setattr(wait, "__defaults__", (0.2,))  # seconds, in place of five
    assert next(batches) == [0]
    for worker in multiprocessing.active_children():
        worker.kill()
    time.sleep(0.5)  # SIGCHLD comes, and nothing is raised here
    with pytest.raises(RuntimeError, match="DataLoader worker"):
        list(batches)


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset"), EOFError(), OSError(2, "x")])
def test_a_worker_that_dies_while_it_hands_over_a_batch_is_said_to_be_dead(
    batches, monkeypatch, error
):
    def lose(iterator):
        raise error

    assert next(batches) == [0]
    monkeypatch.setattr(dataloader._MultiProcessingDataLoaderIter, "_next_data", lose)
    with pytest.raises(
        RuntimeError, match=r"DataLoader worker .* died while it handed over"
    ) as told:
        next(batches)
    assert remedy_for(told.value) is not None


class _Unreachable:
    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise ConnectionResetError(104, "the bucket is gone")


def test_a_connection_that_a_worker_has_lost_is_told_as_it_is():
    with pytest.raises(ConnectionResetError, match="the bucket is gone"):
        list(iterate(load_in_workers(_Unreachable(), 1, collate=list, num_ahead=1, batch_size=1)))


@pytest.mark.slow
def test_the_handler_of_ended_children_stays_what_it_was(batches):
    next(batches)
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
