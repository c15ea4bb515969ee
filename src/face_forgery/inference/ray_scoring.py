"""Scores from a Ray cluster: the same functions as on one machine, in a pool of workers.

Ray Data hands out batches, returns the scores in order, restarts a worker that has died, and gives
its batches to the others. A worker reads and scores with the functions that a single machine uses.
"""

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.listing import printable
from face_forgery.data.images.remote import is_url
from face_forgery.data.labels.manifest import show_examples
from face_forgery.inference.reading import (
    ImageReader,
    Reading,
    pack_paths,
    stack_readings,
    unpack_path,
)
from face_forgery.inference.scoring import score_batch
from face_forgery.inference.verdicts import Scored
from face_forgery.modeling.detector import Detector, DetectorError
from face_forgery.modeling.engines.choice import build_scorer
from face_forgery.params import ClusterParams, EngineName
from face_forgery.progress import track
from face_forgery.training.distributed.ray_cluster import (
    ClusterError,
    choose_num_workers,
    connected,
    import_ray,
)

logger = logging.getLogger(__name__)

_ATTEMPTS = 4  # at a batch whose worker dies; what kills each of them must not go on for ever
_BATCHES_AT_ONCE = 2  # of a worker: one is read while another is scored


def score_on_cluster(
    detector: Detector,
    paths: Sequence[Path | str | None],
    *,
    batch_size: int,
    num_workers: int,
    min_size: int,
    engine: EngineName = "auto",
    description: str,
    cluster: ClusterParams,
) -> Iterator[Scored]:
    """Yield what ``inference.scoring.stream_scores`` yields, from the workers of a Ray cluster.

    Every machine must have the paths. A batch is handed out at once; ``num_workers`` are threads of
    each worker that read and decode (0: one).

    Raises:
        ClusterError: If there is no cluster, a batch kills every worker, or a machine does not
            have the folder.
        InputError: If a worker cannot reach a URL.
    """
    if not len(paths):
        return
    absolute = [_absolute(path) for path in paths]
    with connected(cluster):
        how = {"min_size": min_size, "num_readers": max(1, num_workers), "engine": engine}
        batches = _stream(tabulate_paths(absolute), batch_size, cluster, detector, **how)
        left = iter(absolute)
        for scored in track(
            batches, description=description, total=len(paths), count=lambda b: len(b.statuses)
        ):
            check_shared(list(islice(left, len(scored.statuses))), scored)
            yield scored


def check_shared(paths: Sequence[str | None], scored: Scored) -> None:
    """Raise `ClusterError` if a worker misses a file of its batch that this machine has."""
    for path, status in zip(paths, scored.statuses, strict=True):
        if status == "missing" and path and not is_url(path) and Path(path).exists():
            raise ClusterError(
                f"{path}: this machine has the file, a machine of the cluster does not. Put the "
                "images into a folder that all machines mount under the same name, or into a "
                "bucket: inference.images=s3://BUCKET/FOLDER (docs/scaling.md)"
            )


def _absolute(path: Path | str | None) -> str | None:
    if path is None:
        return None
    return str(path) if is_url(str(path)) else str(Path(path).absolute())


def _stream(
    table: pa.Table, batch_size: int, cluster: ClusterParams, detector: Detector, **how: Any
) -> Iterator[Scored]:
    """Yield the scores of batches of ``table``; ``how`` is handed to the workers."""
    ray = import_ray()
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # the rest is ours to say
    size = min(choose_num_workers(cluster), -(-len(table) // batch_size))
    logger.info("Up to %d workers of a Ray cluster", size)
    attempts = ray.remote(_Attempts).options(num_cpus=0, max_restarts=-1).remote(_ATTEMPTS)
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    starts = range(0, len(table), batch_size)
    pool = ray.data.ActorPoolStrategy(
        size=size,
        max_concurrent_calls_per_actor=_BATCHES_AT_ONCE,
        enable_true_multi_threading=True,
    )
    with ray.data.DataContext.current(context):
        batches = ray.data.from_blocks(
            [table.slice(start, batch_size) for start in starts]
        ).map_batches(
            _Worker,
            fn_constructor_args=(ray.put(detector), attempts),
            fn_constructor_kwargs=how | {"on_gpu": cluster.gpus_per_worker > 0},
            batch_size=batch_size,
            batch_format="pyarrow",
            compute=pool,
            num_cpus=cluster.cpus_per_worker,
            num_gpus=cluster.gpus_per_worker or None,
        )
    try:
        for row in batches.iter_rows():
            if isinstance(row["scored"], Exception):
                raise row["scored"]
            yield row["scored"]
    except ray.exceptions.RayError as error:
        raise _explain(error) from error


def tabulate_paths(paths: Sequence[Path | str | None]) -> pa.Table:
    """Return what is handed out: ``row``, from 0, and ``path``, packed."""
    packed = pa.array(pack_paths(paths).tolist(), pa.large_string())
    return pa.table({"row": range(len(paths)), "path": packed})


def _explain(error: Exception) -> ClusterError:
    """Return an error that says what Ray met, in one line of its many."""
    own, *_ = str(error).split("\n\nThe above exception was the direct cause")
    return ClusterError(
        f"Ray gave up with {type(error).__name__}: {own.strip().splitlines()[-1]}. Its logs say "
        "more (docs/scaling.md). The same command goes on where this run stopped"
    )


class _Attempts:
    """Counts how often each batch was begun, by all workers."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._begun: Counter[int] = Counter()

    def begin(self, row: int) -> bool:
        """Count an attempt at the batch that begins with ``row``; say if it is one too many."""
        self._begun[row] += 1
        return self._begun[row] > self._limit


class _Worker:
    """One of the pool: the network in memory, a batch of paths in, their scores out."""

    def __init__(
        self,
        detector_ref: Any,
        attempts: Any,
        *,
        min_size: int,
        num_readers: int,
        engine: EngineName,
        on_gpu: bool,
    ) -> None:
        self._ray = import_ray()
        self._attempts = attempts
        detector: Detector = self._ray.get(detector_ref)
        self._network = build_scorer(detector, engine, None if on_gpu else torch.device("cpu"))
        self._scoring = threading.Lock()
        self._make_reader = partial(ImageReader.of, detector, min_size=min_size)
        self._own = threading.local()  # a face detector serves one thread at a time
        self._threads = ThreadPoolExecutor(num_readers)

    def __call__(self, batch: pa.Table) -> dict[str, NDArray[np.object_]]:
        column = np.empty(1, dtype=object)
        try:
            column[0] = self._score(batch["row"][0].as_py(), batch["path"].to_pylist())
        except (ClusterError, DetectorError, InputError) as error:
            column[0] = error  # raised, it would lose its class on the way
        return {"scored": column}

    def _score(self, row: int, paths: list[str | None]) -> Scored:
        if self._ray.get(self._attempts.begin.remote(row)):
            named = show_examples(printable(unpack_path(path)) for path in paths if path)
            raise ClusterError(
                f"every worker died that was given images {row:,} to {row + len(paths) - 1:,} "
                f"({named}), most often of too little memory: lower scoring.batch_size or "
                "scoring.num_workers. The same command goes on where this run stopped"
            )
        readings = list(self._threads.map(self._read, paths))
        with self._scoring:
            return score_batch(self._network, stack_readings(readings))

    def _read(self, path: str | None) -> Reading:
        if not hasattr(self._own, "reader"):
            self._own.reader = self._make_reader()
        reading: Reading = self._own.reader.read_at(path)
        return reading
