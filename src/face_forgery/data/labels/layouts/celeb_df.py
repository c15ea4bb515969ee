"""Celeb-DF, versions 1 and 2: three folders, and a list of the test videos.

    Celeb-real/id0_0000.mp4        YouTube-real/00000.mp4
    Celeb-synthesis/id1_id0_0007.mp4
    List_of_testing_videos.txt     1 YouTube-real/00170.mp4

In that list **1 means real**. ``id1_id0_0007`` shows ``id1`` with the face of ``id0``. Source of
the facts: https://github.com/yuezunli/celeb-deepfakeforensics.
"""

import re
from collections.abc import Mapping, Sequence

from face_forgery.data.labels.layouts.tree import LabelFolder, Video, fault_of, video_layout
from face_forgery.data.labels.manifest import FAKE, REAL

_FOLDERS = {
    name.lower(): (name, target)
    for name, target in (("Celeb-real", REAL), ("YouTube-real", REAL), ("Celeb-synthesis", FAKE))
}
_LISTED = re.compile(r"([01])\s+([^/]+)/(.+)\.mp4")
_PERSON = re.compile(r"(id\d+)_")
_SWAPPED = re.compile(r"(id\d+)_id\d+_(\d+)")
_VERSION = re.compile(r"celeb[-_ ]?df[-_ ]?v?([12])", re.IGNORECASE)


def _fits(names: Sequence[str]) -> bool:
    found = {part.lower() for name in names for part in name.split("/")[:-1]}
    return "celeb-synthesis" in found and bool({"celeb-real", "youtube-real"} & found)


def _identify(path: str) -> str | None:
    *_, folder, name = ["", *path.split("/")]
    return f"{_FOLDERS[folder.lower()][0]}/{name}" if folder.lower() in _FOLDERS else None


def _describe(folder: LabelFolder, found: Sequence[str]) -> Mapping[str, Video]:
    version = _VERSION.search(folder.where)
    source = f"Celeb-DF-v{version[1]}" if version else "Celeb-DF"
    tested = _read_list(folder)
    return {
        video: _label(video, source, "test" if video in tested else "train" if tested else "")
        for video in (*found, *tested)
    }


def _label(video: str, source: str, split: str) -> Video:
    folder, _, name = video.partition("/")
    target = _FOLDERS[folder.lower()][1]
    person = _PERSON.match(name)
    group = f"{source}/{person[1]}" if person else f"{source}/{video}"
    swapped = _SWAPPED.fullmatch(name) if target == FAKE else None
    original = f"Celeb-real/{swapped[1]}_{swapped[2]}" if swapped else ""
    return Video(target, folder, source, group, split, original)


def _read_list(folder: LabelFolder) -> set[str]:
    tested = set()
    for name, text in folder.texts.items():
        for line in filter(str.strip, text.decode("utf-8", "replace").splitlines()):
            found = _LISTED.fullmatch(line.strip())
            known = _FOLDERS.get(found[2].lower()) if found else None
            if found is None or known is None or (found[1] == "1") != (known[1] == REAL):
                expected = "1 before real videos and 0 before others: 1 YouTube-real/00170.mp4"
                raise fault_of(folder, name, line, expected)
            tested.add(f"{known[0]}/{found[3]}")
    return tested


LAYOUT = video_layout(
    name="celeb_df",
    label_files=re.compile(r"(?:^|/)List_of_testing_videos\.txt$", re.IGNORECASE),
    fits=_fits,
    identify=_identify,
    describe=_describe,
)
