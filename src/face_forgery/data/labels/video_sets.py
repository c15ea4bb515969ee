"""Labelled sets of videos to one table: what each video is, and what it shares with others."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

import pandas as pd

from face_forgery.data.labels.layouts.tree import LabelFolder, is_video_file, video_path
from face_forgery.data.labels.manifest import (
    LABEL_COLUMNS,
    REAL,
    SUBSETS,
    UNKNOWN,
    ManifestError,
    show_examples,
)
from face_forgery.data.labels.named_sets import read_named_set
from face_forgery.data.labels.readers import LabelSource
from face_forgery.params import IngestionParams, LabelSet

VIDEO_COLUMNS = LABEL_COLUMNS | {
    "subset": "string",  # the name of the set
    "path": "string",  # of the file, from the project's folder
    "split": "string",  # train, val or test; missing where there is no official split
    "folder": "string",  # of its frames in the set that is made, relative; no two videos share one
    "original": "Int64",  # position of the real video that it was made of; missing where unknown
    "mask": "string",  # path of the video beside that says which pixels are forged; missing: none
}
_MASKS = {"mask", "masks"}
_COMPRESSION = re.compile(r"raw|c\d+")
_NOTHING = (
    "there are no videos to sample: name a set by --params sampling.sets.NAME.labels=FOLDER,"
    "sampling.sets.NAME.images=FOLDER, or several in conf/local/parameters.yml"
)


def read_videos(
    sets: Iterable[LabelSet], sources: Mapping[str, LabelSource], ingestion: IngestionParams
) -> pd.DataFrame:
    """Return a row for each video of all sets: ``VIDEO_COLUMNS``, and further columns as strings.

    Groups and videos have the name of their set before them. What is listed and does not lie there
    has a row, too.

    Raises:
        ManifestError: As `read_sources`; no set, or a video with a split that is none.
    """
    tables = []
    for one in sets:
        source = _keep_videos(sources[one.name])
        table = read_named_set(one, source, ingestion, parameter="sampling.sets", videos=True)
        tables.append(_complete(table, one, source))
    if not tables:
        raise ManifestError(_NOTHING)
    joined = pd.concat(tables, ignore_index=True)
    originals = dict(zip(joined["video"], joined.index, strict=True))
    originals = {
        name: index for name, index in originals.items() if joined["target"][index] == REAL
    }
    joined["original"] = joined["original"].map(originals).astype("Int64")
    return joined.astype(VIDEO_COLUMNS)


def _keep_videos(source: LabelSource) -> LabelSource:
    """Return a folder with its videos, their masks and its label files alone."""
    if not isinstance(source, LabelFolder):
        return source
    names = filter(lambda name: is_video_file(name) or name in source.texts, source.names)
    return replace(source, names=tuple(names))


def _complete(table: pd.DataFrame, one: LabelSet, source: LabelSource) -> pd.DataFrame:
    splits = table.get("split", pd.Series(pd.NA, index=table.index)).replace("", pd.NA)
    if not (known := splits.isna() | splits.isin(SUBSETS)).all():
        raise ManifestError(
            f"sampling.sets, the set {one.name}: {(~known).sum():,} video(s) have a split that is "
            f"none of {', '.join(SUBSETS)}: {show_examples(splits[~known].unique())}; correct the "
            "column split"
        )
    stems = _name_folders(table["img_name"], one)
    prefix = f"{one.name}/"
    originals = table.get("original", pd.Series(pd.NA, index=table.index)).astype("string")
    return table.assign(
        subset=one.name,
        group=prefix + table["group"],
        video=prefix + table["video"].fillna(stems),
        source=table["source"].replace(UNKNOWN, one.name),
        split=splits,
        folder=prefix + stems,
        original=prefix + originals.map(_stem, na_action="ignore").astype("string"),
        mask=_find_masks(table["img_name"], one, source),
    )


def _name_folders(names: pd.Series, one: LabelSet) -> pd.Series:
    """Return a folder for each video that no other one has, or lies in."""
    stems = names.map(_stem)
    lower = stems.str.lower()  # as some file systems see them
    parents = {str(path) for stem in lower for path in PurePosixPath(stem).parents}
    is_shared = lower.duplicated(keep=False) | lower.isin(parents)  # a.mp4, a.avi and a/b.mp4
    folders = stems.mask(is_shared, names.str.replace(".", "_", regex=False))
    if (twins := folders.str.lower().duplicated(keep=False)).any():
        raise ManifestError(
            f"sampling.sets, the set {one.name}: {twins.sum():,} videos have names that differ in "
            f"points or case alone: {show_examples(names[twins])}; rename them"
        )
    return folders


def _find_masks(names: pd.Series, one: LabelSet, source: LabelSource) -> pd.Series:
    """Return the masks that lie beside: ``Deepfakes/masks/a.mp4`` of ``Deepfakes/c23/a.mp4``."""
    there = source.names if isinstance(source, LabelFolder) else ()
    masks = {
        _mask_key(n): n for n in there if is_video_file(n) and _MASKS & {*n.lower().split("/")[:-1]}
    }
    home = f"{one.images.rstrip('/')}/"
    found = [masks.get(_mask_key(name)) for name in names]
    where = [None if name is None else home + name for name in found]
    return pd.Series(where, index=names.index, dtype="string")


def _stem(name: str) -> str:
    return posixpath.splitext(name)[0] if is_video_file(name) else name


def _mask_key(name: str) -> str:
    parts = video_path(name).split("/")
    return "/".join(p for p in parts if p.lower() not in _MASKS and not _COMPRESSION.fullmatch(p))
