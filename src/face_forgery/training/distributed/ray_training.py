"""Training on the workers of a Ray cluster: one network, and a slice of every batch for each.

Ray Train starts the workers, makes them a process group, and starts all of them anew when one has
died. A worker runs the function that a single process runs, as one rank. The first rank saves into
the storage that all of them share; this process reads each save there and hands it on.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

from face_forgery.data.images.remote import is_url, open_file_system
from face_forgery.data.loading.loaders import eval_loader, train_loader
from face_forgery.params import ClusterParams, TrainingParams
from face_forgery.progress import track
from face_forgery.training.distributed.process_group import rank
from face_forgery.training.distributed.ray_cluster import (
    ClusterError,
    choose_num_workers,
    connected,
    count_room,
    import_ray,
)
from face_forgery.training.loop import BatchTooLargeError, NonFiniteLossError
from face_forgery.training.records import Checkpoint
from face_forgery.training.resume import read_state, write_state
from face_forgery.training.run import train
from face_forgery.training.step_settings import CompilerError
from face_forgery.training.training_data import Run

logger = logging.getLogger(__name__)

_STATE = "state.pt"
_POLL_S = 0.5
_GRACE_S = 20.0  # for Ray Train to end its workers
_FAILURE = (
    "A worker failed (%s); all of them go on from the last save. %d more failure(s) would end the "
    "run"
)


def train_on_cluster(run: Run, cluster: ClusterParams) -> Iterator[Checkpoint]:
    """Yield the states that ``training.run.train`` would, from the workers of a Ray cluster.

    After a worker has died all of them go on from the last save: what was made since then is made
    again, and no state is yielded twice.

    Every machine must have the images under the same name. ``batch_size`` is that of all workers
    together, ``num_workers`` the loader processes of each.

    Raises:
        ClusterError: If there is no cluster, it does not fit the run, or its workers died more
            often than ``max_failures``.
        ValueError, NonFiniteLossError, BatchTooLargeError: What a worker met that it would meet
            again, as from ``train``.
    """
    epochs_before = 0 if run.resume_from is None else run.resume_from.epoch
    with _open_storage(cluster) as storage, connected(cluster):
        num_workers = choose_num_workers(cluster)
        _check(run.training, cluster, num_workers)
        logger.info("%d worker(s) of a Ray cluster train together", num_workers)
        ray = import_ray()
        # What Ray Train's controller has to say: paths of saves, and what made workers fail.
        mailbox = ray.util.queue.Queue(actor_options={"num_cpus": 0})
        fit = _begin(_with_absolute_roots(run), mailbox, storage, num_workers, cluster)
        try:
            yield from track(
                _take_saves(mailbox, fit, cluster),
                description=f"training on {num_workers} worker(s)",
                total=run.training.epochs - epochs_before,
                unit="epochs",
                count=lambda state: int(not state.progress["num_batches"]),
            )
        finally:
            _end(fit)


def _with_absolute_roots(run: Run) -> Run:
    """Return ``run`` with roots of images that do not depend on the folder of the process."""
    loaders: tuple[Any, Any] = (run.train_loader, run.val_loader)
    train_set, val_set = (
        replace(one.dataset, root=str(Path(one.dataset.root).absolute())) for one in loaders
    )
    size, num_workers = run.val_loader.batch_size or 1, run.val_loader.num_workers
    val_loader = eval_loader(val_set, batch_size=size, num_workers=num_workers)
    return replace(run, train_loader=train_loader(train_set, run.training), val_loader=val_loader)


def _check(training: TrainingParams, cluster: ClusterParams, num_workers: int) -> None:
    if cluster.gpus_per_worker not in (0, 1):
        raise ClusterError(
            f"cluster.gpus_per_worker={cluster.gpus_per_worker:g}: a worker trains on one GPU of "
            "its own, or on CPUs; set it to 1 or 0"
        )
    if training.batch_size % num_workers:
        nearest = max(training.batch_size // num_workers, 1) * num_workers
        raise ClusterError(
            f"training.batch_size={training.batch_size} is that of all workers together and does "
            f"not divide evenly among {num_workers}; set training.batch_size={nearest}, or change "
            "cluster.num_workers"
        )
    machines = [node["Resources"] for node in import_ray().nodes() if node["Alive"]]
    if cluster.storage is None and len(machines) > 1:
        raise ClusterError(
            f"the cluster has {len(machines)} machines, and no storage where they can save: set "
            "cluster.storage to a folder that all of them mount under the same name, or to a "
            "bucket: cluster.storage=s3://BUCKET/FOLDER (docs/scaling.md)"
        )
    num_gpus = sum(machine.get("GPU", 0) for machine in machines)
    if num_gpus and not cluster.gpus_per_worker:
        logger.warning(
            "Training on CPUs, while %d GPU(s) of the cluster stand idle: set "
            "cluster.gpus_per_worker=1",
            num_gpus,
        )
    room = count_room(cluster)
    if num_workers > room:
        logger.warning("There is room for %d of %d workers; waiting for more", room, num_workers)


@dataclass(frozen=True)
class _Storage:
    """Where workers save; of this run all is below ``folder / name``."""

    system: Any  # of pyarrow.fs
    folder: str
    name: str


@contextmanager
def _open_storage(cluster: ClusterParams) -> Iterator[_Storage]:
    """Yield a storage for the saves of one run, and remove them afterwards."""
    name = f"training-{uuid4().hex}"
    if cluster.storage is None:
        with tempfile.TemporaryDirectory(prefix="face-forgery-", ignore_cleanup_errors=True) as own:
            yield _Storage(LocalFileSystem(), own, name)
        return
    if is_url(cluster.storage):
        system, folder = open_file_system(cluster.storage)
        storage = _Storage(PyFileSystem(FSSpecHandler(system)), folder, name)
    else:
        storage = _Storage(LocalFileSystem(), str(Path(cluster.storage).absolute()), name)
    try:
        yield storage
    finally:
        with suppress(FileNotFoundError):  # nothing was saved
            storage.system.delete_dir(f"{storage.folder}/{name}")


def _begin(
    run: Run, mailbox: Any, storage: _Storage, num_workers: int, cluster: ClusterParams
) -> Any:
    """Start the training in a process of its own, on this machine, and return its reference."""
    ray = import_ray()
    node = ray.get_runtime_context().get_node_id()
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)
    options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": here}
    config = {"run": ray.put(run), "folder": str(Path.cwd())}
    return ray.remote(_fit).options(**options).remote(
        config, mailbox, storage, num_workers, cluster
    )  # fmt: skip


def _end(fit: Any) -> None:
    """End the training if it is still on."""
    ray = import_ray()
    ray.cancel(fit, recursive=False)  # as Ctrl-C does: Ray Train ends its workers
    if not ray.wait([fit], timeout=_GRACE_S)[0]:
        ray.cancel(fit, force=True)


def _take_saves(mailbox: Any, fit: Any, cluster: ClusterParams) -> Iterator[Checkpoint]:
    """Yield each state as it is saved; the save before it is removed from the storage."""
    ray = import_ray()
    before, last = None, (0, -1)  # whole epochs, batches of the next
    failures: list[str] = []
    is_over = False
    while not is_over:
        is_over = bool(ray.wait([fit], timeout=_POLL_S)[0])
        for letter in mailbox.get_nowait_batch(mailbox.qsize()):
            if isinstance(letter, Exception):
                raise letter
            if isinstance(letter, str):
                failures.append(letter)
                if (num_left := cluster.max_failures + 1 - len(failures)) > 0:
                    logger.warning(_FAILURE, letter, num_left)
                continue
            state = _read(letter)
            position = (state.epoch, state.progress["num_batches"])
            if position > last:
                last = position
                yield state
            if before is not None:
                before.filesystem.delete_dir(before.path)
            before = letter
    try:
        ray.get(fit)
    except ray.exceptions.RayError as error:
        reason = failures[-1] if failures else str(error).strip().splitlines()[-1]
        raise ClusterError(
            f"training was given up after {len(failures)} failure(s) of its workers, the last of "
            f"which was: {reason}. Ray's logs say more (docs/scaling.md). With "
            "training.resume=true the same command goes on from the last save"
        ) from error


def _fit(
    config: dict[str, Any],
    mailbox: Any,
    storage: _Storage,
    num_workers: int,
    cluster: ClusterParams,
) -> None:
    """Train with Ray Train; returns when the run is at its end."""
    ray_train = import_ray().train
    needs = {"CPU": cluster.cpus_per_worker, "GPU": cluster.gpus_per_worker}
    ray_train.torch.TorchTrainer(
        _work,
        train_loop_config=config,
        scaling_config=ray_train.ScalingConfig(
            num_workers=num_workers,
            use_gpu=cluster.gpus_per_worker > 0,
            resources_per_worker={kind: need for kind, need in needs.items() if need},
        ),
        run_config=ray_train.RunConfig(
            name=storage.name,
            storage_path=storage.folder,
            storage_filesystem=storage.system,
            failure_config=ray_train.FailureConfig(max_failures=cluster.max_failures),
            callbacks=[_make_courier(mailbox)],
        ),
    ).fit()


def _make_courier(mailbox: Any) -> Any:
    """Return a callback that tells ``mailbox`` of saves and failures."""
    ray = import_ray()

    class Courier(ray.train.UserCallback):  # type: ignore[misc, name-defined]  # ray has no types
        """Lives in Ray Train's controller; waits, so that no letter comes after the end."""

        def after_report(self, run_context: Any, metrics: Any, checkpoint: Any) -> None:
            if checkpoint is not None:
                mailbox.put(checkpoint)

        def after_exception(
            self, run_context: Any, worker_exceptions: dict[int, Exception]
        ) -> None:
            mailbox.put(_letter_of(worker_exceptions))

    return Courier()


def _letter_of(exceptions: dict[int, Exception]) -> Exception | str:
    """Return what another attempt would meet again, or else a line about what was met."""
    lasting = (ValueError, BatchTooLargeError, CompilerError, NonFiniteLossError)
    for error in exceptions.values():
        if isinstance(error, lasting):
            return error
    number, error = next(iter(exceptions.items()))
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"worker {number}: {lines[0]}"


def _work(config: dict[str, Any]) -> None:
    """Be one of the workers."""
    ray = import_ray()
    if Path(config["folder"]).is_dir():  # then relative paths mean what they mean to the asker
        os.chdir(config["folder"])
    run, saved = ray.get(config["run"]), ray.train.get_checkpoint()
    if saved is not None:  # a worker has died
        going_on = run.training.model_copy(update={"resume": True})
        run = replace(run, training=going_on, resume_from=_read(saved))
    for copy_state in train(run, ray.train.torch.get_device()):
        _save(copy_state)


def _save(copy_state: Callable[[], Checkpoint]) -> None:
    """Put the state into the storage; all ranks wait until the first has done it."""
    ray_train = import_ray().train
    if rank() > 0:
        ray_train.report({})
        return
    with tempfile.TemporaryDirectory() as folder:
        write_state(copy_state(), Path(folder) / _STATE)
        ray_train.report({}, checkpoint=ray_train.Checkpoint.from_directory(folder))


def _read(save: Any) -> Checkpoint:
    with save.as_directory() as folder:
        return read_state(Path(folder) / _STATE)
