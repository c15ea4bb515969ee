"""DFDC, its test sets, and its preview.

    dfdc_train_part_0/abcd.mp4      metadata.json: {"abcd.mp4": {"label": "FAKE", "split": "train",
                                                    "original": "efgh.mp4"}}
    test/wxyz.mp4                   labels.csv: filename,label with 1 for a forgery

An original may lie in another part than its forgeries. The preview has one ``dataset.json``:
``{"method_A/1/1_A/2_1_A_001.mp4": {"label": "fake", "set": "train", "target_id": 1}}``, and
``original_videos/1/1_A_001.mp4``. Source of the facts: the descriptions of both sets at
https://ai.meta.com/datasets/dfdc, and what their readers in DeepfakeBench do.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from posixpath import basename, dirname, splitext
from typing import Any

from face_forgery.data.labels.class_folders import says_class
from face_forgery.data.labels.label_csv import LabelFile, parse_labels
from face_forgery.data.labels.layouts.tree import (
    LabelFolder,
    Video,
    fault_of,
    parse_json,
    video_layout,
    video_path,
)
from face_forgery.data.labels.manifest import FAKE, REAL
from face_forgery.params import ColumnNames

_SOURCE, _PREVIEW = "DFDC", "DFDC-preview"
_TARGETS = {"REAL": REAL, "FAKE": FAKE}
_KIND = "DFDC"  # the set does not say which of its methods made a forgery
_COLUMNS = ColumnNames(
    img_name="filename",
    target="label",
    **{name: name for name in ("group", "kind", "source", "video", "frame")},
)
_HELD = re.compile(r"(?P<where>(?:.*/)?)(?:(?:videos|frames)/.+|[^/]+\.mp4)$")
_METHODS = re.compile(r"(?:^|/)(method_[A-Z]|original_videos)/(?:.*/)?([^/]+)$")


def _fits(names: Sequence[str]) -> bool:
    if says_class(names):  # whatever else lies there
        return False
    if any(basename(name) == "metadata.json" for name in names):
        return True
    tests = {dirname(name) for name in names if basename(name) == "labels.csv"}
    held = (_HELD.match(name) for name in names if tests)
    return any(found["where"].rstrip("/") in tests for found in held if found)


def _describe(folder: LabelFolder, found: Sequence[str]) -> Mapping[str, Video]:
    labelled = dict(_read_metadata(folder))
    by_name: dict[str, list[str]] = {}
    for video in labelled:
        by_name.setdefault(basename(video), []).append(video)
    videos = {}
    for video, (target, original, split) in labelled.items():
        first = _find_original(video, original, labelled, by_name)
        made_of = first if target == FAKE else ""
        videos[video] = Video(target, _KIND, _SOURCE, f"{_SOURCE}/{first}", split, made_of)
    return videos | dict(_read_tests(folder))


def _find_original(
    video: str, original: str, labelled: Mapping[str, Any], by_name: Mapping[str, list[str]]
) -> str:
    """Return the original: beside the video, else where alone it lies, else its bare name."""
    beside = f"{dirname(video)}/{original}".lstrip("/")
    if beside in labelled:
        return beside
    elsewhere = by_name.get(original, [])
    return elsewhere[0] if len(elsewhere) == 1 else original


def _read_metadata(folder: LabelFolder) -> Iterator[tuple[str, tuple[int, str, str]]]:
    """Yield identifier, and target, name of the original, split."""
    for name in sorted(folder.texts):
        if not name.endswith("metadata.json"):
            continue
        entries = parse_json(folder, name)
        if not isinstance(entries, dict):
            raise fault_of(folder, name, entries, 'videos, as {"a.mp4": {"label": "REAL"}}')
        for file, entry in entries.items():
            facts = entry if isinstance(entry, dict) else {}
            target = _TARGETS.get(str(facts.get("label")))
            if target is None:
                raise fault_of(folder, name, {file: entry}, "a label, REAL or FAKE")
            stem = splitext(file)[0]
            original = splitext(str(facts.get("original") or file))[0]
            split = str(facts.get("split") or "")
            split = split if split in ("train", "test") else "val" if split else ""
            yield video_path(f"{dirname(name)}/{stem}/x".lstrip("/")), (target, original, split)


def _read_tests(folder: LabelFolder) -> Iterator[tuple[str, Video]]:
    for name in sorted(folder.texts):
        if not name.endswith("labels.csv"):
            continue
        file = LabelFile(f"{folder.where}/{name}", folder.texts[name])
        table, _ = parse_labels(file, columns=_COLUMNS, labels={"0", "1"})
        split = "val" if "valid" in dirname(name).lower() else "test"
        for listed, label in zip(table["img_name"], table["target"], strict=True):
            if label not in ("0", "1"):
                raise fault_of(folder, name, label, "labels 0 (real) and 1 (forged)")
            video = video_path(f"{dirname(name)}/{splitext(listed)[0]}/x".lstrip("/"))
            yield video, Video(int(label), _KIND, _SOURCE, f"{_SOURCE}/{video}", split)


def _preview_fits(names: Sequence[str]) -> bool:
    has_list = any(basename(name) == "dataset.json" for name in names)
    return has_list and any(_METHODS.search(name) for name in names)


def _identify_preview(path: str) -> str | None:
    found = _METHODS.search(path)
    return f"{found[1]}/{found[2]}" if found else None


def _describe_preview(folder: LabelFolder, found: Sequence[str]) -> Mapping[str, Video]:
    videos = {}
    for name in folder.texts:
        entries = parse_json(folder, name)
        for path, entry in entries.items() if isinstance(entries, dict) else [("", entries)]:
            video = _identify_preview(splitext(path)[0])
            facts = entry if isinstance(entry, dict) else {}
            target = _TARGETS.get(str(facts.get("label")).upper())
            if video is None or target is None:
                raise fault_of(folder, name, {path: entry}, "paths of videos with label and set")
            person = facts.get("target_id")
            group = f"{_PREVIEW}/{video if person is None else person}"
            kind = video.partition("/")[0]
            split = str(facts.get("set") or "")
            split = split if split in ("", "train", "test") else "val"
            videos[video] = Video(target, kind, _PREVIEW, group, split)
    return videos


LAYOUT = video_layout(
    name="dfdc",
    label_files=re.compile(r"(?:^|/)(?:metadata\.json|labels\.csv)$"),
    fits=_fits,
    identify=lambda path: path or None,
    describe=_describe,
)
PREVIEW = video_layout(
    name="dfdc_preview",
    label_files=re.compile(r"(?:^|/)dataset\.json$"),
    fits=_preview_fits,
    identify=_identify_preview,
    describe=_describe_preview,
)
