"""Where the label files and image folders of a set are: names that are found, and all that are not.

Nothing heavy is imported here: what is missing is said before a run begins.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from face_forgery.data.file_kinds import HEAD_BYTES, kind_of
from face_forgery.data.labels.manifest import SUBSETS, ManifestError, show_examples
from face_forgery.params import DataParams

_LABEL_SUFFIXES = {".txt", ".csv", ".tsv", ".parquet"}
# The names that the challenge and its readers use; those of the second phase last.
_SPELLINGS = (
    *(
        (f"{name}set_label.txt", f"{name}_label.txt", f"phase1/{name}set_label.txt")
        for name in ("train", "val")
    ),
    *((f"{name}set", name, f"phase1/{name}set") for name in ("train", "val")),
    (
        *("testset_nolabel.txt", "test_nolabel.txt", "testset1_seen_nolabel.txt"),
        "phase2/testset1_seen_nolabel.txt",
    ),
    ("testset", "test", "testset1_seen", "phase2/testset1_seen"),
)
_INSTEAD = {
    "val": ", or to null to split validation off the training set",
    "test": ", or to null to do without",
}


def find_spellings(data: Mapping[str, Any]) -> dict[str, str | None]:
    """Return what to read in place of usual names that are not there: parameter -> name.

    A test set under a usual name that is not there is none. ``data`` is not yet checked.
    """
    root = Path(str(data.get("root")))
    found: dict[str, str | None] = {}
    for key, name in data.items():
        for names in _SPELLINGS if isinstance(name, str) and not (root / name).exists() else ():
            if name in names:
                there = [other for other in names if (root / other).exists()]
                found |= {key: there[0]} if there else {}
                if key == "test_labels" and not there and root.is_dir():
                    found[key] = None
    return found


def check_sources(data: DataParams) -> None:
    """Refuse names of labels and images that are not there, all at once.

    Raises:
        ManifestError: With a line for each.
    """
    root = Path(data.root)
    faults = [] if root.is_dir() else [explain_absence(root, data.train_labels, "train")]
    for one in data.sets if root.is_dir() else ():
        for what in ("labels", "images"):
            if not (root / getattr(one, what)).exists():
                place = getattr(one, what)
                near = _name_near(root, Path(place).name)
                faults.append(
                    f"data.sets, {one.name}: no {what}={place} in data.root={root} ({near})"
                )
    for subset in SUBSETS[bool(data.sets) :] if root.is_dir() else ():
        labels, images = (getattr(data, f"{subset}_{what}") for what in ("labels", "images"))
        if labels is None:
            continue
        if not (root / labels).exists():
            faults.append(explain_absence(root, labels, subset))
        try:
            find_image_folder(root, subset, images)
        except ManifestError as error:
            if images != labels:
                faults.append(str(error))
    if faults:
        raise ManifestError("\n".join(faults))


def find_image_folder(root: Path, subset: str, folder: str) -> str:
    """Return the resolved image folder of a subset.

    Raises:
        ManifestError: If there is none; says what is there in its place.
    """
    home = root / folder
    if home.is_dir():
        return os.path.realpath(home)
    where = f"(data.root={root}, data.{subset}_images={folder}; relative to {Path.cwd()})"
    if home.is_file():
        raise ManifestError(f"the image folder {home} is no folder, but {_what_is(home)} {where}")
    raise ManifestError(f"the image folder {home} does not exist {where}")


def explain_absence(root: Path, labels: str, subset: str) -> str:
    """Say that a label file is not there, what is near, and what to set."""
    path = root / labels
    if root.is_file():
        return f"{path}: data.root={root} is no folder, but {_what_is(root)}"
    if not root.is_dir():
        return (
            f"{path}: the folder data.root={root} does not exist (relative to {Path.cwd()}); set "
            "data.root to the folder that holds the label files and images"
        )
    return (
        f"{path}: no such label file in data.root={root} ({_name_near(root, path.name)}); set "
        f"data.{subset}_labels{_INSTEAD.get(subset, '')}"
    )


def _name_near(root: Path, name: str) -> str:
    names = [e.name for e in root.iterdir() if e.suffix.lower() in _LABEL_SUFFIXES or e.is_dir()]
    near = get_close_matches(name, sorted(names), n=3, cutoff=0.6) or sorted(names)
    return f"similar: {show_examples(near)}" if near else "it holds no .txt, .csv or .tsv"


def _what_is(file: Path) -> str:
    with file.open("rb") as opened:
        kind = kind_of(opened.read(HEAD_BYTES))
    return f"{kind.name}; {kind.remedy}" if kind else "a file"
