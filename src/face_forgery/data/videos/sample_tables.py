"""What the tables of an MP4 or MOV file claim, before FFmpeg takes memory for each sample."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from face_forgery.data.images.decoding import ImageError
from face_forgery.limits import (
    MAX_BOXES,
    MAX_RUNS,
    MAX_SAMPLES,
    MAX_TABLES_BYTES,
    MAX_TRACKS,
    MAX_TWINS,
)

_BOX = re.compile(rb"[A-Za-z0-9 ]{4}")
_TABLE = re.compile(rb"stsz|stz2|stts|stsc|stco|co64|ctts|sbgp|elst|trun|hdlr")
_OTHER_TRACKS = {b"vide", b"subp", b"clcp"}
_SYNC = {b"rap ", b"sync"}
_AT_ONCE = 1024  # samples of sound that FFmpeg takes for one


def is_mp4(file: IO[bytes]) -> bool:
    """Say whether a file begins as MP4 and MOV do, with the length and the name of a box."""
    file.seek(0)
    return _BOX.fullmatch(file.read(8)[4:]) is not None


def check_tables(file: IO[bytes]) -> None:
    """Refuse an MP4 or MOV file whose tables claim more samples than there can be.

    FFmpeg reads a table wherever it stands in a box that is not ``mdat``, and gives it to the track
    that began last. The first ``MAX_TABLES_BYTES`` of each outermost box are looked at.

    Raises:
        ImageError: With the number of samples.
    """
    claimed = Counter[str]()
    for box in _boxes(file):
        if b"cmov" in box:
            raise ImageError("its table of contents is compressed; save it as MP4 (ffmpeg -c copy)")
        if box.count(b"trak") > MAX_TRACKS:
            raise _too_many("tracks")
        for track in box.split(b"trak"):
            claimed.update(_claims_of(track))
    limit = min(MAX_SAMPLES, file.seek(0, 2))
    most = max(claimed.values(), default=0)
    if most > limit:
        raise ImageError(
            f"its tables claim {most:,} samples (frames, parts of sound, also of repeated edits), "
            f"more than the {limit:,} that are read of it",
            status="too_large",
        )


def _boxes(file: IO[bytes]) -> Iterator[bytes]:
    """Yield every outermost box but those of frames and sound."""
    start, end, number = 0, file.seek(0, 2), 0
    while start < end:
        if (number := number + 1) > MAX_BOXES:
            raise _too_many("boxes")
        file.seek(start)
        head = file.read(16)
        length = _number(head, 0)
        length = int.from_bytes(head[8:], "big") if length == 1 else length
        length = length if length >= 8 else end - start
        if head[4:8] != b"mdat" and length > len(head):  # else there is no room for a table
            yield head + file.read(min(length - len(head), MAX_TABLES_BYTES))
        start += length


def _claims_of(track: bytes) -> dict[str, int]:
    found = defaultdict[bytes, list[int]](list)
    for table in _TABLE.finditer(track):
        places = found[table[0]]
        places.append(table.end() + 4)  # behind version and flags
        if len(places) > (MAX_RUNS if table[0] == b"trun" else MAX_TWINS):
            raise _too_many("tables of a kind")
    fragments = sum(_number(track, at) for at in found.pop(b"trun", ()))
    if not found:
        return {"fragments": fragments}
    samples = sum(_number(track, at + 4) for name in (b"stsz", b"stz2") for at in found[name])
    if _is_sound_in_chunks(track, found):
        chunks = sum(_number(track, at) for name in (b"stco", b"co64") for at in found[name])
        longest = max(
            (int(_column(track, at, 3, 1).max(initial=0)) for at in found[b"stsc"]), default=0
        )
        samples = chunks * (longest // _AT_ONCE + 1)
    edits = sum(_number(track, at) for at in found[b"elst"])
    # The second version of `sbgp` has a number more before its rows.
    groups = (at + 4 + 4 * track[at - 4] for at in found[b"sbgp"] if track[at : at + 4] in _SYNC)
    return {
        "samples": samples * max(1, edits - 2),  # one or two that are empty are usual
        "fragments": fragments,
        "offsets": sum(int(_column(track, at, 2, 0).sum()) for at in found[b"ctts"]),
        "groups": sum(int(_column(track, at, 2, 0).sum()) for at in groups),
    }


def _is_sound_in_chunks(track: bytes, found: dict[bytes, list[int]]) -> bool:
    """Say whether samples of sound are so short that FFmpeg takes many for one."""
    kinds = {track[at + 4 : at + 8] for at in found[b"hdlr"]}
    times = [(_number(track, at), _number(track, at + 8)) for at in found[b"stts"]]
    return b"soun" in kinds and not kinds & _OTHER_TRACKS and times == [(1, 1)]


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _too_many(what: str) -> ImageError:
    return ImageError(f"its table of contents has more {what} than are read", status="too_large")


def _column(data: bytes, at: int, width: int, index: int) -> NDArray[np.uint32]:
    """Return a column of a table at ``at``: its number of rows, then so many of numbers."""
    end = at + 4 + 4 * width * _number(data, at)
    numbers = data[at + 4 : end]
    numbers = numbers[: len(numbers) // (4 * width) * 4 * width]
    return np.frombuffer(numbers, ">u4")[index::width]
