"""Your images become predictions.csv, good ones and bad ones."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.runner import SequentialRunner

from face_forgery.datasets.detector import DetectorDataset
from face_forgery.datasets.growing import PagesDataset
from face_forgery.datasets.predictions import BegunPredictionsDataset, PredictionsDataset
from face_forgery.datasets.user_files import ImageListDataset
from face_forgery.params import (
    ClusterParams,
    ExplanationParams,
    InferenceParams,
    ScoringParams,
)
from face_forgery.pipelines.inference import create_pipeline

HEADER = "img_name,y_pred,verdict,status,detail"


def check_predictions(path: Path, expected: dict[str, str]) -> None:
    assert path.read_text().splitlines()[0] == HEADER
    predictions = pd.read_csv(path, keep_default_na=False, na_values=[""])
    assert dict(zip(predictions["img_name"], predictions["status"], strict=True)) == expected
    ok = predictions["status"] == "ok"
    assert predictions.loc[ok, "y_pred"].between(0, 1).all()
    assert predictions.loc[ok, "verdict"].isin(["real", "fake", "unsure"]).all()
    assert predictions.loc[ok, "detail"].isna().all()
    assert predictions.loc[~ok, ["y_pred", "verdict"]].isna().all(axis=None)
    assert predictions.loc[~ok, "detail"].notna().all()


@pytest.fixture
def run_inference(tmp_path, make_detector, awkward_folder):
    """Return a function that runs the pipeline on the awkward folder."""

    def run(*, explain, max_images=2, has_detector=True):
        output = str(tmp_path / "predictions.csv")
        catalog = DataCatalog(
            {
                "detector": DetectorDataset(filepath=str(tmp_path / "detector")),
                "images": ImageListDataset(filepath=str(tmp_path / "pictures")),
                "predictions": PredictionsDataset(filepath=output),
                "predictions_begun": BegunPredictionsDataset(filepath=output),
                "explanations_of_judged": PagesDataset(filepath=str(tmp_path / "pages")),
            }
        )
        catalog["params:inference"] = InferenceParams(
            images="pictures",
            output="predictions.csv",
            min_size=48,
            engine="local",
            explain=explain,
        )
        catalog["params:cluster"] = ClusterParams(
            address=None,
            num_workers=None,
            cpus_per_worker=1,
            gpus_per_worker=0,
            storage=None,
            max_failures=0,
        )
        catalog["params:scoring"] = ScoringParams(
            batch_size=3, num_workers=0, precision="float32", tta="none"
        )
        catalog["params:explanation"] = ExplanationParams(max_images=max_images)
        if has_detector:
            catalog["detector"].save(make_detector())
        SequentialRunner().run(create_pipeline(), catalog)

    return run


def test_a_folder_of_good_and_bad_images_gives_a_row_each(tmp_path, run_inference, awkward_folder):
    run_inference(explain=False)
    check_predictions(tmp_path / "predictions.csv", awkward_folder)
    assert not (tmp_path / "pages").exists()


def test_the_images_with_the_highest_scores_are_explained_where_asked_for(tmp_path, run_inference):
    run_inference(explain=True)
    judged = pd.read_csv(tmp_path / "predictions.csv").dropna(subset="y_pred")
    highest = judged.sort_values("y_pred", ascending=False)["img_name"].tolist()
    pages = sorted(file.name for file in (tmp_path / "pages").iterdir())
    assert pages == ["0001.html", "0002.html", "index.html"]
    for page, name in zip(pages[:2], highest[:2], strict=True):
        assert f"<h1>{name}</h1>" in (tmp_path / "pages" / page).read_text()
    assert highest[0] != judged["img_name"].iloc[0]


def test_without_a_detector_the_error_says_how_to_get_one(tmp_path, run_inference):
    with pytest.raises(DatasetError, match="there is no detector yet; train one"):
        run_inference(explain=False, has_detector=False)
