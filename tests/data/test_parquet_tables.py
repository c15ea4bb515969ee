"""A Parquet table unpacks to what its file is worth, and no further."""

from contextlib import contextmanager

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from face_forgery.data import parquet_tables
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import LabelFile, read_labels
from face_forgery.data.parquet_tables import UnpackedError, check_unpacked
from face_forgery.datasets.atomic import FileError
from face_forgery.datasets.score_sets import ScoreSetsDataset


def packed(text: str, rows: int) -> bytes:
    words = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([text]))
    file = pa.BufferOutputStream()
    table = pa.table({"img_name": words, "target": words})
    parquet.write_table(table, file, compression="zstd")
    return file.getvalue().to_pybytes()


@contextmanager
def pool_of_its_own():
    """What Arrow allocates from, and how much it took since."""
    before = pa.default_memory_pool()
    counted = pa.proxy_memory_pool(before)
    pa.set_memory_pool(counted)
    try:
        yield counted
    finally:
        pa.set_memory_pool(before)


@pytest.mark.parametrize(
    ("text", "rows", "message"),
    [
        ("x" * 2**20, 100, "bytes that unpack to more than"),
        ("x" * 2**26, 1, "bytes that unpack to more than"),
        ("x" * 1000, 1_000_000, "bytes that unpack to more than"),
        ("x", 10_000_001, "10,000,001 rows, more than the 10,000,000"),
    ],
)
def test_a_word_many_times_is_refused_before_it_takes_memory(
    tmp_path, make_params, *, text, rows, message
):
    data = packed(text, rows)
    with pool_of_its_own() as pool, pytest.raises(UnpackedError, match=message):
        check_unpacked(data)
    assert pool.max_memory() < 2**25
    params = make_params()
    with pytest.raises(ManifestError, match=rf"^labels: a Parquet table of .*{message}"):
        read_labels({"train": LabelFile("labels", data)}, params.data, params.ingestion)
    (tmp_path / "scores").write_bytes(data)
    scores = ScoreSetsDataset(sources={"a": str(tmp_path / "scores")}, tracking_uri="")
    with pytest.raises(FileError, match=message):
        scores._read("a", str(tmp_path / "scores"))


def test_a_footer_of_more_parts_than_are_read_is_refused(monkeypatch):
    file = pa.BufferOutputStream()
    parquet.write_table(pa.table({"img_name": ["a"] * 100}), file, row_group_size=1)
    data = file.getvalue().to_pybytes()
    assert check_unpacked(data) == ["img_name"]
    monkeypatch.setattr(parquet_tables, "MAX_TABLE_PARTS", 50)
    with pytest.raises(OSError, match="thrift"):
        check_unpacked(data)


def test_columns_of_lists_are_left_out_and_all_others_are_read(tmp_path):
    table = pd.DataFrame(
        {
            "img_name": ["a.jpg", "b.jpg"],
            "y_pred": [0.25, 0.75],
            "kind": pd.Categorical(["swap", None]),
            "when": pd.to_datetime(["2026-01-01", "2026-01-02"]),
            "raw": [b"a", None],
            "none": [None, None],
        },
        index=[7, 8],
    )
    path = tmp_path / "scores.parquet"
    table.assign(features=[[1.0], [2.0]]).to_parquet(path)
    scores = ScoreSetsDataset(sources={"a": str(path)}, tracking_uri="").load()["a"]
    pd.testing.assert_frame_equal(scores, pd.read_parquet(path).drop(columns="features"))


def test_names_that_differ_in_their_numbers_alone_are_an_honest_table(monkeypatch):
    monkeypatch.setattr(parquet_tables, "MAX_UNPACKED", 0)
    names = pa.array([f"data/train/manipulated/img_{number:08d}.jpg" for number in range(200_000)])
    file = pa.BufferOutputStream()
    table = pa.table({"img_name": names, "target": np.zeros(len(names), int)})
    parquet.write_table(table, file, compression="zstd", compression_level=9)
    assert check_unpacked(file.getvalue().to_pybytes()) == ["img_name", "target"]
