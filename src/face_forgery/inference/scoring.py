"""Score: validation, submissions and users' images go through the same functions.

A score is the probability of forgery, in [0, 1]. Wherever images come from, ``reading`` prepares
them, `score_batch` scores them, and ``verdicts`` decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor, nn

from face_forgery.data.images.decoding import ImageError
from face_forgery.inference.reading import ImageReader, ReadBatch, read_batches
from face_forgery.inference.verdicts import Scored
from face_forgery.modeling.detector import Detector, DetectorError
from face_forgery.modeling.engines.choice import build_scorer
from face_forgery.modeling.forward_path import device_of, measure_margins
from face_forgery.params import EngineName
from face_forgery.progress import track


def score_files(
    detector: Detector,
    paths: Sequence[Path],
    *,
    batch_size: int,
    num_workers: int,
    engine: EngineName = "auto",
    description: str = "scoring",
) -> Scored:
    """Score image files; one that cannot be scored gets a status and stops nothing.

    Whether they look familiar is not measured: of these, scores are wanted and no verdicts.
    """
    return Scored.join(
        stream_scores(
            replace(detector, familiarity=None),
            paths,
            batch_size=batch_size,
            num_workers=num_workers,
            min_size=1,
            engine=engine,
            description=description,
            is_labelled=True,
        )
    )


def stream_scores(
    detector: Detector,
    paths: Sequence[Path | str | None],
    *,
    batch_size: int,
    num_workers: int,
    min_size: int,
    engine: EngineName = "auto",
    description: str,
    is_labelled: bool = False,
) -> Iterator[Scored]:
    """Yield what ``score_files`` returns, a batch at a time and in order; memory stays flat.

    ``paths`` are paths and URLs; one that is ``None`` is ``unreadable`` without a reason. Progress
    is shown. ``is_labelled`` is as of `ImageReader`.
    """
    if not len(paths):  # a network takes seconds to build
        return
    batches = read_batches(
        paths,
        ImageReader.of(detector, min_size=min_size, is_labelled=is_labelled),
        batch_size=batch_size,
        num_workers=num_workers,
    )
    network = build_scorer(detector, engine)
    for batch in track(
        batches, description=description, total=len(paths), count=lambda batch: len(batch.statuses)
    ):
        yield score_batch(network, batch)


def score_batch(network: nn.Module, batch: ReadBatch) -> Scored:
    """Score the images of a batch; one with several faces as its most suspicious face."""
    by_image = margins_of(network, batch.images)
    ends = np.cumsum(batch.counts)
    margins, unlikeness = np.full(len(batch.statuses), np.nan), np.zeros(len(batch.statuses))
    faces = np.empty(len(batch.statuses), dtype=object)
    for row, (end, count) in enumerate(zip(ends, batch.counts, strict=True)):
        own = by_image[end - count : end]
        if count:
            worst = int(own.argmax())
            margins[row], unlikeness[row] = own[worst], batch.unlikeness[end - count + worst]
        faces[row] = tuple(zip(batch.faces[row], own.tolist(), strict=False))
    statuses = np.array(batch.statuses, dtype=object)
    return Scored(margins, statuses, np.array(batch.details, dtype=object), faces, unlikeness)


def margins_of(network: nn.Module, images: Tensor) -> NDArray[np.float64]:
    """Return the margins ``(B,)``, logit of fake less logit of real, and check them.

    ``images`` is uint8 ``(B, 3, S, S)``; B may be 0.

    Raises:
        DetectorError: If a margin is not finite.
    """
    if not len(images):
        return np.empty(0)
    margins = measure_margins(network, images, device_of(network))
    if not np.isfinite(margins).all():
        raise DetectorError(
            f"the network gives no number for {int((~np.isfinite(margins)).sum())} of "
            f"{len(margins)} images: its weights are damaged or not finite; train again: "
            "kedro run --pipelines training,evaluation"
        )
    return margins


def score_manifest(
    detector: Detector,
    manifest: pd.DataFrame,
    root: str | Path,
    *,
    batch_size: int,
    num_workers: int,
    engine: EngineName = "auto",
) -> Scored:
    """Score every image of a manifest, whose column ``path`` is relative to ``root``, in its order.

    None may be left out: every status is ok.

    Raises:
        ImageError: If an image cannot be read; names the count and up to three.
    """
    paths = [Path(root) / path for path in manifest["path"]]
    scored = score_files(
        detector, paths, batch_size=batch_size, num_workers=num_workers, engine=engine
    )
    bad = np.flatnonzero(scored.statuses != "ok")
    if bad.size:
        named = "; ".join(f"{paths[i]}: {scored.details[i]}" for i in bad[:3])
        raise ImageError(
            f"{bad.size} of {len(paths)} images of the manifest cannot be read: {named}. They "
            "could when the manifest was made; run it again: kedro run --pipelines ingestion",
            status=scored.statuses[bad[0]],
        )
    return scored
