"""Label files and folders of any supported kind to label tables: text in, frame out."""

import logging
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from face_forgery.data.labels.label_csv import LabelFile, Locate, parse_label_csv
from face_forgery.data.labels.manifest import (
    CONTROL_CHARACTERS,
    FAKE,
    LABEL_COLUMNS,
    REAL,
    UNKNOWN,
    ManifestError,
    show_examples,
)
from face_forgery.params import ColumnNames

__all__ = ["LabelFile", "LabelFolder", "LabelSource", "read_label_source"]

logger = logging.getLogger(__name__)

_TARGETS = {"0": REAL, "1": FAKE}
# Checked in this order; RE2 syntax.
_REFUSED = {
    r"^$": ("have an empty name", "name the image or delete the row"),
    CONTROL_CHARACTERS: ("hold control characters", "is the file damaged, or UTF-16?"),
    r"^(?:/|[A-Za-z]:[\\/]|\\)": (
        "are absolute paths",
        "names are relative to the image folder",
    ),
    r"\\": ("hold a backslash", "separate folders with forward slashes (/)"),
    r"(?:^|/)\.\.(?:/|$)": ("lead out of the image folder", "remove '..' from the names"),
}
_NOT_NORMAL = r"(?:^|/)\.(?:/|$)|//|/$"


@dataclass(frozen=True)
class LabelFolder:
    """A folder of images, as a list of names."""

    where: str  # what messages call it
    names: tuple[str, ...] = field(repr=False)  # relative to it, with forward slashes


LabelSource = LabelFile | LabelFolder


def read_label_source(
    source: LabelSource,
    *,
    subset: str,
    labels: str,
    images: str,
    columns: ColumnNames,
    class_folders: Mapping[str, int],
) -> pd.DataFrame:
    """Return one row for each image that a label file or folder lists.

    Args:
        source: A label file, or a folder with one sub-folder a class.
        subset: ``train``, ``val`` or ``test``. Targets of ``test`` are not read.
        labels: The parameter ``data.<subset>_labels``, relative to the data root.
        images: The parameter ``data.<subset>_images``, relative to the data root.
        columns: What the header of a label file calls the columns.
        class_folders: Folder name in lower case -> target.

    Returns:
        The columns of ``LABEL_COLUMNS``, in the order of the file, or of the names of a folder. An
        image without a group is a group of its own that no other file can name by accident.

    Raises:
        ManifestError: Anything that docs/data_format.md calls an error.
    """
    if isinstance(source, LabelFolder):
        _check_same_folder(source.where, subset, labels, images)
        found = _list_folder(source, subset, class_folders)
        locate: Locate = _locate_in_folder
    else:
        found, locate = _read_file(source, subset, columns)
    return _complete(found, subset=subset, images=images, where=source.where, locate=locate)


def _read_file(file: LabelFile, subset: str, columns: ColumnNames) -> tuple[pd.DataFrame, Locate]:
    frame, locate = parse_label_csv(file, columns=columns, has_targets=subset != "test")
    if subset == "test" and "target" in frame:
        logger.warning(
            "%s: the column %r is ignored: test images count as unlabelled",
            file.where,
            columns.target,
        )
        frame = frame.drop(columns="target")
    if "target" in frame:
        targets = frame["target"].map(_TARGETS).astype("Int8")
        wrong = targets.isna()
        if wrong.any():
            rows = wrong.to_numpy().nonzero()[0][:4]
            named = zip(locate(rows.tolist()), frame["target"].iloc[rows], strict=True)
            raise ManifestError(
                f"{file.where}: {wrong.sum():,} of {len(frame):,} targets are not 0 (real) or 1 "
                f"(fake): {show_examples(f'{line}: {value!r}' for line, value in named)}"
            )
        frame = frame.assign(target=targets)
    return frame, locate


def _check_same_folder(where: str, subset: str, labels: str, images: str) -> None:
    if posixpath.normpath(labels) != posixpath.normpath(images):
        raise ManifestError(
            f"{where}: data.{subset}_labels={labels} is a folder, and its images lie in it, but "
            f"data.{subset}_images={images}; set both to the same folder"
        )


def _list_folder(
    folder: LabelFolder, subset: str, class_folders: Mapping[str, int]
) -> pd.DataFrame:
    if not folder.names:
        raise ManifestError(f"{folder.where}: the folder holds no image")
    if garbled := [name for name in folder.names if not _is_utf8(name)]:
        raise ManifestError(
            f"{folder.where}: {len(garbled):,} file name(s) are not UTF-8: "
            f"{show_examples(ascii(name) for name in garbled)}; rename them"
        )
    names = pd.Series(folder.names, dtype="str")
    frame = pd.DataFrame({"img_name": names})
    if subset == "test":
        return frame
    classes = names.str.partition("/")
    folders = classes[0].where(classes[1] == "/", "").str.lower()
    targets = folders.map(dict(class_folders)).astype("Int8")
    if targets.isna().any():
        raise ManifestError(
            f"{folder.where}: {targets.isna().sum():,} of {len(names):,} files lie in no class "
            f"folder: {show_examples(names[targets.isna()])}; expected the sub-folders "
            f"{', '.join(f'{name}/' for name in class_folders)} (ingestion.class_folders)"
        )
    return frame.assign(target=targets)


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _locate_in_folder(rows: Sequence[int]) -> list[str]:
    return ["file"] * len(rows)


def _complete(
    found: pd.DataFrame, *, subset: str, images: str, where: str, locate: Locate
) -> pd.DataFrame:
    names = found["img_name"]
    _check_names(names, where=where, locate=locate)
    paths = _image_paths(names, folder=images, where=where, locate=locate)
    absent = pd.Series("", index=found.index, dtype="str")
    target = found["target"] if "target" in found else pd.Series(pd.NA, index=found.index)
    target = target.astype("Int8")
    kind, source = found.get("kind", absent), found.get("source", absent)
    group = found.get("group", absent)
    kind = kind.mask((kind == "") & (target == REAL).fillna(False).astype(bool), "real")
    table = pd.DataFrame(
        {
            "subset": subset,
            "row": range(len(found)),
            "img_name": names,
            "path": paths,
            "target": target,
            "group": group.mask(group == "", f"{subset}:" + names),
            "kind": kind.mask(kind == "", UNKNOWN),
            "source": source.mask(source == "", UNKNOWN),
        }
    )
    return table.astype(LABEL_COLUMNS)


def _check_names(names: pd.Series, *, where: str, locate: Locate) -> None:
    """Refuse names that are no relative path below the image folder."""
    for pattern, (fault, remedy) in _REFUSED.items():
        refused = names.str.contains(pattern, regex=True)
        if refused.any():
            raise ManifestError(
                f"{where}: {refused.sum():,} of {len(names):,} image names {fault}: "
                f"{_show(names, refused, locate)}; {remedy}"
            )


def _image_paths(names: pd.Series, *, folder: str, where: str, locate: Locate) -> pd.Series:
    """Return the paths below the data root; ``./a.jpg`` and ``a.jpg`` are one, and refused."""
    normal = names
    odd = names.str.contains(_NOT_NORMAL, regex=True)
    if odd.any():
        normal = names.where(~odd, names[odd].map(posixpath.normpath))
    repeated = normal.duplicated(keep=False)
    if repeated.any():
        raise ManifestError(
            f"{where}: {normal[repeated].nunique():,} image(s) are listed more than once: "
            f"{_show(names, repeated, locate)}; keep one row an image"
        )
    prefix = posixpath.normpath(folder.replace("\\", "/"))
    return normal if prefix == "." else prefix.rstrip("/") + "/" + normal


def _show(names: pd.Series, chosen: pd.Series, locate: Locate) -> str:
    rows = chosen.to_numpy().nonzero()[0][:4]
    named = zip(locate(rows.tolist()), names.iloc[rows], strict=True)
    return show_examples(f"{line}: {name!r}" for line, name in named)
