"""The layout of a folder, and its rows: what was read, what is missing, what nobody listed."""

import logging
import re
from collections.abc import Collection, Sequence
from posixpath import basename, dirname, splitext
from typing import NamedTuple

import pandas as pd

from face_forgery.data.labels.class_folders import leave_out
from face_forgery.data.labels.layouts import (
    by_folders,
    celeb_df,
    deepfakebench,
    dfdc,
    faceforensics,
    label_tables,
    sampled,
)
from face_forgery.data.labels.layouts.tree import (
    LabelFolder,
    Layout,
    is_video_file,
    video_path,
)
from face_forgery.data.labels.manifest import (
    CONTROL_CHARACTERS,
    SUBSETS,
    ManifestError,
    shorten,
    show_examples,
)
from face_forgery.params import IngestionParams

logger = logging.getLogger(__name__)

_ALL: Sequence[Layout] = (
    faceforensics.LAYOUT,
    celeb_df.LAYOUT,
    dfdc.LAYOUT,
    dfdc.PREVIEW,
    by_folders.FFIW,
    by_folders.WILD_DEEPFAKE,
    deepfakebench.LAYOUT,
    label_tables.IMAGE_FOLDER,
    label_tables.MULTI_FFDI,
    sampled.LAYOUT,
)
LAYOUTS = {layout.name: layout for layout in _ALL}
UNLISTED_COLUMNS = {
    "img_name": "string",  # relative to the folder of the set
    "detail": "string",  # why it is in no label table
}
_CONTROL = re.compile(CONTROL_CHARACTERS)
_TEXTS = {".json", ".jsonl", ".csv", ".txt", ".parquet"}


class LayoutRows(NamedTuple):
    """What a layout has read."""

    rows: pd.DataFrame  # the columns of ``Layout.read``
    unlisted: pd.DataFrame  # ``UNLISTED_COLUMNS``: what lies there and is in no row


def find_layout(where: str, names: Sequence[str], name: str = "auto") -> Layout | None:
    """Return the layout called ``name``, or the one that fits; None for a folder a class.

    Raises:
        ManifestError: If several fit.
    """
    if name != "auto":
        return LAYOUTS.get(name)
    if where.lower().endswith(".json"):
        return deepfakebench.LAYOUT
    first: dict[tuple[str, str], str] = {}  # of a million frames, one a folder is enough
    for file in names:
        stem, ending = splitext(basename(file))
        first.setdefault((dirname(file), stem + ending if ending in _TEXTS else ending), file)
    if sampled.LAYOUT.fits(names):  # its frames lie as in the sets that they are of
        return sampled.LAYOUT
    fitting = [layout for layout in LAYOUTS.values() if layout.fits(list(first.values()))]
    if len(fitting) > 1:
        raise ManifestError(
            f"{where}: it may be laid out as {' or as '.join(one.name for one in fitting)}; say "
            f"which: data.layout={fitting[0].name}, or name a folder that holds one set"
        )
    return fitting[0] if fitting else None


def label_files(where: str, names: Sequence[str], name: str = "auto") -> list[str]:
    """Return which of ``names`` are label files that the folder's layout reads."""
    layout = find_layout(where, names, name)
    return [file for file in names if layout.label_files.search(file)] if layout else []


def read_layout(
    folder: LabelFolder, layout: Layout, params: IngestionParams, *, videos: bool = False
) -> LayoutRows:
    """Return a row for each image of a set, or with ``videos`` for each video file.

    What is listed and does not lie there has a row, too: looking for its file will say so.

    Raises:
        ManifestError: Label files that cannot be read; nothing of the set in the folder; video
            files without frames, where images are asked for.
    """
    named = [name for name in folder.names if not layout.label_files.search(name)]
    files = leave_out(folder.where, named, params.exclude)
    videos_there = list(filter(is_video_file, files))
    images = [name for name in files if not is_video_file(name)]
    said = f"{folder.where}: layout {layout.name}"
    if videos_there and not images and not videos:
        raise ManifestError(
            f"{said}: {len(videos_there):,} video files and no frames of them; sample frames of "
            "the videos first, and name the folder that holds these"
        )
    wanted = videos_there if videos else images
    rows = _read_rows(said, layout, folder, wanted, params)
    if layout.has_videos and not videos:
        rows = rows.drop(columns="original")  # of frames, the group says as much
    is_there = rows["img_name"].isin(set(wanted))
    if not is_there.any():
        raise ManifestError(
            f"{said}: none of {len(wanted):,} files belongs to it: {show_examples(wanted[:4])}; "
            f"listed are {show_examples(rows['img_name'].head(4)) or 'none'}. Is it another "
            "folder, or another data.layout?"
        )
    listed = set(rows["img_name"])
    why = "in no label file, or in no folder, of the set"
    unlisted = [(name, why) for name in wanted if name not in listed]
    if layout.has_videos and not videos:
        sampled = set(map(video_path, images))
        lost = (name for name in videos_there if video_path(name) not in sampled)
        unlisted += [(name, "a video without frames") for name in lost]
    _report(said, rows, is_there, unlisted)
    return LayoutRows(rows, pd.DataFrame(unlisted, columns=list(UNLISTED_COLUMNS)))


def _read_rows(
    said: str,
    layout: Layout,
    folder: LabelFolder,
    files: Sequence[str],
    params: IngestionParams,
) -> pd.DataFrame:
    try:
        rows = layout.read(folder, files, params).reset_index(drop=True)
        _check_texts(said, rows)
    except (UnicodeEncodeError, RecursionError) as error:
        raise ManifestError(
            f"{said}: a file name or a label file is not UTF-8, or nested without end: "
            f"{shorten(str(error))}; rename or repair it"
        ) from error
    return rows


def _check_texts(said: str, rows: pd.DataFrame) -> None:
    for column in ("img_name", "group", "kind", "source", "video"):
        texts = rows[column].unique().tolist()
        "".join(texts).encode()  # a half of a surrogate pair is no text that a table takes
        if odd := list(filter(_CONTROL.search, texts)):
            raise ManifestError(
                f"{said}: {len(odd):,} value(s) of {column} hold control characters: "
                f"{show_examples(odd)}; rename the files, or repair the label files"
            )


def take_subset(where: str, rows: pd.DataFrame, subset: str, shared: Collection[str]) -> pd.Series:
    """Return which rows are of a subset; ``shared`` are others that name the same folder.

    Training gets what is not of an official test set, nor of an official validation set that
    ``val`` asks for. The others get their official set; without one the whole folder, unless
    training has it.

    Raises:
        ManifestError: If nothing is left.
    """
    split = rows["split"]
    if subset == "train":
        taken = split.isin(["", "train"]) | ((split == "val") & ("val" not in shared))
        remedy = "name a folder of training images, or make a label file of them"
    else:
        taken = split == subset
        if not taken.any() and "train" not in shared:
            taken = pd.Series(True, index=rows.index)
        remedy = f"set data.{subset}_labels=null"
    if not taken.any():
        raise ManifestError(
            f"{where}: none of {len(rows):,} images are of an official {subset} set (official "
            f"splits: {_count_splits(rows)}); {remedy}"
        )
    logger.info("%s: %s of %s images are %s", where, f"{taken.sum():,}", f"{len(rows):,}", subset)
    return taken


def _report(
    said: str, rows: pd.DataFrame, is_there: "pd.Series[bool]", unlisted: list[tuple[str, str]]
) -> None:
    logger.info(
        "%s: %s files of %s videos, official splits: %s",
        said,
        f"{is_there.sum():,}",
        f"{rows.loc[is_there, 'video'].nunique():,}",
        _count_splits(rows),
    )
    if not is_there.all():
        logger.warning(
            "%s: %s files or videos are listed and do not lie there: %s",
            said,
            f"{(~is_there).sum():,}",
            show_examples(rows.loc[~is_there, "img_name"].head(4)),
        )
    if unlisted:
        logger.warning(
            "%s: %s files lie there and are not read: %s (data/08_reporting/unlisted.csv)",
            said,
            f"{len(unlisted):,}",
            show_examples(f"{name} ({why})" for name, why in unlisted[:4]),
        )


def _count_splits(rows: pd.DataFrame) -> str:
    counts = rows["split"].value_counts()
    shown = [f"{name} {counts[name]:,}" for name in SUBSETS if name in counts]
    return ", ".join(shown) or "none"
