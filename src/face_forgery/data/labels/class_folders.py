"""A folder of images: which of its files count, and the class that their folders say."""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import translate
from functools import cache
from typing import NamedTuple

import pandas as pd

from face_forgery.data.labels.manifest import FAKE, REAL, ManifestError, shorten, show_examples

logger = logging.getLogger(__name__)

# Names of class folders that say it by themselves: 0_real, Celeb-synthesis, original_sequences,
# nature and ai. Words beside them that say nothing about the class are left aside.
_SAYS_REAL = "real reals original originals pristine authentic genuine nature"
_SAYS_FAKE = "fake fakes forged deepfake deepfakes manipulated synthesis synthetic generated ai"
_KNOWN = dict.fromkeys(_SAYS_REAL.split(), REAL) | dict.fromkeys(_SAYS_FAKE.split(), FAKE)
_BESIDE = re.compile(
    r"\d+|images?|imgs?|pictures?|photos?|faces?|videos?|frames?|sequences?|train(ing)?|test(ing)?"
    r"|val(id|idation)?|set|data|celeb|youtube|"
)
_CLASS_NAMES = {REAL: "real", FAKE: "forged"}


class ClassFolder(NamedTuple):
    """What the folder of a file says."""

    target: int
    depth: int  # of the class folder: how many folders lie above it


def leave_out(where: str, names: Iterable[str], exclude: tuple[str, ...]) -> list[str]:
    """Return the files that count as images, and log how many do not, and why.

    ``exclude`` are patterns as of a shell, in any case; a folder that matches is left out whole.
    Hidden files and folders are left out, too.
    """
    fits = [(name, re.compile(translate(name.lower()))) for name in (".*", *exclude)]

    @cache
    def reason(part: str) -> str:
        return next((name for name, fit in fits if fit.match(part.lower())), "")

    kept, left = [], Counter[str]()
    for name in names:
        why = next(filter(None, map(reason, name.split("/"))), "")
        if why:
            left["hidden" if why == ".*" else why] += 1
        else:
            kept.append(name)
    if left:
        shown = ", ".join(f"{count:,} {why}" for why, count in left.most_common())
        logger.warning(
            "%s: %s file(s) do not count as images: %s (ingestion.exclude)",
            where,
            f"{left.total():,}",
            shown,
        )
    return kept


def find_classes(
    where: str, folders: pd.Series, class_folders: Mapping[str, int]
) -> dict[str, ClassFolder]:
    """Return folder -> what it says, for each of the folders that hold files.

    The outermost folder that ``class_folders`` names counts. Where there is none, a name that says
    it by itself does, if no other one on the way contradicts it. ``folders``, ``(N,)``, are those
    of the files.

    Raises:
        ManifestError: If files lie in no class folder, or in one of each class.
    """
    counts = Counter[str](folders)
    found: dict[str, ClassFolder] = {}
    images = Counter[tuple[str, int]]()
    lost, torn = [], []
    for folder in sorted(counts):
        parts = folder.lower().split("/")
        named = [
            ClassFolder(class_folders[p], i) for i, p in enumerate(parts) if p in class_folders
        ]
        said = named or [c for i, p in enumerate(parts) if (c := _by_itself(p, i)) is not None]
        is_torn = len({one.target for one in said}) > 1
        if not said or (is_torn and not named):
            lost.append(folder)
            continue
        if is_torn:
            torn.append(folder)
        found[folder] = said[0]
        images[folder.split("/")[said[0].depth], said[0].target] += counts[folder]
    if lost:
        raise ManifestError(_say_lost(where, lost, counts, class_folders))
    if torn:
        logger.warning(
            "%s: %d folder(s) lie in class folders of both classes: %s; the outermost one counts",
            where,
            len(torn),
            show_examples(torn),
        )
    shown = (f"{name} = {_CLASS_NAMES[t]} ({n:,} images)" for (name, t), n in images.items())
    logger.info("%s: class folders: %s", where, shorten(", ".join(shown), most=1000))
    return found


def says_class(names: Iterable[str]) -> bool:
    """Say whether a folder on the way to any of the files says its class by itself."""
    folders = {part.lower() for name in names for part in name.split("/")[:-1]}
    return any(_by_itself(folder, 0) for folder in folders)


def _by_itself(part: str, depth: int) -> ClassFolder | None:
    words = [word for word in re.split(r"[\W_]+", part) if not _BESIDE.fullmatch(word)]
    return ClassFolder(_KNOWN[words[0]], depth) if len(words) == 1 and words[0] in _KNOWN else None


def _say_lost(
    where: str, lost: list[str], counts: Mapping[str, int], class_folders: Mapping[str, int]
) -> str:
    number = sum(counts[folder] for folder in lost)
    shown = show_examples(f"{folder or '.'}/ ({counts[folder]:,})" for folder in lost)
    return (
        f"{where}: {number:,} of {sum(counts.values()):,} files lie in no class folder, or in some "
        f"of each class: {shown}; expected below folders called "
        f"{', '.join(f'{name}/' for name in class_folders)}; say in ingestion.class_folders what "
        "other folders hold (0: real images, 1: forgeries), or leave files out (ingestion.exclude)"
    )
