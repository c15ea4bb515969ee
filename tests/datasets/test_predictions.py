"""Verdicts that are written as they come: interrupted, continued, in three formats, anywhere."""

import fsspec
import pandas as pd
import pytest
from kedro.framework.context.context import _convert_paths_to_absolute_posix
from kedro.io import DatasetError

from face_forgery.datasets import predictions as module
from face_forgery.datasets.predictions import BegunPredictionsDataset, PredictionsDataset
from face_forgery.datasets.user_files import ImageListDataset
from face_forgery.inference.job import Begun, PartOfJob

ROWS = pd.DataFrame(
    {
        "img_name": ["a.jpg", "NA", 'comma, "quote".png', "täuschung\n.jpg", "e.jpg"],
        "y_pred": [0.1, 1 / 3, float("nan"), 1e-12, 0.9999999999999999],
        "verdict": ["real", "unsure", None, "real", "fake"],
        "status": ["ok", "ok", "unreadable", "ok", "ok"],
        "detail": ["", "", "it is empty", "", "damaged: a\rb"],
    }
).astype({"img_name": "string", "verdict": "string", "status": "string", "detail": "string"})
FACES = pd.DataFrame({"img_name": ["a.jpg", "e.jpg"], "face": [1, 1], "y_pred": [0.1, 0.99]})


class Killed(BaseException):
    """Stands for a signal that ends the process."""


class Folder:
    """A folder on a disk or in a bucket, and what a run does to a table in it."""

    def __init__(self, root):
        self.system, self.path = fsspec.core.url_to_fs(root)
        self.root = root

    def dataset(self, name="p.csv"):
        return PredictionsDataset(filepath=f"{self.root}/{name}")

    def save(self, *parts, name="p.csv"):
        """Save with a dataset of its own, as another run would."""
        dataset = self.dataset(name)
        for one in parts:
            dataset.save(one)

    def begun(self, name="p.csv"):
        return BegunPredictionsDataset(filepath=f"{self.root}/{name}").load()

    def files(self):
        return sorted(path.removeprefix(f"{self.path}/") for path in self.system.find(self.path))


@pytest.fixture(params=["disk", "bucket"])
def folder(request, tmp_path):
    if request.param == "disk":
        yield Folder(str(tmp_path))
        return
    system = fsspec.filesystem("memory")
    yield Folder("memory://bucket")
    if system.exists("/bucket"):
        system.rm("/bucket", recursive=True)


def part(start: int, end: int, job: str = "job", faces: pd.DataFrame | None = None) -> PartOfJob:
    return PartOfJob(job, start, len(ROWS), ROWS.iloc[start:end], faces)


@pytest.mark.parametrize("name", ["p.csv", "deep/p.parquet", "p.jsonl", "P.CSV"])
def test_parts_become_the_same_table_in_every_format(folder, name):
    folder.save(part(0, 2), part(2, 4), name=name)
    assert not folder.dataset(name).exists()
    folder.save(part(4, 5), name=name)
    assert folder.dataset(name).exists()
    read = folder.dataset(name).load()
    assert read["y_pred"].tolist() == pytest.approx(ROWS["y_pred"].tolist(), abs=1e-15, nan_ok=True)
    for column in ("img_name", "verdict", "status", "detail"):
        got, wanted = read[column].astype(object), ROWS[column].astype(object)
        assert got.where(got.notna(), None).tolist() == wanted.where(wanted.notna(), None).tolist()
    assert folder.files() == [name]


def test_the_csv_has_the_header_of_the_contract_and_every_digit(folder):
    dataset = folder.dataset()
    for one in (part(0, 2), part(0, 4), PartOfJob("job", 4, 5, ROWS.iloc[4:].assign(detail=""))):
        dataset.save(one)  # the same catalog may run a job twice
    lines = folder.system.cat_file(f"{folder.path}/p.csv").decode().split("\n")
    assert lines[0] == "img_name,y_pred,verdict,status,detail"
    assert lines[2] == "NA,0.3333333333333333,unsure,ok,"
    assert lines[-2:] == ["e.jpg,0.9999999999999999,fake,ok,", ""]


@pytest.mark.parametrize("torn", ["job-000000000002-000000000004-faces.csv", ".x-rows.csv.partial"])
def test_a_killed_job_is_continued_behind_what_is_whole(folder, torn):
    folder.save(part(0, 2))
    folder.system.pipe_file(f"{folder.path}/p.csv.begun/{torn}", b"no rows yet")
    assert folder.begun() == Begun("job", 2)
    folder.save(part(2, 4))
    assert folder.begun() == Begun("job", 4)
    folder.save(part(4, 5))
    assert folder.begun() is None
    assert folder.dataset().load()["img_name"].tolist() == ROWS["img_name"].tolist()


@pytest.mark.parametrize("num_steps", [0, 1, 2])
def test_a_run_killed_at_its_very_end_has_lost_nothing(folder, monkeypatch, num_steps):
    whole_job = PartOfJob("job", 0, len(ROWS), ROWS, FACES)
    done, publish = [], module.publish

    def publish_or_die(location, write):
        if len(done) == num_steps:
            raise Killed
        publish(location, write)
        done.append(location)

    def remove_or_die(writer):
        if done:
            raise Killed

    folder.save(part_of(whole_job, 0, 2))
    with monkeypatch.context() as patches:
        patches.setattr(module, "publish", publish_or_die)
        patches.setattr(module.IncrementalWriter, "remove", remove_or_die)
        with pytest.raises(Killed):
            folder.save(part_of(whole_job, 2, 5))
    assert folder.begun() == Begun("job", 5)

    folder.save(part_of(whole_job, 5, 5))
    assert len(folder.dataset().load()) == len(ROWS)
    assert folder.files() == ["p.csv", "p_faces.csv"]


def part_of(job, start, end):
    return job._replace(start=start, rows=job.rows[start:end], faces=job.faces[start:end])


def test_faces_come_beside_the_table_and_go_with_the_next_one(folder):
    folder.save(part(0, 2, faces=FACES[:1]), part(2, 4, faces=FACES[:0]))
    folder.save(part(4, 5, faces=FACES[1:]))
    faces = folder.system.cat_file(f"{folder.path}/p_faces.csv").decode()
    assert faces == "img_name,face,y_pred\na.jpg,1,0.1\ne.jpg,1,0.99\n"
    folder.save(part(0, 5, job="whole"))
    assert folder.files() == ["p.csv"]


def test_rows_that_do_not_follow_are_refused(folder):
    folder.save(part(0, 2))
    for wrong in (part(3, 5), part(2, 5, job="another")):
        with pytest.raises(DatasetError, match="does not follow what is written"):
            folder.save(wrong)


def test_another_job_begins_anew_and_says_so_and_an_older_table_stays(folder, caplog):
    folder.save(part(0, 5, job="old"), part(0, 2))
    folder.save(part(0, 3, job="another"))
    assert "2 verdicts of another job" in caplog.text
    assert folder.begun() == Begun("another", 3)
    assert len(folder.dataset().load()) == 5


@pytest.mark.parametrize(("gone", "num_left"), [("0-000000000002", 0), ("2-000000000004", 2)])
def test_a_part_that_goes_away_under_way_is_an_error_and_no_shorter_table(folder, gone, num_left):
    dataset = folder.dataset()
    dataset.save(part(0, 2))
    dataset.save(part(2, 4))
    folder.system.rm_file(f"{folder.path}/p.csv.begun/job-00000000000{gone}-rows.csv")
    with pytest.raises(DatasetError, match=rf"p.csv.begun: it holds {num_left} that follow"):
        dataset.save(part(4, 5))
    assert not dataset.exists()
    assert folder.begun() == (Begun("job", num_left) if num_left else None)


@pytest.mark.parametrize("content", ["", "img_name\n" * 100])
def test_a_part_that_somebody_changed_is_named_and_the_rest_is_kept(folder, content):
    file = f"{folder.path}/p.csv.begun/job-000000000000-000000000002-rows.csv"
    folder.save(part(0, 2))
    folder.system.pipe_file(file, content.encode())
    with pytest.raises(DatasetError, match=r"002-rows.csv: it holds \d+ rows, and 2 were written"):
        folder.save(part(2, 5))
    assert not folder.dataset().exists()
    folder.system.rm_file(file)
    folder.save(part(0, 2), part(2, 5))
    assert len(folder.dataset().load()) == len(ROWS)


@pytest.mark.parametrize("url", ["s3://bucket/photos", "gs://b/**/*.jpg", "file:///p/v.csv"])
def test_a_url_reaches_the_catalog_as_it_is(tmp_path, url):
    entry = _convert_paths_to_absolute_posix(tmp_path, {"filepath": url})
    for kind in (ImageListDataset, PredictionsDataset, BegunPredictionsDataset):
        assert f"'{url}'" in repr(kind(**entry)._describe())
