"""JSON, text and figures come back whole, or the old file stays."""

import base64
import json
import math

import pandas as pd
import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure

from face_forgery.datasets import atomic
from face_forgery.datasets.atomic import replacing
from face_forgery.datasets.figure import FigureDataset
from face_forgery.datasets.json_file import AtomicJSONDataset
from face_forgery.datasets.parquet_file import AtomicParquetDataset
from face_forgery.datasets.text_file import AtomicTextDataset

PNG_START = b"\x89PNG\r\n"


def make_figure(title="drawn"):
    figure = Figure(figsize=(2, 1))
    figure.subplots().set_title(title)
    return figure


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_json_returns_what_was_saved(tmp_path):
    dataset = AtomicJSONDataset(filepath=str(tmp_path / "new" / "metrics.json"))
    value = {"auc": {"value": 0.75, "low": None}, "names": ["脸.png", "a"], "count": 3}
    dataset.save(value)
    assert dataset.load() == value
    assert names_in(tmp_path / "new") == ["metrics.json"]


def test_json_refuses_nan_and_names_where_it_is(tmp_path):
    dataset = AtomicJSONDataset(filepath=str(tmp_path / "metrics.json"))
    dataset.save({"auc": 1.0})
    with pytest.raises(DatasetError, match=r"2 number\(s\).*auc\.low=nan, rates\[1\]=inf"):
        dataset.save({"auc": {"low": math.nan}, "rates": [0.0, math.inf]})
    assert dataset.load() == {"auc": 1.0}


def test_json_refuses_values_that_json_does_not_have(tmp_path):
    with pytest.raises(DatasetError, match="not JSON serializable"):
        AtomicJSONDataset(filepath=str(tmp_path / "x.json")).save({"x": {1, 2}})
    assert names_in(tmp_path) == []


def test_damaged_json_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text('{"auc": ')
    with pytest.raises(DatasetError, match=r"metrics\.json: not JSON .*run the pipeline"):
        AtomicJSONDataset(filepath=str(path)).load()


def test_json_preview_is_what_kedro_viz_reads(tmp_path):
    dataset = AtomicJSONDataset(filepath=str(tmp_path / "metrics.json"))
    dataset.save({"auc": 0.5})
    assert json.loads(dataset.preview()) == {"auc": 0.5}


@pytest.mark.parametrize("dataset_type", [AtomicJSONDataset, FigureDataset])
def test_what_is_optional_and_not_there_is_none(tmp_path, dataset_type):
    path = str(tmp_path / "nothing")
    dataset = dataset_type(filepath=path, optional=True)
    assert dataset.exists()
    assert dataset.load() is None
    with pytest.raises(DatasetError, match="nothing"):
        dataset_type(filepath=path).load()


def test_text_keeps_its_line_ends_and_letters(tmp_path):
    dataset = AtomicTextDataset(filepath=str(tmp_path / "report.html"))
    dataset.save("<p>脸 é</p>\nend\n")
    assert (tmp_path / "report.html").read_bytes() == "<p>脸 é</p>\nend\n".encode()
    assert dataset.load() == "<p>脸 é</p>\nend\n"


def test_table_comes_back_with_its_types_and_without_its_index(tmp_path):
    table = pd.DataFrame({"path": ["a", "b"], "target": [1, None]}, index=[7, 3])
    table = table.astype({"path": "string", "target": "Int8"})
    dataset = AtomicParquetDataset(filepath=str(tmp_path / "table.parquet"))
    dataset.save(table)
    pd.testing.assert_frame_equal(dataset.load(), table.reset_index(drop=True))


@pytest.mark.parametrize(("num_rows", "num_shown"), [(0, 0), (2, 2), (9, 3)])
def test_table_preview_shows_the_first_rows_and_no_nan(tmp_path, num_rows, num_shown):
    dataset = AtomicParquetDataset(filepath=str(tmp_path / "table.parquet"))
    dataset.save(pd.DataFrame({"n": range(num_rows), "x": [None] * num_rows}))
    shown = json.loads(json.dumps(dataset.preview(nrows=3), allow_nan=False))
    assert shown["columns"] == ["n", "x"]
    assert shown["data"] == [[n, None] for n in range(num_shown)]


def test_figure_comes_back_as_the_png_on_disk(tmp_path):
    dataset = FigureDataset(filepath=str(tmp_path / "roc.png"))
    dataset.save(make_figure())
    assert dataset.load() == (tmp_path / "roc.png").read_bytes()
    assert dataset.load().startswith(PNG_START)
    assert base64.b64decode(dataset.preview()) == dataset.load()


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    first, second = (FigureDataset(filepath=str(tmp_path / f"{n}.png")) for n in (1, 2))
    first.save(make_figure())
    second.save(make_figure())
    assert first.load() == second.load()


@pytest.mark.parametrize(
    ("dataset_type", "old", "broken"),
    [
        (AtomicJSONDataset, {"a": 1}, {"a": 2}),
        (AtomicTextDataset, "old", "new"),
        (FigureDataset, make_figure("old"), make_figure("new")),
        (AtomicParquetDataset, pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})),
    ],
)
def test_a_save_that_fails_at_the_end_leaves_the_old_file(
    tmp_path, monkeypatch, dataset_type, old, broken
):
    dataset = dataset_type(filepath=str(tmp_path / "value"))
    dataset.save(old)
    before = str(dataset.load())

    def disk_full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_flush_to_disk", disk_full)
    with pytest.raises(DatasetError, match="No space left"):
        dataset.save(broken)
    assert str(dataset.load()) == before
    assert names_in(tmp_path) == ["value"]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "value"
    path.write_text("old")
    with replacing(path) as partial:
        partial.write_text("ne")
        assert path.read_text() == "old"
        partial.write_text("new")
    assert path.read_text() == "new"
    assert names_in(tmp_path) == ["value"]


@pytest.mark.parametrize(
    "dataset_type", [AtomicJSONDataset, AtomicTextDataset, FigureDataset, AtomicParquetDataset]
)
def test_exists_says_whether_the_file_is_there(tmp_path, dataset_type):
    dataset = dataset_type(filepath=str(tmp_path / "value"))
    assert not dataset.exists()
    (tmp_path / "value").write_text("x")
    assert dataset.exists()
