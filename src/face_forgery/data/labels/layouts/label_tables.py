"""Folders that hold label tables of their own: the challenge, and Hugging Face image folders.

    MultiFFDI:     trainset_label.txt and trainset/, or train_label.txt and train/; so val
    image folder:  train/metadata.csv, .jsonl or .parquet with file_name and a column of labels

Source of the facts: https://huggingface.co/docs/datasets/image_dataset.
"""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from posixpath import dirname, normpath

import pandas as pd
import pyarrow as pa

from face_forgery.data.labels.class_folders import says_class
from face_forgery.data.labels.label_csv import LabelFile, parse_labels
from face_forgery.data.labels.layouts.tree import LabelFolder, Layout, fault_of
from face_forgery.data.labels.manifest import FAKE, REAL, ManifestError, show_columns
from face_forgery.data.labels.path_facts import read_numbers
from face_forgery.data.parquet_tables import open_table
from face_forgery.params import ColumnNames, IngestionParams
from face_forgery.params.data import plain_label

_NUMBERS = {"0": REAL, "1": FAKE}
_CHALLENGE = re.compile(r"(?:^|.*/)(train|val)(?:set)?_label\.txt$")
_METADATA = re.compile(r"(?:^|.*/)metadata\.(csv|jsonl|parquet)$")
_LABELS = ("target", "label", "labels")  # columns that may hold them, where no other is named
_SPLITS = {"train": "train", "val": "val", "validation": "val", "dev": "val", "test": "test"}


def _read_challenge(
    folder: LabelFolder, files: Sequence[str], params: IngestionParams
) -> pd.DataFrame:
    there = {dirname(name) for name in files}
    tables = []
    for name in sorted(folder.texts):
        split = _CHALLENGE.fullmatch(name)[1]  # type: ignore[index]
        homes = [f"{dirname(name)}/{home}".lstrip("/") for home in (f"{split}set", split)]
        home = next((home for home in homes if home in there), homes[0])
        labels = _NUMBERS | params.targets
        file = LabelFile(f"{folder.where}/{name}", folder.texts[name])
        table, _ = parse_labels(file, columns=params.columns, labels=set(labels))
        tables.append(_complete(folder, name, table, labels, home).assign(split=split))
    return pd.concat(tables, ignore_index=True)


def _read_metadata(
    folder: LabelFolder, files: Sequence[str], params: IngestionParams
) -> pd.DataFrame:
    tables = []
    for name in sorted(folder.texts):
        data = folder.texts[name]
        data = _from_json_lines(folder, name) if name.endswith(".jsonl") else data
        file = LabelFile(f"{folder.where}/{name}", data)
        columns = _columns_of(file, params.columns)
        table, _ = parse_labels(file, columns=columns, labels={"real", "fake"})
        # A number is the position of a class in a list that lies elsewhere: it has to be named.
        table = _complete(folder, name, table, params.targets, dirname(name))
        tables.append(table.assign(split=table["img_name"].map(_split_of)))
    return pd.concat(tables, ignore_index=True)


def _complete(
    folder: LabelFolder, name: str, table: pd.DataFrame, labels: Mapping[str, int], home: str
) -> pd.DataFrame:
    given = table["target"]
    targets = given.map({text: labels.get(plain_label(text)) for text in given.unique()})
    if targets.isna().any():
        unknown = sorted(given[targets.isna()].unique())
        raise ManifestError(
            f"{folder.where}: {name}: {targets.isna().sum():,} of {len(table):,} labels may mean "
            f"either class: {show_columns(unknown)}; say which are forged in ingestion.targets, as "
            f"in {{{unknown[0] or 'authentic'}: 0, swapped: 1}}"
        )
    empty = {column: "" for column in ("kind", "source", "group", "video") if column not in table}
    names = table["img_name"].map(lambda image: normpath(f"{home}/{image}".lstrip("/")))
    if "frame" in table:
        table = table.assign(frame=read_numbers(table["frame"]))
    return table.assign(**empty, img_name=names, target=targets)


def _columns_of(file: LabelFile, columns: ColumnNames) -> ColumnNames:
    """Return the names of the columns with that of the labels, if one is called as usual."""
    try:
        if file.data.startswith(b"PAR1"):
            there = open_table(file.data).schema_arrow.names
        else:
            line = file.data.lstrip(b"\xef\xbb\xbf\r\n").splitlines()[:1]
            there = next(csv.reader([b"".join(line).decode("utf-8", "replace")]), [])
    except (pa.ArrowException, OSError, csv.Error):
        return columns  # reading it will say what is wrong
    found = [name for name in (columns.target, *_LABELS) if name in there]
    return columns.model_copy(update={"img_name": "file_name", "target": [*found, "label"][0]})


def _split_of(name: str) -> str:
    return next((_SPLITS[part] for part in name.lower().split("/") if part in _SPLITS), "")


def _from_json_lines(folder: LabelFolder, name: str) -> bytes:
    """Return a Parquet table of the texts and numbers of JSON lines."""
    rows = []
    try:
        for line in filter(None, map(bytes.strip, folder.texts[name].splitlines())):
            row = json.loads(line)
            if not isinstance(row, dict):
                raise fault_of(folder, name, row, "a mapping a line, with file_name and a label")
            rows.append({k: str(v) for k, v in row.items() if isinstance(v, str | int | float)})
    except (ValueError, RecursionError) as error:
        if isinstance(error, ManifestError):
            raise
        raise ManifestError(
            f"{folder.where}: {name}, line {len(rows) + 1:,} or a blank line before it, is no JSON"
        ) from error
    buffer = io.BytesIO()
    pd.DataFrame(rows, dtype="str").fillna("").to_parquet(buffer)
    return buffer.getvalue()


MULTI_FFDI = Layout(
    name="multi_ffdi",
    label_files=_CHALLENGE,
    fits=lambda names: any(map(_CHALLENGE.match, names)),
    read=_read_challenge,
)
IMAGE_FOLDER = Layout(
    name="image_folder",
    label_files=_METADATA,
    fits=lambda names: any(map(_METADATA.match, names)) and not says_class(names),
    read=_read_metadata,
)
