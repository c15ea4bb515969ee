"""Sets whose folders say it all: FFIW and WildDeepfake.

    FFIW:          source/train/a.mp4, target/train/a.mp4        the targets are forged
    WildDeepfake:  real_train/0/real/12/34.png, fake_test/7/fake/1/2.png

Source of the facts: https://github.com/tfzhou/FFIW and its reader in SelfBlendedImages;
https://github.com/deepfakeinthewild/deepfake-in-the-wild, where an archive holds the face
sequences of one video and a file is called by its frame.
"""

import re
from collections.abc import Sequence
from functools import partial

from face_forgery.data.labels.layouts.tree import Video, video_layout
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


def _label_ffiw(video: str) -> Video:
    """Label a video; two of one name are kept on one side, as if one were made of the other."""
    side, split, name = video.split("/")
    target = FAKE if side == "target" else REAL
    return Video(target, _FFIW, _FFIW, f"{_FFIW}/{split}/{name}", split)


def _label_wild(video: str) -> Video:
    side, number, _ = video.split("/")
    name, split = side.split("_")
    return Video(FAKE if name == "fake" else REAL, _WILD, _WILD, f"{_WILD}/{side}/{number}", split)


def _identify(path: str, pattern: re.Pattern[str], identifier: str) -> str | None:
    found = pattern.search(path)
    return found.expand(identifier) if found else None


FFIW = video_layout(
    name="ffiw",
    label_files=_NO_FILES,
    fits=_fits_ffiw,
    identify=partial(_identify, pattern=_FFIW_VIDEO, identifier=r"\1/\2/\3"),
    describe=lambda folder, found: {video: _label_ffiw(video) for video in found},
)
WILD_DEEPFAKE = video_layout(
    name="wild_deepfake",
    label_files=_NO_FILES,
    fits=lambda names: any(map(_WILD_TREE.search, names)),
    identify=partial(_identify, pattern=_WILD_VIDEO, identifier=r"\1_\2/\3/\4"),
    describe=lambda folder, found: {video: _label_wild(video) for video in found},
)
