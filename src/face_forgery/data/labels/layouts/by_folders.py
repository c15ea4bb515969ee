"""Sets whose folders say it all: FFIW and WildDeepfake.

    FFIW:          source/train/a.mp4, target/train/a.mp4        the targets are forged
    WildDeepfake:  real_train/0/real/12/34.png, fake_test/7/fake/1/2.png

Source of the facts: https://github.com/tfzhou/FFIW and its reader in SelfBlendedImages;
https://github.com/deepfakeinthewild/deepfake-in-the-wild, where an archive holds the face
sequences of one video and a file is called by its frame.
"""

import re
from collections.abc import Mapping, Sequence

from face_forgery.data.labels.layouts.tree import LabelFolder, Video, VideoLayout
from face_forgery.data.labels.manifest import FAKE, REAL

_FFIW, _WILD = "FFIW", "WildDeepfake"
_NO_FILES = re.compile(r"(?!)")
_FFIW_VIDEO = re.compile(r"(?:^|/)(source|target)/(train|val|test)/([^/]+)$")
_FFIW_TREE = re.compile(r"(?:^|/)(source|target)/(?:train|val|test)/")
_WILD_VIDEO = re.compile(r"(?:^|/)(real|fake)[_ ](train|test)/([^/]+)/(?:real|fake)/([^/]+)$")
_WILD_TREE = re.compile(r"(?:^|/)(?:real|fake)[_ ](?:train|test)/[^/]+/(?:real|fake)/[^/]+/")


def _fits_ffiw(names: Sequence[str]) -> bool:
    return {found[1] for name in names if (found := _FFIW_TREE.search(name))} == {
        "source",
        "target",
    }


def _describe_ffiw(folder: LabelFolder, found: Sequence[str]) -> Mapping[str, Video]:
    """Label videos; two of one name are kept on one side, as if one were made of the other."""
    videos = {}
    for video in found:
        side, split, name = video.split("/")
        group = f"{_FFIW}/{split}/{name}"
        target = FAKE if side == "target" else REAL
        videos[video] = Video(target, _FFIW if target == FAKE else "real", _FFIW, group, split)
    return videos


def _describe_wild(folder: LabelFolder, found: Sequence[str]) -> Mapping[str, Video]:
    videos = {}
    for video in found:
        side, number, _ = video.split("/")
        name, split = side.split("_")
        group = f"{_WILD}/{side}/{number}"
        target = FAKE if name == "fake" else REAL
        videos[video] = Video(target, _WILD if target == FAKE else "real", _WILD, group, split)
    return videos


def _identify_ffiw(path: str) -> str | None:
    found = _FFIW_VIDEO.search(path)
    return "/".join(found.groups()) if found else None


def _identify_wild(path: str) -> str | None:
    found = _WILD_VIDEO.search(path)
    return f"{found[1]}_{found[2]}/{found[3]}/{found[4]}" if found else None


FFIW = VideoLayout(
    name="ffiw",
    label_files=_NO_FILES,
    fits=_fits_ffiw,
    identify=_identify_ffiw,
    describe=_describe_ffiw,
)
WILD_DEEPFAKE = VideoLayout(
    name="wild_deepfake",
    label_files=_NO_FILES,
    fits=lambda names: any(map(_WILD_TREE.search, names)),
    identify=_identify_wild,
    describe=_describe_wild,
)
