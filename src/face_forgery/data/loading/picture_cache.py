"""Decoded pictures on disk, so that only the first epoch decodes: the same pixels, bit for bit.

A set of files and what is done to them before anything is drawn make a key, and a key a file: a
word for each picture, 0 until it is there, then the pixels, each picture at a place that follows
from the key. Processes need no agreement: pixels are written before their word, two that write a
picture write the same bytes, and what a killed one leaves is a cache that is not full.
"""

import errno
import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL
import torch
import torchvision
from numpy.typing import NDArray
from PIL import features
from torch import Tensor

from face_forgery.data.images.decoding import ImageError
from face_forgery.params import PreprocessingParams

logger = logging.getLogger(__name__)

_FORMAT = 1  # raised when a file is laid out otherwise, or our own decoding gives other pixels
_WORD_BYTES = 8
_LONGEST_SIDE = 2**16 - 1  # pixels; what a word has room for
_SCALES = (2, 4, 8)  # that JPEGs are decoded at
_EXAMPLES_SHOWN = 3


class CacheError(RuntimeError):
    """Pictures cannot be kept; the message says where, why, and the remedy."""


@dataclass(frozen=True, eq=False)
class PictureCache:
    """The folder that pictures may be kept in, and what must be known of them beforehand.

    Args:
        folder: Made if need be. On a disk of this machine: what processes of several machines map
            of a shared folder is not always the same.
        digests: ``(N, 32)`` uint8, the SHA-256 of each file.
        sides: ``(N, 2)`` int64, pixels of each picture.
        is_jpeg: ``(N,)``, whether it can be decoded at a smaller scale.
        squares: ``(N, 3)`` int64: left, top and side of what is cut out; ``None``: taken whole.
    """

    folder: Path
    digests: NDArray[np.uint8]
    sides: NDArray[np.int64]
    is_jpeg: NDArray[np.bool_]
    squares: NDArray[np.int64] | None

    @classmethod
    def of(
        cls, folder: Path, manifest: pd.DataFrame, squares: NDArray[np.int64] | None
    ) -> "PictureCache":
        """Take what is known from the rows of ``manifest``.

        Args:
            folder: Where pictures are kept.
            manifest: At least ``sha256``, ``width``, ``height`` and ``format``.
            squares: What is cut out.
        """
        hexadecimal = "".join(manifest["sha256"])
        return cls(
            folder,
            np.frombuffer(bytes.fromhex(hexadecimal), np.uint8).reshape(len(manifest), -1),
            manifest[["width", "height"]].to_numpy(dtype=np.int64),
            manifest["format"].isin(["JPEG", "MPO"]).to_numpy(dtype=bool),
            squares,
        )

    def keep(
        self,
        name: str,
        preprocessing: PreprocessingParams,
        *,
        side: int | None,
        is_resized: bool,
    ) -> "KeptPictures":
        """Return the file of one set of pictures, with room for all of them.

        Args:
            name: Of the set; begins the name of its file.
            preprocessing: What pictures go through.
            side: What a JPEG is decoded to at least; ``None``: in full, as whatever is cut.
            is_resized: Whether pictures are kept as the network takes them, or as decoded.

        Raises:
            CacheError: If the disk has no room or the folder cannot be written.
        """
        side = side if self.squares is None else None
        sizes = self._sizes(preprocessing.image_size if is_resized else None, side)
        places = np.concatenate([[0], np.cumsum(sizes)]) + _WORD_BYTES * len(sizes)
        settings = _versions() | {"side": side, "is_resized": is_resized}
        if is_resized:
            settings |= preprocessing.model_dump(include={"image_size", "interpolation"})
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        digest.update(self.digests.tobytes() + places.tobytes())
        if self.squares is not None:
            digest.update(self.squares.tobytes())
        path = self.folder / f"{name}-{digest.hexdigest()[:16]}.pictures"
        _make_room(path, int(places[-1]))
        kept = KeptPictures(path, places, self.digests)
        _report(kept, name)
        return kept

    def _sizes(self, image_size: int | None, side: int | None) -> NDArray[np.int64]:
        """Return how many bytes each picture takes."""
        if image_size is not None:
            return np.full(len(self.digests), 3 * image_size**2, dtype=np.int64)
        if self.squares is not None:
            return np.asarray(3 * self.squares[:, 2] ** 2, np.int64)
        scales = np.ones(len(self.sides), dtype=np.int64)
        if side is not None:
            for scale in _SCALES:
                scales[self.is_jpeg & (self.sides.min(axis=1) // side >= scale)] = scale
        reduced = -(-self.sides // scales[:, None])
        return np.asarray(3 * reduced.prod(axis=1), np.int64)


@dataclass(frozen=True, eq=False)
class KeptPictures:
    """The file of one set of pictures; picklable, and open to any number of processes at once.

    A word holds height (16 bits), width (16 bits) and the CRC-32 of the pixels: what a crash of
    the machine left half written is decoded anew.

    Args:
        path: The file.
        places: ``(N + 1,)`` int64, the byte that each picture begins at, and the end of the last.
        digests: ``(N, 32)`` uint8, the SHA-256 of each image file.
    """

    path: Path
    places: NDArray[np.int64]
    digests: NDArray[np.uint8]

    @property
    def num_there(self) -> int:
        """How many pictures need not be decoded any more."""
        return int(np.count_nonzero(self._words))

    def read(self, index: int, source: Path, decode: Callable[[], Tensor]) -> Tensor:
        """Return picture ``index``, from the file or else from ``decode``, and then keep it.

        Args:
            index: From 0.
            source: The image file.
            decode: Gives uint8 ``(3, H, W)``. A picture that is larger than its manifest says is
                decoded every time.

        Raises:
            CacheError: If the file cannot be written any more.
            ImageError: If ``decode`` raises it, or ``source`` is not what the manifest says.
        """
        kept = self._find(index)
        if kept is None:
            kept = decode()
            self._check_content(index, source)
            self._keep(index, kept)
        return kept

    def _find(self, index: int) -> Tensor | None:
        word = int(self._words[index])
        if not word:
            return None
        height, width, checksum = word >> 48, word >> 32 & 0xFFFF, word & 0xFFFFFFFF
        start = self.places[index]
        stored = self._bytes[start : start + 3 * height * width].copy()
        if zlib.crc32(stored.data) != checksum:
            return None
        return torch.from_numpy(stored.reshape(height, width, 3)).permute(2, 0, 1)

    def _check_content(self, index: int, source: Path) -> None:
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        if digest != self.digests[index].tobytes():
            raise ImageError(
                f"{source}: it is not the file that ingestion read; run it again: kedro run "
                "--pipelines ingestion,splitting"
            )

    def _keep(self, index: int, picture: Tensor) -> None:
        _, height, width = picture.shape
        start, end = int(self.places[index]), int(self.places[index + 1])
        if max(height, width) > _LONGEST_SIDE or 3 * height * width > end - start:
            return
        pixels = picture.permute(1, 2, 0).contiguous().numpy().tobytes()
        word = height << 48 | width << 32 | zlib.crc32(pixels)
        self._write(pixels, start)
        self._write(np.uint64(word).tobytes(), _WORD_BYTES * index)

    def _write(self, data: bytes, place: int) -> None:
        """Write past the mapping: there a full disk would end the process, here it is an error."""
        try:
            num_written = os.pwrite(self._file.fileno(), data, place)
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        if num_written != len(data):
            raise _cannot_write(self.path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    @cached_property
    def _file(self) -> FileIO:
        return self.path.open("r+b", buffering=0)

    @cached_property
    def _bytes(self) -> NDArray[np.uint8]:
        shape = (int(self.places[-1]),)
        return np.asarray(np.memmap(self._file, np.uint8, mode="r", shape=shape))

    @cached_property
    def _words(self) -> NDArray[np.uint64]:
        return self._bytes[: _WORD_BYTES * len(self.digests)].view(np.uint64)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


def _versions() -> dict[str, Any]:
    """Return what else decides the pixels of a file: libraries, and how the processor resizes."""
    return {
        "format": _FORMAT,
        "pillow": PIL.__version__,
        "libjpeg": features.version_feature("libjpeg_turbo") or features.version_codec("jpg"),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "processor": torch.backends.cpu.get_cpu_capability(),
    }


def _make_room(path: Path, num_bytes: int) -> None:
    """Make the file as long as it will ever be, and take its disk space where that can be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with path.open("r+b") as file:
            held = os.fstat(file.fileno())
            if held.st_size == num_bytes:
                return
            _check_room(path, num_bytes - 512 * held.st_blocks)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, num_bytes)
            else:
                file.truncate(num_bytes)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _check_room(path: Path, num_bytes: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if num_bytes > free:
        raise CacheError(
            f"{path.parent}: the decoded pictures take {num_bytes / 1e9:,.1f} GB, "
            f"{free / 1e9:,.1f} GB are free. Make room, name a folder on a larger disk "
            "(training.cache), or train without: --params training.cache=null"
        )


def _cannot_write(path: Path, error: OSError) -> CacheError:
    return CacheError(
        f"{path}: {error.strerror or error}; name another folder (training.cache), or train "
        "without: --params training.cache=null. What is kept so far stays valid"
    )


def _report(kept: KeptPictures, name: str) -> None:
    logger.info(
        "%s: %s of %s pictures are there, %.1f GB in all.",
        kept.path,
        f"{kept.num_there:,}",
        f"{len(kept.digests):,}",
        kept.places[-1] / 1e9,
    )
    others = sorted(set(kept.path.parent.glob(f"{name}-*.pictures")) - {kept.path})
    if others:
        logger.info(
            "%d other file(s) there, of other data, settings or versions, take %.1f GB: %s%s. "
            "Delete what no run needs any more.",
            len(others),
            sum(other.stat().st_size for other in others) / 1e9,
            ", ".join(other.name for other in others[:_EXAMPLES_SHOWN]),
            ", ..." if len(others) > _EXAMPLES_SHOWN else "",
        )
