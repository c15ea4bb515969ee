"""Builders for splits: hashes that resemble nothing, and a manifest in two."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from face_forgery.data.labels.manifest import KEY
from face_forgery.data.splits.holdout import Partition, name_holdout_groups
from face_forgery.data.splits.partition import divide_manifest


@pytest.fixture(scope="session")
def make_hashes() -> Callable[..., pd.DataFrame]:
    """Return a builder of a random hash and thumbnail for each row of a manifest."""

    def make(manifest: pd.DataFrame) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        thumbnails = rng.integers(0, 256, (len(manifest), 256), np.uint8)
        hashes = rng.integers(0, 2**63, len(manifest)).astype(np.uint64)
        return manifest[KEY].assign(
            phash=pd.array(hashes, dtype="UInt64"), thumbnail=[row.tobytes() for row in thumbnails]
        )

    return make


@pytest.fixture(scope="session")
def divide(make_splitting: Callable, make_hashes: Callable) -> Callable[..., Partition]:
    """Return a function: a manifest, and changes of ``splitting``, to a partition."""

    def run(
        manifest: pd.DataFrame,
        hashes: pd.DataFrame | None = None,
        *,
        has_val_labels: bool = True,
        makes_fakes: bool = False,
        **changes: object,
    ) -> Partition:
        params = make_splitting(**changes)
        labelled = manifest[manifest["subset"] != "test"]
        return divide_manifest(
            manifest,
            make_hashes(manifest) if hashes is None else hashes,
            name_holdout_groups(labelled, params.holdout, seed=0),
            params,
            has_val_labels=has_val_labels,
            makes_fakes=makes_fakes,
        )

    return run
