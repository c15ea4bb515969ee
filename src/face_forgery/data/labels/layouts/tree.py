"""A folder as names and the bytes of its label files, and what a layout makes of it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import pandas as pd

from face_forgery.data.images.listing import VIDEO_SUFFIXES
from face_forgery.data.labels.manifest import FAKE, ManifestError, shorten
from face_forgery.data.labels.path_facts import read_frames
from face_forgery.params import IngestionParams

# Folders that hold the videos or frames of a set, beside or below those that name them.
_HOLDERS = {"videos", "video", "frames", "frame", "faces", "face", "images", "crops", "crop"}


@dataclass(frozen=True)
class LabelFolder:
    """A folder of images, as a list of names, with the label files that its layout reads."""

    where: str  # what messages call it
    names: tuple[str, ...] = field(repr=False)  # relative to it, with forward slashes
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)


class Video(NamedTuple):
    """What a layout knows of a video."""

    target: int
    kind: str  # of a forgery
    source: str
    group: str = ""  # empty: by the videos that its name names
    split: str = ""  # train, val or test; empty where there is no official one
    original: str = ""  # identifier of the real video whose frames a forgery has, one by one


@dataclass(frozen=True)
class Layout:
    """How a set lies on disk."""

    name: str  # what ``data.layout`` calls it
    label_files: re.Pattern[str]  # names of the files whose bytes ``read`` needs
    fits: Callable[[Sequence[str]], bool]  # whether a folder with files of these names is so
    # Folder, names of files -> a row for each that is of the set, and for what is not there, with
    # `img_name`, `target`, `kind`, `source`, `group` and `video` (both may be empty), `frame`,
    # `split`, and whatever else label files hold. ManifestError: a label file that cannot be read,
    # or contradicts the folder.
    read: Callable[[LabelFolder, Sequence[str], IngestionParams], pd.DataFrame]
    has_videos: bool = False  # rather than images: a file each, or a folder of frames each


def video_layout(
    name: str,
    label_files: re.Pattern[str],
    fits: Callable[[Sequence[str]], bool],
    identify: Callable[[str], str | None],
    describe: Callable[[LabelFolder, Sequence[str]], Mapping[str, Video]],
) -> Layout:
    """Return a layout that labels videos.

    ``identify`` returns a video's identifier, if it is one, by its path without holders, such as
    ``Celeb-real/id0_0000``; ``describe`` what is known of those that lie there or are listed.
    """

    def read(folder: LabelFolder, files: Sequence[str], params: IngestionParams) -> pd.DataFrame:
        paths = [video_path(file) for file in files]
        known = {path: identify(path) for path in dict.fromkeys(paths)}
        found = sorted({video for video in known.values() if video is not None})
        videos = describe(folder, found)
        rows = [
            (file, video)
            for file, path in zip(files, paths, strict=True)
            if (video := known[path]) is not None and video in videos
        ]
        rows += [(video, video) for video in sorted(videos.keys() - set(found))]
        table = pd.DataFrame(rows, columns=["img_name", "video"], dtype="object")
        facts = [videos[video] for video in table["video"]]
        table[list(Video._fields)] = pd.DataFrame(
            facts, columns=list(Video._fields), dtype="object"
        )
        table["kind"] = table["kind"].where(table["target"] == FAKE, "real")
        for column in ("video", "original"):
            named = table["source"] + "/" + table[column]
            table[column] = named.where(table[column] != "", "")
        return table.assign(frame=read_frames(table["img_name"].astype("str"), table["video"]))

    return Layout(name, label_files, fits, read, has_videos=True)


def is_video_file(name: str) -> bool:
    """Say whether a file is a video, by its ending."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def video_path(name: str) -> str:
    """Return what a frame and the file of its video have in common: a path without holders.

    Example:
        >>> video_path("c23/frames/000_003/0001.png"), video_path("c23/videos/000_003.mp4")
        ('c23/000_003', 'c23/000_003')
    """
    return _drop_holders(name.rpartition("." if is_video_file(name) else "/")[0])


@lru_cache(maxsize=2**16)
def _drop_holders(path: str) -> str:
    return "/".join(part for part in path.split("/") if part.lower() not in _HOLDERS)


def parse_json(folder: LabelFolder, name: str) -> Any:
    """Return what a label file in JSON holds.

    Raises:
        ManifestError: If it is none.
    """
    try:
        return json.loads(folder.texts[name])
    except (ValueError, RecursionError) as error:
        raise ManifestError(
            f"{folder.where}: {shorten(name)} is no JSON that can be read: {shorten(str(error))}; "
            "fetch it again"
        ) from error


def fault_of(folder: LabelFolder, name: str, found: Any, expected: str) -> ManifestError:
    """Return the error for a label file that does not hold what its layout says."""
    return ManifestError(
        f"{folder.where}: {shorten(name)} holds {shorten(repr(found), 80)}; expected {expected}"
    )
