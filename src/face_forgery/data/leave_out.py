"""One part of the forgeries kept from training: what a detector is worth on what it never saw."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.hashing import THUMBNAIL_SIDE
from face_forgery.data.manifest import KEY, ManifestError, show_examples
from face_forgery.params import LeaveOutParams


def leave_out(
    train: pd.DataFrame,
    val: pd.DataFrame,
    image_hashes: pd.DataFrame,
    params: LeaveOutParams,
    *,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep one kind, source or cluster of forgeries from training, and only it in validation.

    Real pictures stay where they are, so the AUC can be held against that of the same part in the
    tables of a run that has seen it. The epoch is still chosen, and scores are still calibrated, on
    this validation set: the AUC is that of the best epoch for the part, a little too high.

    Args:
        train: The columns of ``MANIFEST_COLUMNS``.
        val: The same.
        image_hashes: The columns of ``IMAGE_HASH_COLUMNS``; a row for each of their rows.
        params: Which part.
        seed: Of the clusters.

    Raises:
        ManifestError: If no forgery of validation belongs to the part, or none of training would
            be left; names the parts there are.
    """
    parts = [
        name_parts(side, image_hashes, params, seed=seed, whole=pd.concat([train, val]))
        for side in (train, val)
    ]
    is_fake = [(side["target"] == 1).to_numpy(dtype=bool) for side in (train, val)]
    keeps = is_fake[0] & (parts[0] != params.value)
    judges = is_fake[1] & (parts[1] == params.value)
    if not keeps.any() or not judges.any():
        there = sorted({str(part) for part in parts[1][is_fake[1]]})
        raise ManifestError(
            f"splitting.leave_out.value={params.value}: of the forgeries, {int(keeps.sum()):,} of "
            f"training are left and {int(judges.sum()):,} of validation belong to that "
            f"{params.by}; there are: {show_examples(iter(there))}"
        )
    left_train = train[~is_fake[0] | keeps].reset_index(drop=True)
    left_val = val[~is_fake[1] | judges].reset_index(drop=True)
    return left_train, left_val


def name_parts(
    side: pd.DataFrame,
    image_hashes: pd.DataFrame,
    params: LeaveOutParams,
    *,
    seed: int,
    whole: pd.DataFrame,
) -> NDArray[np.object_]:
    """Name of the part that each row belongs to, ``(N,)``.

    Clusters are those of all forgeries by their looks: k-means of thumbnails without their mean and
    contrast, numbered from 0, the largest first. Real pictures belong to the nearest.
    """
    if params.by != "cluster":
        return side[str(params.by)].astype(str).to_numpy(dtype=object)
    from sklearn.cluster import KMeans

    fakes = _look(whole[whole["target"] == 1], image_hashes)
    count = min(params.num_clusters, len(np.unique(fakes, axis=0)))
    model = KMeans(count, n_init=4, random_state=seed).fit(fakes)
    order = np.argsort(-np.bincount(model.labels_, minlength=count), kind="stable")
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    names: NDArray[np.object_] = rank[model.predict(_look(side, image_hashes))].astype(str)
    return names.astype(object)


def _look(rows: pd.DataFrame, image_hashes: pd.DataFrame) -> NDArray[np.float32]:
    thumbnails = rows[KEY].merge(image_hashes, on=KEY, how="left")["thumbnail"]
    pixels = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, THUMBNAIL_SIDE**2)
    centered = pixels.astype(np.float32)
    centered -= centered.mean(axis=1, keepdims=True)
    spread = centered.std(axis=1, keepdims=True)
    return np.asarray(centered / np.maximum(spread, 1.0), dtype=np.float32)
