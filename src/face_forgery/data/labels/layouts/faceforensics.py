"""FaceForensics++ with FaceShifter and DeepFakeDetection: a tree of methods and compressions.

    original_sequences/youtube/c23/videos/000.mp4
    manipulated_sequences/Deepfakes/c23/frames/000_003/0000.png
    train.json, val.json, test.json          [["071", "054"], ...]

A forgery ``a_b`` shows video ``a`` with the face of ``b``. Source of the facts: the README of
https://github.com/ondyari/FaceForensics (dataset), and that of its download script.
"""

import re
from collections.abc import Mapping, Sequence
from posixpath import basename

from face_forgery.data.labels.layouts.tree import (
    LabelFolder,
    Video,
    VideoLayout,
    fault_of,
    parse_json,
)
from face_forgery.data.labels.manifest import FAKE, REAL, ManifestError

_SOURCE, _GOOGLE = "FaceForensics++", "DeepFakeDetection"
_VIDEO = re.compile(
    r"(?:^|/)(?P<where>(?:original_sequences/(?P<real>youtube|actors)"
    r"|manipulated_sequences/(?P<method>[^/]+))/(?:raw|c\d+)/)(?P<name>[^/]+)$"
)
_PAIR = re.compile(r"(\d+)_(\d+)")
_TREE = re.compile(r"(?:^|/)(?:original_sequences/(?:youtube|actors)|manipulated_sequences/[^/]+)/")


def _fits(names: Sequence[str]) -> bool:
    return any(_TREE.search(name) and name.count("/") > 2 for name in names)


def _identify(path: str) -> str | None:
    found = _VIDEO.search(path)
    return f"{found['where']}{found['name']}" if found else None


def _describe(folder: LabelFolder, found: Sequence[str]) -> Mapping[str, Video]:
    pairs = _read_pairs(folder)
    splits = {name: split for pair, split in pairs.items() for name in pair}
    videos = {name: _label(name, splits) for name in found}
    for where in {name.removesuffix(basename(name)) for name in found}:
        for first, second in pairs:
            if where.startswith("original_sequences/youtube"):
                listed = [first, second]
            elif where.startswith("original") or f"/{_GOOGLE}/" in where:
                continue  # there is no list of them
            else:
                listed = [f"{first}_{second}", f"{second}_{first}"]
            for name in listed:
                videos.setdefault(where + name, _label(where + name, splits))
    return videos


def _label(video: str, splits: Mapping[str, str]) -> Video:
    found = _VIDEO.search(video)
    assert found is not None
    if _GOOGLE in (found["method"],) or found["real"] == "actors":
        return Video(FAKE if found["method"] else REAL, found["method"] or "real", _GOOGLE)
    pair = _PAIR.fullmatch(found["name"])
    sides = {splits.get(name, "") for name in (pair.groups() if pair else (found["name"],))}
    split = sides.pop() if len(sides) == 1 else ""
    if found["method"] is None:
        return Video(REAL, "real", _SOURCE, split=split)
    return Video(FAKE, found["method"], _SOURCE, split=split)


def _read_pairs(folder: LabelFolder) -> dict[tuple[str, str], str]:
    """Return the pairs of videos -> the official split of both."""
    pairs: dict[tuple[str, str], str] = {}
    seen: dict[str, str] = {}
    for name in sorted(folder.texts):
        split = basename(name).removesuffix(".json")
        listed = parse_json(folder, name)
        for pair in listed if isinstance(listed, list) else [listed]:
            if not isinstance(pair, list) or [type(video) for video in pair] != [str, str]:
                raise fault_of(folder, name, pair, 'pairs of videos, as ["071", "054"]')
            for video in pair:
                if seen.setdefault(video, split) != split:
                    raise ManifestError(
                        f"{folder.where}: video {video} stands in the official splits "
                        f"{seen[video]} and {split}; fetch the files again"
                    )
            pairs[pair[0], pair[1]] = split
    return pairs


LAYOUT = VideoLayout(
    name="faceforensics",
    label_files=re.compile(r"(?:^|/)(?:train|val|test)\.json$"),
    fits=_fits,
    identify=_identify,
    describe=_describe,
)
