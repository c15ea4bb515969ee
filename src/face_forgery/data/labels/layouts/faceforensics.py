"""FaceForensics++ with FaceShifter and DeepFakeDetection: a tree of methods and compressions.

    original_sequences/youtube/c23/videos/000.mp4
    manipulated_sequences/Deepfakes/c23/frames/000_003/0000.png
    train.json, val.json, test.json          [["071", "054"], ...]

A forgery ``a_b`` shows video ``a`` with the face of ``b``. Source of the facts: the README of
https://github.com/ondyari/FaceForensics (dataset), and that of its download script.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from posixpath import basename

from face_forgery.data.labels.layouts.tree import (
    LabelFolder,
    Video,
    fault_of,
    parse_json,
    video_layout,
)
from face_forgery.data.labels.manifest import FAKE, REAL, ManifestError

_SOURCE, _GOOGLE = "FaceForensics++", "DeepFakeDetection"
_VIDEO = re.compile(
    r"(?:^|/)(?P<where>(?:original_sequences/(?P<real>youtube|actors)"
    r"|manipulated_sequences/(?P<method>[^/]+))/(?:raw|c\d+)/)(?P<name>[^/]+)$"
)
_PAIR = re.compile(r"(\d+)_(\d+)")
_TREE = re.compile(
    r"(?:^|/)(?:original_sequences/(?:youtube|actors)|manipulated_sequences/[^/]+)/([^/]+)/"
)
_COMPRESSION = re.compile(r"raw|c\d+|masks?|models")


def _fits(names: Sequence[str]) -> bool:
    levels = {found[1] for name in names if (found := _TREE.search(name))}
    return bool(levels) and all(map(_COMPRESSION.fullmatch, levels))


def _identify(path: str) -> str | None:
    found = _VIDEO.search(path)
    return f"{found['where']}{found['name']}" if found else None


def _describe(folder: LabelFolder, found: Sequence[str]) -> Mapping[str, Video]:
    pairs = _read_pairs(folder)
    splits = {name: split for pair, split in pairs.items() for name in pair}
    shown = (_PAIR.fullmatch(basename(name)) for name in found)
    groups = _join([*pairs, *((pair[1], pair[2]) for pair in shown if pair)])
    listed = dict.fromkeys(found)
    for where in {name.removesuffix(basename(name)) for name in found}:
        if "/actors/" in where or f"/{_GOOGLE}/" in where:
            continue  # there is no list of them
        for a, b in pairs:
            is_real = where.startswith("original_sequences/")
            names = (a, b) if is_real else (f"{a}_{b}", f"{b}_{a}")
            listed |= dict.fromkeys(where + name for name in names)
    return {name: _label(name, splits, groups) for name in listed}


def _join(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return video -> the first of all that are chained to it by pairs."""
    members: dict[str, set[str]] = {}
    for a, b in pairs:
        joined = members.get(a, {a}) | members.get(b, {b})
        members |= dict.fromkeys(joined, joined)
    return {name: min(joined) for name, joined in members.items()}


def _label(video: str, splits: Mapping[str, str], groups: Mapping[str, str]) -> Video:
    found = _VIDEO.search(video)
    assert found is not None  # what is labelled has been identified
    kind = found["method"]
    target = FAKE if kind else REAL
    if kind == _GOOGLE or found["real"] == "actors":
        return Video(target, kind, _GOOGLE)
    pair = _PAIR.fullmatch(found["name"])
    names = pair.groups() if pair else (found["name"],)
    sides = {splits.get(name, "") for name in names}
    group = f"{_SOURCE}/{groups.get(names[0], names[0])}"
    split = sides.pop() if len(sides) == 1 else ""
    original = ""
    if target == FAKE:
        original = video.replace(f"manipulated_sequences/{kind}/", "original_sequences/youtube/")
        original = original.removesuffix(found["name"]) + names[0]
    return Video(target, kind, _SOURCE, group, split, original)


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


LAYOUT = video_layout(
    name="faceforensics",
    label_files=re.compile(r"(?:^|/)(?:train|val|test)\.json$"),
    fits=_fits,
    identify=_identify,
    describe=_describe,
)
