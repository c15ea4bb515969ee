"""The images of a manifest, as a loader reads them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from face_forgery.data.images.decoding import ImageError, read_rgb
from face_forgery.data.images.face_table import squares_of
from face_forgery.data.images.faces import Square, cut_square
from face_forgery.data.labels.manifest import fingerprint_rows
from face_forgery.data.loading.picture_cache import PictureCache


@dataclass(frozen=True, eq=False)
class ImageRows:
    """The part of a manifest that a loader needs, small and cheap to share with workers.

    Args:
        root: The folder that paths start from.
        paths: ``(N,)``, relative to ``root``. NumPy's own strings: Python's would be copied into
            every worker as their reference counts are touched.
        targets: ``(N,)`` int64, 0 = real, 1 = fake.
        fingerprint: Of the rows in their order and of what is cut; see `fingerprint_rows`.
        squares: ``(N, 3)`` int64: left, top and side, in pixels, of what is cut out of each image;
            ``None``: images are taken whole.
        cache: Where decoded images are kept; ``None``: nowhere.
        num_bytes: ``(N,)`` int64, of the files that ingestion read; -1 or ``None``: not known.
    """

    root: str
    paths: NDArray[Any]
    targets: NDArray[np.int64]
    fingerprint: str
    squares: NDArray[np.int64] | None = None
    cache: PictureCache | None = None
    num_bytes: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        manifest: pd.DataFrame,
        root: str,
        face_table: pd.DataFrame | None = None,
        cache_folder: Path | None = None,
    ) -> "ImageRows":
        """Take the rows of ``manifest``; every one must have a target.

        Args:
            manifest: What there is to read.
            root: The folder that paths start from.
            face_table: What is cut out; without rows: nothing is.
            cache_folder: Where decoded images are kept; ``None``: nowhere.

        Raises:
            ManifestError: If faces are cut (``face_table``, of ``FACE_COLUMNS``, has rows) and an
                image has none.
        """
        squares = None if face_table is None else squares_of(manifest, face_table)
        cache = None
        if cache_folder is not None:
            cache = PictureCache.of(cache_folder, manifest, squares)
        fingerprint = fingerprint_rows(manifest)
        if squares is not None:
            cut = hashlib.sha256(fingerprint.encode() + squares.tobytes())
            fingerprint = cut.hexdigest()
        return cls(
            root=root,
            paths=manifest["path"].to_numpy(dtype=object).astype(np.dtypes.StringDType()),
            targets=manifest["target"].to_numpy(dtype=np.int64),
            fingerprint=fingerprint,
            squares=squares,
            cache=cache,
            num_bytes=_num_bytes_of(manifest),
        )

    def __len__(self) -> int:
        return len(self.targets)

    def path_of(self, index: int) -> Path:
        """Return where image ``index`` lies."""
        return Path(self.root) / str(self.paths[index])

    def read(self, index: int, *, side: int | None = None) -> Tensor:
        """Return image ``index`` as uint8 ``(3, H, W)``.

        Args:
            index: From 0.
            side: As `read_rgb`; an image that is cut is decoded in full.

        Raises:
            ImageError: With the path, if the file cannot be decoded, or is no longer the one that
                ingestion read. A file of the same size is taken for it.
        """
        is_whole = self.squares is None
        pixels = read_rgb(self.path_of(index), side=side if is_whole else None)
        self._check_size(index)
        if self.squares is not None:
            pixels = cut_square(pixels, Square(*self.squares[index].tolist()))
        return torch.from_numpy(pixels).permute(2, 0, 1)

    def _check_size(self, index: int) -> None:
        known = -1 if self.num_bytes is None else int(self.num_bytes[index])
        path = self.path_of(index)
        if known < 0 or not path.exists():  # gone since it was read: what was read counts
            return
        if (found := path.stat().st_size) != known:
            raise ImageError(
                f"{path}: it has {found:,} bytes and had {known:,} when ingestion read it. Put the "
                "file back, or read all again: kedro run --pipelines ingestion,splitting"
            )


def _num_bytes_of(manifest: pd.DataFrame) -> NDArray[np.int64] | None:
    if "num_bytes" not in manifest:
        return None
    return manifest["num_bytes"].fillna(-1).to_numpy(dtype=np.int64)
