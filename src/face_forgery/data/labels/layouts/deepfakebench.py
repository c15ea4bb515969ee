"""DeepfakeBench and DF40: JSON that lists the frames of videos, and the folder of the frames.

    {set: {label: {split: {video: {"label": label, "frames": [path, ...]}}}}}

In FaceForensics++ a compression stands between split and video. Paths are those of the machine
that made the file: absolute, or with backslashes. Training often lists the test videos too, and
validation repeats them: what stands in several splits belongs to the last of train, val, test.
Videos are told apart by their folders, not by their names, which two sets may share. Source of the
facts: preprocessing/rearrange.py of https://github.com/SCLBD/DeepfakeBench at 8a4a7bf.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from posixpath import basename, commonpath, dirname
from typing import Any, NamedTuple

import pandas as pd

from face_forgery.data.labels.layouts.tree import (
    LabelFolder,
    Layout,
    fault_of,
    parse_json,
    video_path,
)
from face_forgery.data.labels.manifest import FAKE, REAL, SUBSETS, ManifestError, show_examples
from face_forgery.data.labels.path_facts import read_frames
from face_forgery.params import IngestionParams

logger = logging.getLogger(__name__)

_METHODS = {
    "ff-df": "Deepfakes",
    "ff-f2f": "Face2Face",
    "ff-fs": "FaceSwap",
    "ff-nt": "NeuralTextures",
    "ff-fh": "FaceShifter",
    "dfd_fake": "DeepFakeDetection",
}
_SAYS_REAL, _SAYS_FAKE = re.compile(r"[-_]real$"), re.compile(r"[-_](?:fake\w?)$")
_FILES = re.compile(r"[^/]+\.json$|(?:^|.*/)dataset_json/[^/]+\.json$")
_DRIVE = re.compile(r"^(?:[A-Za-z]:)?(?:\.{0,2}/)*")


_Items = Callable[[Any], Iterator[tuple[str, Any]]]


class _Frame(NamedTuple):
    """A frame as a file lists it."""

    folder: str
    name: str
    label: str
    source: str
    split: str


def _fits(names: Sequence[str]) -> bool:
    return any("dataset_json/" in name and _FILES.match(name) for name in names)


def _read(folder: LabelFolder, files: Sequence[str], params: IngestionParams) -> pd.DataFrame:
    frames = [frame for name in sorted(folder.texts) for frame in _list_frames(folder, name)]
    if not frames:
        raise ManifestError(f"{folder.where}: {', '.join(sorted(folder.texts))} list no frame")
    table = pd.DataFrame(frames, columns=list(_Frame._fields), dtype="str")
    table["folder"] = table["folder"].map(_find_places(list(table["folder"].unique()), files))
    table["img_name"] = (table["folder"] + "/" + table["name"]).str.removeprefix("/")
    facts = {label: _read_label(folder, label, params) for label in table["label"].unique()}
    table["target"] = table["label"].map({label: target for label, (target, _) in facts.items()})
    table["kind"] = table["label"].map({label: kind for label, (_, kind) in facts.items()})
    table = _list_once(folder.where, table)
    video = table["source"] + "/" + table["folder"].map(lambda path: video_path(f"{path}/x"))
    frame = read_frames(table["img_name"], video)
    return table.assign(group="", video=video, frame=frame).drop(
        columns=["folder", "name", "label"]
    )


def _list_frames(folder: LabelFolder, name: str) -> Iterator[_Frame]:
    sets = parse_json(folder, name)
    expected = '{set: {label: {split: {video: {"label": ..., "frames": [...]}}}}}'

    def items(found: Any) -> Iterator[tuple[str, Any]]:
        if not isinstance(found, dict):
            raise fault_of(folder, name, found, expected)
        yield from found.items()

    for source, labels in items(sets):
        for label, splits in items(labels):
            for split, videos in items(splits):
                if split not in SUBSETS:
                    raise fault_of(folder, name, split, "splits train, val and test")
                for path in _list_paths(videos, items):
                    path = _DRIVE.sub("", path.replace("\\", "/"))
                    yield _Frame(dirname(path), basename(path), label, source, split)


def _list_paths(videos: Any, items: _Items) -> Iterator[str]:
    """Yield the frames of videos, whatever stands between them and the split."""
    listed = dict(items(videos))
    if isinstance(frames := listed.get("frames"), list):
        for frame in frames:
            yield frame if isinstance(frame, str) else str(dict(items(frame)))
        return
    for inner in listed.values():
        yield from _list_paths(inner, items)


def _read_label(folder: LabelFolder, label: str, params: IngestionParams) -> tuple[int, str]:
    """Return target and kind of a label such as ``FF-DF`` and ``CelebDFv2_real``."""
    name = label.lower()
    target: int | None = params.targets.get(name)
    if target is None and _SAYS_REAL.search(name):
        target = REAL
    if target is None and (name in _METHODS or _SAYS_FAKE.search(name)):
        target = FAKE
    if target is None:
        raise ManifestError(
            f"{folder.where}: the label {label!r} says neither real nor fake; say which in "
            f"ingestion.targets, as in {{{label}: 1}}"
        )
    return target, "real" if target == REAL else _METHODS.get(name, _SAYS_FAKE.sub("", name))


def _list_once(where: str, table: pd.DataFrame) -> pd.DataFrame:
    """Keep one row a frame, in the last split that any file lists it in."""
    targets = table.groupby("img_name")["target"].transform("nunique")
    if (targets > 1).any():
        names = table.loc[targets > 1, "img_name"].unique()
        raise ManifestError(
            f"{where}: {len(names):,} frame(s) are listed as real and as forged: "
            f"{show_examples(names)}; keep one of the files, or data.layout=class_folders"
        )
    late = table["split"].map({split: place for place, split in enumerate(SUBSETS)})
    last = late.groupby(table["folder"]).transform("max")
    if (moved := last > late).any():
        logger.warning(
            "%s: %s listings of frames are left out: their videos stand in a later split too "
            "(train, val, test): %s",
            where,
            f"{int(moved.sum()):,}",
            show_examples(table.loc[moved, "folder"].unique()[:4]),
        )
    return table[~moved].drop_duplicates("img_name").reset_index(drop=True)


def _find_places(folders: Sequence[str], files: Sequence[str]) -> dict[str, str]:
    """Return where folders of another machine lie here.

    All that begin alike there lie under one folder here: their common outer folders are left out
    as far as most are then found, or one or two are put before them.
    """
    here = {dirname(name) for name in files}
    around = {"/".join(folder.split("/")[:depth]) for folder in here for depth in (1, 2)}
    places: dict[str, str] = {}
    by_start: dict[str, list[str]] = {}
    for folder in folders:
        by_start.setdefault(folder.partition("/")[0], []).append(folder)
    for listed in by_start.values():
        common = len(list(filter(None, commonpath(map(dirname, listed)).split("/"))))
        ways = [("", cut) for cut in range(common + 1)] + [(above, 0) for above in sorted(around)]
        found: list[dict[str, str]] = [
            {f: "/".join([above, *f.split("/")[cut:]]).strip("/") for f in listed}
            for above, cut in ways
        ]
        counts = [len(here.intersection(way.values())) for way in found]
        places |= found[counts.index(max(counts))]
    return places


LAYOUT = Layout(name="deepfakebench", label_files=_FILES, fits=_fits, read=_read)
