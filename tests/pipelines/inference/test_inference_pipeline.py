"""Your images become predictions.csv, good ones and bad ones."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError
from kedro.runner import SequentialRunner

from face_forgery.inference.verdicts import NothingJudgedError
from face_forgery.pipelines.inference import create_pipeline

HEADER = "img_name,y_pred,verdict,status,detail"


def check_predictions(path: Path, expected: dict[str, str]) -> None:
    assert path.read_text().splitlines()[0] == HEADER
    predictions = pd.read_csv(path, keep_default_na=False, na_values=[""])
    assert dict(zip(predictions["img_name"], predictions["status"], strict=True)) == expected
    is_ok = predictions["status"] == "ok"
    assert (predictions["y_pred"].notna() == is_ok).all()
    assert (predictions["detail"].isna() == is_ok).all()


@pytest.fixture
def run_inference(tmp_path, make_detector, make_shipped_catalog, make_params, awkward_folder):
    """Return a function that runs the pipeline on the awkward folder."""

    def run(*, explain, has_detector=True):
        changes = {"images": str(tmp_path / "pictures"), "explain": explain}
        changes["output"] = str(tmp_path / "predictions.csv")
        params = make_params(
            **{f"inference.{name}": value for name, value in changes.items()},
            **{"explanation.max_images": 2},
        )
        catalog = make_shipped_catalog(create_pipeline(), tmp_path, params)
        if has_detector:
            catalog["detector"].save(make_detector())
        SequentialRunner().run(create_pipeline(), catalog)

    return run


PAGES = "data/08_reporting/explanations"


def test_a_folder_of_good_and_bad_images_gives_a_row_each(tmp_path, run_inference, awkward_folder):
    run_inference(explain=False)
    check_predictions(tmp_path / "predictions.csv", awkward_folder)
    assert not (tmp_path / PAGES).exists()


def test_the_images_with_the_highest_scores_are_explained_where_asked_for(tmp_path, run_inference):
    run_inference(explain=True)
    judged = pd.read_csv(tmp_path / "predictions.csv").dropna(subset="y_pred")
    highest = judged.sort_values("y_pred", ascending=False)["img_name"].tolist()
    pages = sorted(file.name for file in (tmp_path / PAGES).iterdir())
    assert pages == ["0001.html", "0002.html", "index.html"]
    for page, name in zip(pages[:2], highest[:2], strict=True):
        assert f"<h1>{name}</h1>" in (tmp_path / PAGES / page).read_text()
    assert highest[0] != judged["img_name"].iloc[0]


def test_without_a_detector_the_error_says_how_to_get_one(run_inference):
    with pytest.raises(
        DatasetError, match=r"there is no detector yet; train one \(pipelines train"
    ):
        run_inference(explain=False, has_detector=False)


def test_where_nothing_could_be_judged_the_run_fails_and_the_rows_say_why(
    tmp_path, run_inference, awkward_folder
):
    for name, status in awkward_folder.items():
        if status == "ok":
            (tmp_path / "pictures" / name).write_bytes(b"no image")
    with pytest.raises(NothingJudgedError, match=r"none of the \d+ images could be judged"):
        run_inference(explain=False)
    assert len(pd.read_csv(tmp_path / "predictions.csv")) == len(awkward_folder)
