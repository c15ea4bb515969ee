"""Trees in miniature, of names and label files alone."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pytest

from face_forgery.data.labels.layouts.reading import label_files
from face_forgery.data.labels.readers import LabelFolder, read_sources


@pytest.fixture(scope="session")
def make_folder() -> Callable[..., LabelFolder]:
    """Names, texts of label files, where -> the folder as the dataset loads it."""

    def make(
        names: list[str], texts: Mapping[str, str | bytes] = {}, where: str = "set"
    ) -> LabelFolder:
        data = {n: t.encode() if isinstance(t, str) else t for n, t in texts.items()}
        there = tuple(sorted({*names, *data}))
        read = data if where.endswith(".json") else {n: data[n] for n in label_files(where, there)}
        return LabelFolder(where, there, read)

    return make


@pytest.fixture(scope="session")
def read_tree(make_folder: Any, make_params: Any) -> Callable[..., Any]:
    """Names, texts, subsets that name the folder -> the label table, and what is unlisted."""

    def read(
        names: list[str],
        texts: Mapping[str, str | bytes] = {},
        *,
        subsets: tuple[str, ...] = ("train",),
        where: str = "set",
        **changes: Any,
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        folder = make_folder(names, texts, where)
        data = {f"data.{s}_labels": None for s in ("val", "test") if s not in subsets}
        data |= {f"data.{s}_{part}": where for s in subsets for part in ("labels", "images")}
        params = make_params(**data, **changes)
        return read_sources(dict.fromkeys(subsets, folder), params.data, params.ingestion)

    return read


@pytest.fixture(scope="session")
def frames() -> Callable[..., list[str]]:
    """Folders -> two frames in each."""

    def make(*folders: str) -> list[str]:
        return [f"{folder}/{number:04}.png" for folder in folders for number in (0, 30)]

    return make
