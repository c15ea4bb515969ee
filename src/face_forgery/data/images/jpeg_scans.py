"""How often a JPEG passes over its picture: a few bytes can ask for another pass over all of it."""

import re
from typing import IO

MAX_SCANS = 100  # encoders write about ten
_START_OF_SCAN, _END = 0xDA, 0xD9
_SCAN = bytes([0xFF, _START_OF_SCAN])
# Between markers, 0xff is followed by 0 or counts restarts.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_CHUNK = 2**20
_MAX_WALKED = 2**28  # bytes that are looked at closely


def has_too_many_scans(file: IO[bytes]) -> bool:
    """Say whether decoding a JPEG would pass over its picture more than ``MAX_SCANS`` times.

    Args:
        file: At any place, at which it is left.
    """
    place = file.tell()
    file.seek(0)
    try:
        return _may_have(file) and _count_scans(file) > MAX_SCANS
    finally:
        file.seek(place)


def _may_have(file: IO[bytes]) -> bool:
    """Count what looks like a scan, quickly and at least as often as there is one."""
    found, last = 0, b""
    while chunk := file.read(_CHUNK):
        found += (last + chunk).count(_SCAN)
        last = chunk[-1:]
    return found > MAX_SCANS


def _count_scans(file: IO[bytes]) -> int:
    """Count scans up to the end of the picture; what is in segments or behind it is none."""
    file.seek(0)
    data = file.read(_MAX_WALKED)
    scans, place = 0, 2
    while match := _MARKER.search(data, place):
        kind, place = data[match.start() + 1], match.end()
        if kind == _END:
            break
        scans += kind == _START_OF_SCAN
        place += int.from_bytes(data[place : place + 2], "big")
    return scans
