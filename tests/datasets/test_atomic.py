"""What every file of the catalog owes: replaced in one step, read back, shown, named if damaged."""

import base64
import errno
import json
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure

from face_forgery.datasets import atomic
from face_forgery.datasets.atomic import replacing

NAMES = ("NA", "null", "007", "1e5", 'a,"b".jpg', "a\nb", "a\rb", "a\r\nb", "图.jpg", " x ")


def make_figure(title="drawn"):
    figure = Figure(figsize=(2, 1))
    figure.subplots().set_title(title)
    return figure


TABLE = pd.DataFrame({"path": ["a", None, "c"], "target": [1, None, 0]}, index=[7, 3, 5]).astype(
    {"path": "string", "target": "Int8"}
)
SUBMISSION = pd.DataFrame({"img_name": ["a", "b"], "y_pred": [0.25, np.nan]}, index=[7, 3])
METRICS = {"auc": {"value": 0.75, "low": None}, "names": ["脸.png", "a"], "count": 3}
FILES = {  # entry: (a value, another one, the bytes of the first or how they begin)
    "manifest": (TABLE, TABLE[:1], b"PAR1"),
    "roc_curve": (SUBMISSION, SUBMISSION[:1], b"img_name,y_pred\na,0.25\nb,\n"),
    "submission": (SUBMISSION, SUBMISSION[:1], b"img_name,y_pred\na,0.25\nb,\n"),
    "metrics": (METRICS, {"auc": 1}, b'{\n  "auc": {\n    "value": 0.75,'),
    "report": ("<p>脸</p>\nend\n", "new", "<p>脸</p>\nend\n".encode()),
    "roc_figure": (make_figure(), make_figure("other"), b"\x89PNG\r\n"),
    "onnx_detector": (b"\x00\r\n\xff", b"new", b"\x00\r\n\xff"),
}
each_file = pytest.mark.parametrize("name", FILES)


def is_equal(read, saved):
    if isinstance(saved, pd.DataFrame):
        return read.convert_dtypes().equals(saved.reset_index(drop=True).convert_dtypes())
    return isinstance(saved, Figure) or read == saved


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def disk_full(*args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def killed(*args):
    raise KeyboardInterrupt


@each_file
def test_a_value_comes_back_from_a_file_of_the_same_bytes(dataset_at, tmp_path, name):
    value, _, beginning = FILES[name]
    file, again = tmp_path / "new" / "file", tmp_path / "again"
    dataset = dataset_at(name, file)
    assert not dataset.exists()
    dataset.save(value)
    assert dataset.exists()
    assert is_equal(dataset.load(), value)
    assert file.read_bytes().startswith(beginning)
    assert names_in(file.parent) == ["file"]
    dataset_at(name, again).save(value)
    assert again.read_bytes() == file.read_bytes()


@each_file
def test_a_save_that_breaks_off_leaves_the_old_file(dataset_at, tmp_path, monkeypatch, name):
    value, other, _ = FILES[name]
    dataset = dataset_at(name, tmp_path / "file")
    dataset.save(value)
    before = (tmp_path / "file").read_bytes()
    for interruption in (disk_full, killed):
        monkeypatch.setattr(atomic, "flush_to_disk", interruption)
        with pytest.raises((DatasetError, KeyboardInterrupt), match=r"No space left|^$"):
            dataset.save(other)
        assert (tmp_path / "file").read_bytes() == before
        assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["manifest", "submission", "metrics", "report"])
def test_a_missing_or_damaged_file_is_named_with_what_to_do(dataset_at, tmp_path, name):
    dataset = dataset_at(name, tmp_path / "file")
    with pytest.raises(DatasetError, match="file: no such file; run the pipeline"):
        dataset.load()
    (tmp_path / "file").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=r"file: not [\w -]+ \(.*run the pipeline that writes"):
        dataset.load()


@pytest.mark.parametrize("name", ["known_facts", "audit_figure"])
def test_what_is_optional_and_not_there_is_none(dataset_at, tmp_path, name):
    dataset = dataset_at(name, tmp_path / "gone")
    assert dataset.load() is None
    assert not dataset.exists()


@pytest.mark.parametrize("num_rows", [0, 2, 9])
@pytest.mark.parametrize("name", ["manifest", "submission"])
def test_the_preview_of_a_table_is_its_first_rows_without_nan(dataset_at, tmp_path, name, num_rows):
    dataset = dataset_at(name, tmp_path / "file")
    dataset.save(pd.DataFrame({"img_name": list("abcdefghi")[:num_rows], "x": None}))
    shown = json.loads(json.dumps(dataset.preview(nrows=3), allow_nan=False))
    assert shown["columns"] == ["img_name", "x"]
    assert shown["data"] == [[letter, None] for letter in "abc"[:num_rows]]


def test_figures_and_numbers_are_previewed(dataset_at, tmp_path):
    figure, metrics = (dataset_at(name, tmp_path / name) for name in ("roc_figure", "metrics"))
    figure.save(make_figure())
    metrics.save(METRICS)
    assert base64.b64decode(figure.preview()) == figure.load()
    assert json.loads(metrics.preview()) == METRICS
    assert not hasattr(dataset_at("report", tmp_path / "c"), "preview")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"auc": {"low": math.nan}, "rates": [0.0, math.inf]}, r"2 n.*auc\.low=nan, rates\[1\]"),
        ({"x": {1, 2}}, "not JSON serializable"),
    ],
)
def test_json_refuses_what_json_does_not_have(dataset_at, tmp_path, value, message):
    dataset = dataset_at("metrics", tmp_path / "metrics.json")
    dataset.save({"auc": 1.0})
    with pytest.raises(DatasetError, match=message):
        dataset.save(value)
    assert dataset.load() == {"auc": 1.0}
    assert names_in(tmp_path) == ["metrics.json"]


@pytest.mark.parametrize("name", ["submission", "roc_curve"])
def test_any_name_of_an_image_and_every_bit_of_a_score_come_back(dataset_at, tmp_path, name):
    scores = np.random.default_rng(0).random(2000)
    scores[:4] = [0.0, 1.0, np.nextafter(0.5, 1), np.nan]
    table = pd.DataFrame({"img_name": (NAMES * 200)[:2000], "y_pred": scores, "why": None})
    table.loc[1, "why"] = "x"
    dataset = dataset_at(name, tmp_path / "file")
    dataset.save(table)
    read = dataset.load()
    assert read["img_name"].tolist() == table["img_name"].tolist()
    assert read["why"].isna().sum() == 1999
    assert np.array_equal(read["y_pred"], scores, equal_nan=True)


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "value"
    path.write_text("old")
    with replacing(path) as partial:
        partial.write_text("ne")
        assert path.read_text() == "old"
        partial.write_text("new")
    assert path.read_text() == "new"


def test_a_writer_that_hides_a_full_disk_ends_in_what_the_system_says(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", disk_full)
    target = tmp_path / "state.pt"
    target.write_text("old")

    def write():
        with replacing(target) as partial:
            partial.write_text("half")
            raise RuntimeError("unexpected pos 64 vs 0")

    with pytest.raises(OSError, match=r"state\.pt") as caught:
        write()
    assert caught.value.errno == errno.ENOSPC
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("state.pt", "old")]


def test_an_error_stays_what_it_is_where_the_disk_has_room_or_nothing_can_be_removed(
    tmp_path, monkeypatch
):
    with pytest.raises(KeyError), replacing(tmp_path / "x.json"):
        raise KeyError("x")
    assert names_in(tmp_path) == []

    def unlink(path, missing_ok=False):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(OSError, match="No space left"), replacing(tmp_path / "x.json"):
        disk_full()
