"""Anybody's pictures become predictions.csv, good ones and bad ones."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from face_forgery.datasets.detector import DetectorDataset
from face_forgery.datasets.pictures import PicturesDataset
from face_forgery.datasets.predictions import BegunPredictionsDataset, PredictionsDataset
from face_forgery.params import ClusterParams, InferenceParams, ScoringParams
from face_forgery.pipelines.inference import create_pipeline

PROJECT = Path(__file__).parents[3]
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


def test_a_folder_of_good_and_bad_pictures_gives_a_row_each(
    tmp_path, make_detector, awkward_folder
):
    output = str(tmp_path / "predictions.csv")
    catalog = DataCatalog(
        {
            "detector": DetectorDataset(filepath=str(tmp_path / "detector")),
            "pictures": PicturesDataset(filepath=str(tmp_path / "pictures")),
            "predictions": PredictionsDataset(filepath=output),
            "predictions_begun": BegunPredictionsDataset(filepath=output),
        }
    )
    catalog["params:inference"] = InferenceParams(
        images="pictures", output="predictions.csv", min_size=48, engine="local"
    )
    catalog["params:cluster"] = ClusterParams(
        address=None,
        num_workers=None,
        cpus_per_worker=1,
        gpus_per_worker=0,
        storage=None,
        max_failures=0,
    )
    catalog["params:scoring"] = ScoringParams(batch_size=3, num_workers=0, precision="float32")
    catalog["detector"].save(make_detector())

    SequentialRunner().run(create_pipeline(), catalog)

    check_predictions(tmp_path / "predictions.csv", awkward_folder)


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project without data: Kedro refuses code that lies elsewhere."""
    folder = tmp_path / "project"
    for name in ("conf", "src"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("local"))
    (folder / "conf" / "local").mkdir()
    shutil.copy(PROJECT / "pyproject.toml", folder)
    return folder


def run_kedro(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kedro", "run", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"DO_NOT_TRACK": "true", "COLUMNS": "400"},
    )


@pytest.mark.slow
def test_kedro_run_judges_a_folder_and_ends_well(project, make_detector, awkward_folder):
    DetectorDataset(filepath=str(project / "data/06_models/detector")).save(make_detector())
    done = run_kedro(project, "--pipeline", "inference", "--params", "inference.images=../pictures")
    assert done.returncode == 0, done.stdout + done.stderr
    check_predictions(project / "data/07_model_output/predictions.csv", awkward_folder)


@pytest.mark.slow
def test_kedro_run_without_a_detector_says_how_to_get_one(project, awkward_folder):
    done = run_kedro(project, "--pipeline", "inference", "--params", "inference.images=../pictures")
    assert done.returncode != 0
    assert "there is no detector yet; train one with" in done.stdout + done.stderr
