"""Label files and folders of any supported kind to label tables: text in, frame out."""

import logging
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from face_forgery.data.labels.class_folders import find_classes, leave_out
from face_forgery.data.labels.label_csv import (
    OPTIONAL_COLUMNS,
    LabelFile,
    Locate,
    parse_labels,
)
from face_forgery.data.labels.layouts.reading import (
    UNLISTED_COLUMNS,
    LayoutRows,
    find_layout,
    read_layout,
    take_subset,
)
from face_forgery.data.labels.layouts.sampled import LABELS
from face_forgery.data.labels.layouts.tree import LabelFolder
from face_forgery.data.labels.manifest import (
    CONTROL_CHARACTERS,
    FAKE,
    LABEL_COLUMNS,
    REAL,
    SUBSETS,
    UNKNOWN,
    ManifestError,
    cut,
    show_examples,
)
from face_forgery.data.labels.path_facts import read_numbers, read_paths
from face_forgery.params import DataParams, IngestionParams
from face_forgery.params.data import plain_label

__all__ = ["LabelFile", "LabelFolder", "LabelSets", "LabelSource", "read_labels", "read_sources"]

logger = logging.getLogger(__name__)

_NUMBERS = {"0": REAL, "1": FAKE}
_MOST_NAMES = 4  # that labels are asked the meaning of; more are rather another column
_SAYS_REAL = re.compile(r"(?i)(^|[\W_]|is)(real|genuine|authentic|original|pristine)($|[\W_])")
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
class LabelSets:
    """Sets that are joined for training, by their names in ``data.sets``."""

    sources: "Mapping[str, LabelSource | None]"


LabelSource = LabelFile | LabelFolder | LabelSets


def read_labels(
    sources: Mapping[str, LabelSource | None],
    data: DataParams,
    params: IngestionParams,
    *,
    is_tested: bool = False,
) -> pd.DataFrame:
    """Return one row for each image that label files or folders list: ``LABEL_COLUMNS``.

    Further columns of label files stand behind them as strings, missing where nobody said.
    ``train``, ``val`` and ``test`` have a label file, a folder with one sub-folder a class, or
    none. Rows are in the order of each; targets of ``test`` are not read. Where ``train`` stands
    for a labelled set to test on, ``is_tested``, it gets the official test set of a layout.

    Raises:
        ManifestError: Anything that docs/data_format.md calls an error.
    """
    return read_sources(sources, data, params, is_tested=is_tested)[0]


def read_sources(
    sources: Mapping[str, LabelSource | None],
    data: DataParams,
    params: IngestionParams,
    *,
    is_tested: bool = False,
    videos: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of `read_labels`, and the files that lie there and are in no row of it.

    With ``videos`` a row is a video file, whatever its official split: the column ``split`` has it,
    and ``original`` the real video that a forgery was made of, where that is known. The files
    have ``UNLISTED_COLUMNS``; only layouts that list images have any.
    """
    reader = _Reader(data, params, is_tested, videos)
    train = sources.get("train")
    if not isinstance(train, LabelSets):
        return reader.read_together(sources)
    rest = {subset: source for subset, source in sources.items() if subset != "train"}
    others = [_Reader(data, params).read_together(rest)] if any(rest.values()) else []
    parts = [*_read_sets(train, data, params), *others]
    table, unlisted = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    return table.astype({"row": "int64"}), unlisted


def _read_sets(
    sets: LabelSets, data: DataParams, params: IngestionParams
) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Return what `read_sources` does of each set; groups and videos of two are never the same."""
    parts, seen, start = [], set[str](), 0
    logger.info(
        "data.sets: %d set(s) are joined; data.train_labels=%s is not read",
        len(data.sets),
        data.train_labels,
    )
    for one in data.sets:
        reader = _Reader(DataParams.of_set(one), params)
        table, unlisted = reader.read_together({"train": sets.sources[one.name]})
        if again := seen & set(table["path"]):
            raise ManifestError(
                f"data.sets: {len(again):,} image(s) of the set {one.name} stand in another one, "
                f"too: {show_examples(sorted(again))}; name each folder once"
            )
        seen |= set(table["path"])
        table = table.assign(
            row=range(start, start + len(table)),
            img_name=table["path"],
            group=f"{one.name}/" + table["group"],
            video=f"{one.name}/" + table["video"],
            source=table["source"].replace(UNKNOWN, one.name),
        )
        start += len(table)
        parts.append((table, unlisted.assign(img_name=f"{one.images}/" + unlisted["img_name"])))
    return parts


@dataclass(frozen=True)
class _Reader:
    """Reads as `read_sources` does, whose parameters these are."""

    data: DataParams
    params: IngestionParams
    is_tested: bool = False
    videos: bool = False

    def read_together(
        self, sources: Mapping[str, LabelSource | None]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Read files and folders that may name the same groups."""
        read: dict[str, LayoutRows] = {}
        for subset, source in sources.items():
            if isinstance(source, LabelFolder):
                self._check_same_folder(source, subset)
                if source.where in read:
                    continue
                layout = find_layout(source.where, source.names, self.data.layout)
                if layout is not None:
                    rows = read_layout(source, layout, self.params, videos=self.videos)
                    read[source.where] = rows
        tables = [
            self._read_source(source, subset, read.get(source.where))
            for subset, source in sources.items()
            if isinstance(source, LabelFile | LabelFolder)
        ]
        known, further = (pd.concat(part, ignore_index=True) for part in zip(*tables, strict=True))
        table: pd.DataFrame = read_paths(known, self.params.from_path)[list(LABEL_COLUMNS)]
        unlisted = [found.unlisted for found in read.values()]
        empty = pd.DataFrame(columns=list(UNLISTED_COLUMNS))
        return (
            table.astype(LABEL_COLUMNS).join(further.astype("string")),
            pd.concat([empty, *unlisted], ignore_index=True).astype(UNLISTED_COLUMNS),
        )

    def _check_same_folder(self, folder: LabelFolder, subset: str) -> None:
        names = (f"{subset}_labels", f"{subset}_images")
        labels, images = (str(getattr(self.data, name)) for name in names)
        if posixpath.basename(labels) == LABELS:
            labels = posixpath.dirname(labels)
        is_same = posixpath.normpath(labels) == posixpath.normpath(images)
        if not is_same and not labels.lower().endswith(".json"):
            raise ManifestError(
                f"{folder.where}: data.{subset}_labels={labels} is a folder, and its images lie in "
                f"it, but data.{subset}_images={images}; set both to the same folder"
            )

    def _read_source(
        self, source: LabelFile | LabelFolder, subset: str, read: LayoutRows | None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return what is known of each image, and further columns."""
        images = str(getattr(self.data, f"{subset}_images"))
        folders: Any = pd.NA
        locate: Locate = _locate_in_folder
        if read is not None:
            found = read.rows if self.videos else self._take_rows(read.rows, source.where, subset)
        elif isinstance(source, LabelFolder):
            found = _list_folder(source, subset, self.params)
            folders = found.pop("folder") if "folder" in found else pd.NA
        else:
            found, locate = _read_file(source, subset, self.params)
        if self.videos and "video" not in found:
            found = found.assign(video=found["img_name"].map(lambda n: posixpath.splitext(n)[0]))
        table = _complete(found, subset=subset, images=images, where=source.where, locate=locate)
        further = found.drop(columns=[name for name in found if name in table])
        return table.assign(folder=folders).astype({"folder": "str"}), further.replace("", pd.NA)

    def _take_rows(self, rows: pd.DataFrame, where: str, subset: str) -> pd.DataFrame:
        """Return the rows of a subset; images of the test set count as unlabelled."""
        labels = {s: getattr(self.data, f"{s}_labels") for s in SUBSETS}
        shared = [s for s in SUBSETS if s != subset and labels[s] == labels[subset]]
        if self.is_tested:
            subset, shared = "test", []
        found = rows[take_subset(where, rows, subset, shared)].drop(columns="split")
        is_labelled = subset != "test" or self.is_tested
        return found if is_labelled else found.drop(columns="target")


def _read_file(
    file: LabelFile, subset: str, params: IngestionParams
) -> tuple[pd.DataFrame, Locate]:
    columns = params.columns
    labels = _NUMBERS | params.targets
    frame, locate = parse_labels(
        file, columns=columns, labels=None if subset == "test" else set(labels)
    )
    if subset == "test" and "target" in frame:
        logger.warning(
            "%s: the column %r is ignored: test images count as unlabelled",
            file.where,
            columns.target,
        )
        frame = frame.drop(columns="target")
    if "target" in frame:
        _check_direction(file.where, params)
        given = frame["target"]
        targets = given.map({name: labels.get(plain_label(name)) for name in given.unique()})
        if targets.isna().any():
            raise ManifestError(_say_unknown(file.where, given, targets.isna(), locate))
        frame = frame.assign(target=targets.astype("Int8"))
        num_real = int((targets == REAL).sum())
        counts = f"{num_real:,} real and {len(frame) - num_real:,} forged images"
        logger.info("%s: %s", file.where, counts)
    return frame, locate


def _check_direction(where: str, params: IngestionParams) -> None:
    """Refuse 1 in a column that is called as if it meant a real image."""
    if "1" not in params.targets and _SAYS_REAL.search(params.columns.target):
        raise ManifestError(
            f"{where}: 1 in a column {params.columns.target!r} seems to mean a real image, and "
            "here it means a forgery; say which in ingestion.targets: {1: 0, 0: 1} if 1 is real, "
            "else {0: 0, 1: 1}"
        )


def _say_unknown(where: str, given: pd.Series, unknown: pd.Series, locate: Locate) -> str:
    unmeant = map(cut, given[unknown].unique())
    names = [name for name in unmeant if any(map(str.isalpha, name))]
    remedy = "correct them"
    if 0 < len(names) <= _MOST_NAMES:
        remedy = (
            f"say what {' and '.join(map(repr, names))} means in ingestion.targets, as in "
            "{genuine: 0, swapped: 1}"
        )
    return (
        f"{where}: {unknown.sum():,} of {len(given):,} targets are not 0 (real) or 1 (fake): "
        f"{_show(given, unknown, locate)}; {remedy}"
    )


def _list_folder(folder: LabelFolder, subset: str, params: IngestionParams) -> pd.DataFrame:
    names = pd.Series(leave_out(folder.where, folder.names, params.exclude), dtype="object")
    if len(names) and names.str.lower().str.endswith((".tar", ".parquet")).all():
        raise ManifestError(
            f"{folder.where}: a packed set; unpack it first: face-forgery unpack {folder.where} "
            "NEW_FOLDER, and name that one"
        )
    if names.empty:
        raise ManifestError(f"{folder.where}: the folder holds no image")
    if garbled := [name for name in names if name != name.encode(errors="ignore").decode()]:
        raise ManifestError(
            f"{folder.where}: {len(garbled):,} file name(s) are not UTF-8: "
            f"{show_examples(ascii(name) for name in garbled)}; rename them"
        )
    frame = pd.DataFrame({"img_name": names.astype("str")})
    if subset == "test":
        return frame
    folders = frame["img_name"].map(posixpath.dirname)
    classes = find_classes(folder.where, folders, params.class_folders)
    below = {name: "/".join(name.split("/")[c.depth + 1 :]) for name, c in classes.items()}
    targets = folders.map({name: found.target for name, found in classes.items()})
    return frame.assign(target=targets.astype("Int8"), folder=folders.map(below))


def _locate_in_folder(rows: Sequence[int]) -> list[str]:
    return ["file"] * len(rows)


def _complete(
    found: pd.DataFrame, *, subset: str, images: str, where: str, locate: Locate
) -> pd.DataFrame:
    names = found["img_name"]
    _check_names(names, where=where, locate=locate)
    paths = _image_paths(names, folder=images, where=where, locate=locate)
    values = {
        "subset": subset,
        "row": range(len(found)),
        "img_name": names,
        "path": paths,
        "target": found.get("target", pd.NA),
        **{name: found.get(name, "") for name in OPTIONAL_COLUMNS},
        "frame": _read_frame_column(found),
    }
    types = dict.fromkeys(OPTIONAL_COLUMNS, "str") | {"target": "Int8", "frame": "Int64"}
    return pd.DataFrame(values, index=found.index).astype(types)


def _read_frame_column(found: pd.DataFrame) -> Any:
    if "frame" not in found or found["frame"].dtype == "Int64":
        return found.get("frame", pd.NA)
    return read_numbers(found["frame"])


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
    odd = names.str.contains(_NOT_NORMAL, regex=True)
    normal = names.mask(odd, names[odd].map(posixpath.normpath))
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
