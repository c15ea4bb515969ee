"""Verdicts on their way to a bucket: a file a part, whole in one step."""

import fsspec
import pandas as pd
import pytest
from kedro.framework.context.context import _convert_paths_to_absolute_posix
from kedro.io import DatasetError

from face_forgery.datasets.listing import ImageListDataset
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
FACES = pd.DataFrame({"img_name": ["a.jpg", "e.jpg"], "face": [1, 1], "y_pred": [0.1, 0.99]})


@pytest.fixture
def bucket():
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/bucket", recursive=True)


def part(start: int, end: int, job: str = "job", faces: pd.DataFrame | None = None) -> PartOfJob:
    return PartOfJob(job, start, len(ROWS), ROWS.iloc[start:end], faces)


def save(name: str, *parts: PartOfJob) -> None:
    """Save with a data set of its own, as another run would."""
    dataset = PredictionsDataset(filepath=f"memory://bucket/{name}")
    for one in parts:
        dataset.save(one)


def begun(name: str) -> Begun | None:
    return BegunPredictionsDataset(filepath=f"memory://bucket/{name}").load()


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "deep/p.jsonl"])
def test_parts_become_the_table_that_a_disk_would_have(bucket, tmp_path, name):
    save(name, part(0, 2), part(2, 4))
    assert not PredictionsDataset(filepath=f"memory://bucket/{name}").exists()
    save(name, part(4, 5))
    local = PredictionsDataset(filepath=str(tmp_path / name))
    local.save(part(0, 5))
    remote = PredictionsDataset(filepath=f"memory://bucket/{name}")
    assert remote.exists()
    pd.testing.assert_frame_equal(remote.load(), local.load())
    if name.endswith(".csv"):
        assert bucket.cat_file(f"/bucket/{name}") == (tmp_path / name).read_bytes()
    assert bucket.find("/bucket") == [f"/bucket/{name}"]


def test_a_killed_job_is_continued_behind_what_is_whole(bucket):
    save("p.csv", part(0, 2))
    bucket.pipe_file("/bucket/p.csv.begun/job-000000000002-000000000004-faces.csv", b"no rows yet")
    assert begun("p.csv") == Begun("job", 2)
    save("p.csv", part(2, 4))
    assert begun("p.csv") == Begun("job", 4)
    save("p.csv", part(4, 5))
    assert begun("p.csv") is None
    whole = PredictionsDataset(filepath="memory://bucket/p.csv").load()
    assert whole["img_name"].tolist() == ROWS["img_name"].tolist()


@pytest.mark.parametrize(("gone", "num_left"), [("0-000000000002", 0), ("2-000000000004", 2)])
def test_a_part_that_goes_away_under_way_is_an_error_and_no_shorter_table(bucket, gone, num_left):
    dataset = PredictionsDataset(filepath="memory://bucket/p.csv")
    dataset.save(part(0, 2))
    dataset.save(part(2, 4))
    bucket.rm_file(f"/bucket/p.csv.begun/job-00000000000{gone}-rows.csv")
    with pytest.raises(DatasetError, match=f"p.csv.begun: it holds {num_left} verdicts"):
        dataset.save(part(4, 5))
    assert not dataset.exists()
    assert begun("p.csv") == (Begun("job", num_left) if num_left else None)


def test_a_job_killed_before_its_end_was_written_is_ended_by_an_empty_part(bucket):
    from face_forgery.datasets.part_files import PartFiles

    save("p.csv", part(0, 3))
    rows = ROWS.iloc[3:].to_csv(index=False, lineterminator="\n").encode()
    PartFiles("memory://bucket/p.csv").add("job", 3, 5, {"rows": rows})
    assert begun("p.csv") == Begun("job", 5)
    save("p.csv", part(5, 5))
    assert len(PredictionsDataset(filepath="memory://bucket/p.csv").load()) == 5


def test_faces_come_beside_the_table_and_go_with_the_next_one(bucket):
    save("p.csv", part(0, 2, faces=FACES[:1]), part(2, 4, faces=FACES[:0]))
    save("p.csv", part(4, 5, faces=FACES[1:]))
    faces = bucket.cat_file("/bucket/p_faces.csv").decode()
    assert faces == "img_name,face,y_pred\na.jpg,1,0.1\ne.jpg,1,0.99\n"
    save("p.csv", part(0, 5, job="whole"))
    assert bucket.find("/bucket") == ["/bucket/p.csv"]


def test_another_job_begins_anew_and_says_so(bucket, caplog):
    save("p.csv", part(0, 2))
    save("p.csv", part(0, 3, job="another"))
    assert "2 verdicts of another job" in caplog.text
    assert begun("p.csv") == Begun("another", 3)


def test_rows_that_do_not_follow_are_refused(bucket):
    save("p.csv", part(0, 2))
    for wrong in (part(3, 5), part(2, 5, job="another")):
        with pytest.raises(DatasetError, match="does not follow what is written"):
            save("p.csv", wrong)


@pytest.mark.parametrize("place", ["s3://bucket/photos", "gs://b/**/*.jpg", "file:///p/v.csv"])
def test_a_url_reaches_the_catalog_as_it_is(tmp_path, place):
    entry = _convert_paths_to_absolute_posix(tmp_path, {"filepath": place})
    for kind in (ImageListDataset, PredictionsDataset, BegunPredictionsDataset):
        assert f"'{place}'" in repr(kind(**entry)._describe())


def test_pictures_of_a_bucket_are_an_input_of_the_catalog(bucket):
    bucket.pipe_file("/bucket/photos/a.jpg", b"x")
    dataset = ImageListDataset(filepath="memory://bucket/photos")
    assert dataset.exists()
    assert dataset.load()["img_name"].tolist() == ["a.jpg"]
    assert not ImageListDataset(filepath="memory://bucket/gone").exists()
