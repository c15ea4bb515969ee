"""Verdicts that are written as they come: interrupted, continued, in three formats."""

import json
import logging
from dataclasses import replace

import pandas as pd
import pytest
from kedro.io import DatasetError

from face_forgery.datasets import journals
from face_forgery.datasets.atomic import replacing
from face_forgery.datasets.predictions import BegunPredictionsDataset, PredictionsDataset
from face_forgery.inference.job import Begun, PartOfJob

ROWS = pd.DataFrame(
    {
        "img_name": ["a.jpg", "NA", 'comma, "quote".png', "täuschung\n.jpg", "e.jpg"],
        "y_pred": [0.1, 1 / 3, float("nan"), 1e-12, 0.9999999999999999],
        "verdict": ["real", "unsure", None, "real", "fake"],
        "status": ["ok", "ok", "unreadable", "ok", "ok"],
        "detail": ["", "", "it is empty", "", ""],
    }
).astype({"img_name": "string", "verdict": "string", "status": "string", "detail": "string"})


def part(start: int, end: int, job: str = "job") -> PartOfJob:
    return PartOfJob(job, start, len(ROWS), ROWS.iloc[start:end])


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "p.jsonl", "P.CSV"])
def test_parts_become_the_same_table_in_every_format(tmp_path, name):
    dataset = PredictionsDataset(filepath=str(tmp_path / name))
    dataset.save(part(0, 2))
    assert not dataset.exists()
    dataset.save(part(2, 4))
    dataset.save(part(4, 5))
    read = PredictionsDataset(filepath=str(tmp_path / name)).load()
    assert read["y_pred"].tolist() == pytest.approx(ROWS["y_pred"].tolist(), abs=1e-15, nan_ok=True)
    for column in ("img_name", "verdict", "status", "detail"):
        got, wanted = read[column].astype(object), ROWS[column].astype(object)
        assert got.where(got.notna(), None).tolist() == wanted.where(wanted.notna(), None).tolist()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_csv_has_the_header_of_the_contract_and_every_digit(tmp_path):
    dataset = PredictionsDataset(filepath=str(tmp_path / "p.csv"))
    dataset.save(part(0, 5))
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert lines[0] == "img_name,y_pred,verdict,status,detail"
    assert lines[2] == "NA,0.3333333333333333,unsure,ok,"
    assert lines[-1] == "e.jpg,0.9999999999999999,fake,ok,"


def test_a_killed_job_is_continued_behind_what_is_whole(tmp_path):
    path = str(tmp_path / "p.csv")
    PredictionsDataset(filepath=path).save(part(0, 2))
    with (tmp_path / "p.csv.begun.csv").open("a") as torn:
        torn.write('"a row that the kill has cut')
    begun = BegunPredictionsDataset(filepath=path)
    assert begun.load() == Begun("job", 2)
    PredictionsDataset(filepath=path).save(part(2, 4))
    assert begun.load() == Begun("job", 4)
    PredictionsDataset(filepath=path).save(part(4, 5))
    assert begun.load() is None
    whole = PredictionsDataset(filepath=path).load()
    assert whole["img_name"].tolist() == ROWS["img_name"].tolist()


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "p.jsonl"])
def test_a_carriage_return_breaks_no_row(tmp_path, name):
    rows = ROWS.assign(detail=["", "", "damaged: a\rb", "", ""])
    dataset = PredictionsDataset(filepath=str(tmp_path / name))
    dataset.save(PartOfJob("job", 0, len(rows), rows))
    assert dataset.load()["detail"].fillna("").tolist() == rows["detail"].tolist()


class Killed(BaseException):
    """Stands for a signal that ends the process."""


@pytest.mark.parametrize("num_replaced", [0, 1, 2])
def test_a_run_killed_at_its_very_end_has_lost_nothing(tmp_path, monkeypatch, num_replaced):
    path = str(tmp_path / "p.csv")
    faces = pd.DataFrame({"img_name": ["a.jpg"], "face": [1]})
    whole_job = PartOfJob("job", 0, len(ROWS), ROWS, faces)
    replaced = []

    def replacing_or_dying(target):
        if target.name in ("p.csv", "p_faces.csv"):
            if len(replaced) == num_replaced:
                raise Killed
            replaced.append(target.name)
        return replacing(target)

    def remove_or_die(journal):
        if len(replaced) == num_replaced:
            raise Killed

    PredictionsDataset(filepath=path).save(part_of(whole_job, 0, 2))
    with monkeypatch.context() as patches:
        patches.setattr(journals, "replacing", replacing_or_dying)
        patches.setattr(journals._LocalJournal, "_remove", remove_or_die)
        with pytest.raises(Killed):
            PredictionsDataset(filepath=path).save(part_of(whole_job, 2, 5))
    assert BegunPredictionsDataset(filepath=path).load() == Begun("job", 5)

    PredictionsDataset(filepath=path).save(part_of(whole_job, 5, 5))
    assert len(PredictionsDataset(filepath=path).load()) == len(ROWS)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["p.csv", "p_faces.csv"]


def part_of(job, start, end):
    return replace(job, start=start, rows=job.rows.iloc[start:end], faces=job.faces.iloc[start:end])


def test_an_older_table_stays_until_the_new_one_is_whole(tmp_path):
    path = str(tmp_path / "p.csv")
    PredictionsDataset(filepath=path).save(part(0, 5, job="old"))
    PredictionsDataset(filepath=path).save(part(0, 2, job="new"))
    assert len(PredictionsDataset(filepath=path).load()) == 5


def test_rows_that_do_not_follow_are_refused(tmp_path):
    path = str(tmp_path / "p.csv")
    PredictionsDataset(filepath=path).save(part(0, 2))
    for wrong in (part(3, 5), part(2, 5, job="another")):
        with pytest.raises(DatasetError, match="does not follow what is written"):
            PredictionsDataset(filepath=path).save(wrong)


def test_another_job_begins_anew_and_says_so(tmp_path, caplog):
    path = str(tmp_path / "p.csv")
    PredictionsDataset(filepath=path).save(part(0, 2))
    with caplog.at_level(logging.WARNING):
        PredictionsDataset(filepath=path).save(part(0, 5, job="another"))
    assert "2 verdicts of another job" in caplog.text
    assert len(PredictionsDataset(filepath=path).load()) == 5


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"job": "job"})])
def test_a_damaged_state_names_the_files_to_delete(tmp_path, text):
    path = str(tmp_path / "p.csv")
    PredictionsDataset(filepath=path).save(part(0, 2))
    (tmp_path / "p.csv.begun.json").write_text(text)
    with pytest.raises(DatasetError, match=r"delete it and p.csv.begun.csv"):
        BegunPredictionsDataset(filepath=path).load()


@pytest.mark.parametrize("end", [4, 5])
@pytest.mark.parametrize("content", [None, "", "img_name\n" * 100])
def test_rows_that_go_away_under_way_are_an_error_and_no_shorter_table(tmp_path, end, content):
    path, begun = str(tmp_path / "p.csv"), tmp_path / "p.csv.begun.csv"
    dataset = PredictionsDataset(filepath=path)
    dataset.save(part(0, 2))
    size = begun.stat().st_size
    begun.unlink()
    if content is not None:
        begun.write_text(content)
    with pytest.raises(DatasetError, match=rf"begun.csv: it holds .* and {size} were written"):
        dataset.save(part(2, end))
    assert not dataset.exists()


def test_rows_that_go_away_at_the_very_end_are_an_error(tmp_path, monkeypatch):
    begun = tmp_path / "p.csv.begun.csv"
    append = journals._LocalJournal.append

    def append_and_lose(journal, part):
        append(journal, part)
        begun.write_text("img_name\n")

    monkeypatch.setattr(journals._LocalJournal, "append", append_and_lose)
    dataset = PredictionsDataset(filepath=str(tmp_path / "p.csv"))
    with pytest.raises(DatasetError, match=r"begun.csv: it holds 9 bytes"):
        dataset.save(part(0, 5))
    assert not dataset.exists()


def test_the_same_catalog_runs_a_job_twice(tmp_path):
    path = str(tmp_path / "p.csv")
    dataset = PredictionsDataset(filepath=path)
    dataset.save(part(0, 2))
    dataset.save(part(0, 2))
    dataset.save(part(2, 5))
    assert len(dataset.load()) == len(ROWS)


def test_rows_that_got_lost_begin_anew(tmp_path):
    path = str(tmp_path / "p.csv")
    PredictionsDataset(filepath=path).save(part(0, 2))
    (tmp_path / "p.csv.begun.csv").write_text("")
    assert BegunPredictionsDataset(filepath=path).load() is None
