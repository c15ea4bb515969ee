"""CSV tables come back as they were, and a killed save changes nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from face_forgery.datasets.csv_file import AtomicCSVDataset


@pytest.fixture
def dataset(tmp_path):
    return AtomicCSVDataset(filepath=str(tmp_path / "new" / "a.csv"), dtype={"img_name": "string"})


def test_scores_come_back_to_the_last_bit(dataset):
    scores = np.random.default_rng(0).random(2000)
    scores[:3] = [0.0, 1.0, np.nextafter(0.5, 1)]
    dataset.save(pd.DataFrame({"img_name": "a", "y_pred": scores}))
    assert np.array_equal(dataset.load()["y_pred"].to_numpy(), scores)


@pytest.mark.parametrize(
    "name", ["NA", "null", "007", "1e5", 'a,"b".jpg', "a\nb", "a\rb", "a\r\nb", "图.jpg", " x "]
)
def test_any_name_comes_back(dataset, name):
    dataset.save(pd.DataFrame({"img_name": [name], "y_pred": [0.5]}))
    assert dataset.load()["img_name"].tolist() == [name]


def test_numbers_and_missing_values_beside_a_carriage_return_stay_what_they_are(dataset):
    table = pd.DataFrame({"img_name": ["a\rb", "c"], "y_pred": [None, 0.25], "why": [None, "x"]})
    dataset.save(table)
    read = dataset.load()
    assert read["img_name"].tolist() == ["a\rb", "c"]
    assert read["y_pred"].isna().tolist() == read["why"].isna().tolist() == [True, False]
    assert read["y_pred"][1] == 0.25


def test_lines_end_with_lf_and_there_is_no_index(dataset, tmp_path):
    dataset.save(pd.DataFrame({"img_name": ["a"], "y_pred": [0.25]}, index=[7]))
    assert (tmp_path / "new" / "a.csv").read_bytes() == b"img_name,y_pred\na,0.25\n"


def test_a_missing_value_is_an_empty_field(dataset, tmp_path):
    dataset.save(pd.DataFrame({"img_name": ["a", "b"], "y_pred": [np.nan, 1.0]}))
    assert (tmp_path / "new" / "a.csv").read_text() == "img_name,y_pred\na,\nb,1.0\n"
    assert dataset.load()["y_pred"].isna().tolist() == [True, False]


def test_a_save_that_fails_leaves_the_table_before(dataset, tmp_path, monkeypatch):
    before = pd.DataFrame({"img_name": ["a"], "y_pred": [0.5]})
    dataset.save(before)

    def write_half(self, text, **options):
        self.write_bytes(text[:6].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(DatasetError, match="No space left"):
        dataset.save(before)
    assert dataset.load()["y_pred"].tolist() == [0.5]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.csv"]


def test_the_preview_is_json_and_short(dataset):
    dataset.save(pd.DataFrame({"img_name": list("abc"), "y_pred": [np.nan, 0.5, 1.0]}))
    shown = json.loads(json.dumps(dataset.preview(nrows=2), allow_nan=False))
    assert shown["columns"] == ["img_name", "y_pred"]
    assert shown["data"] == [["a", None], ["b", 0.5]]
