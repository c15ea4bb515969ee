"""The main job as people run it: from drawn faces to a submission, resumed, and repeated."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from safetensors.numpy import load_file

PROJECT = Path(__file__).parents[1]
SMALL = {
    "data.root": "data/01_raw/small",
    "demo_data.root": "data/01_raw/small",
    "demo_data.train_images": 32,
    "demo_data.val_images": 16,
    "demo_data.test_images": 6,
    "demo_data.image_size": 64,
    "demo_data.num_workers": 0,
    "model.backbone": "test_resnet",
    "preprocessing.image_size": 64,
    "training.epochs": 2,
    "training.batch_size": 8,
    "training.num_workers": 0,
    "scoring.num_workers": 0,
    "evaluation.num_resamples": 100,
    "robustness.num_images": 4,
    "inference.images": "data/01_raw/small/testset",
}
DETECTOR = "data/06_models/detector/model.safetensors"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return a copy of the project after `kedro run` on a small drawn set."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("conf", "src"):
        shutil.copytree(
            PROJECT / name, folder / name, ignore=shutil.ignore_patterns("local", "__pycache__")
        )
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder / name)
    (folder / "conf" / "local").mkdir()
    kedro_run(folder, "--pipelines", "demo_data")
    kedro_run(folder)
    return folder


def kedro_run(folder, *arguments, **changes):
    params = ",".join(f"{name}={value}" for name, value in (SMALL | changes).items())
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", *arguments, "--params", params],
        cwd=folder,
        env={**os.environ, "DO_NOT_TRACK": "true", "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "02_intermediate/label_table.parquet",
        "03_primary/manifest.parquet",
        "05_model_input/train_manifest.parquet",
        "05_model_input/val_manifest.parquet",
        "06_models/detector/config.json",
        "06_models/detector/meta.json",
        "06_models/detector/model.safetensors",
        "07_model_output/val_scores.parquet",
        "07_model_output/submission.csv",
        "07_model_output/robustness_scores.parquet",
        "08_reporting/robustness.json",
        "08_reporting/robustness.png",
        "08_reporting/calibration.json",
        "08_reporting/metrics.json",
        "08_reporting/rejected.csv",
        "08_reporting/report.html",
    ],
)
def test_the_main_job_leaves_every_file_of_the_contract(project, name):
    assert (project / "data" / name).stat().st_size > 0


def test_the_submission_has_the_rows_of_the_label_file_in_their_order(project):
    submission = pd.read_csv(project / "data/07_model_output/submission.csv")
    labels = pd.read_csv(project / "data/01_raw/small/testset_nolabel.txt")
    assert list(submission.columns) == ["img_name", "y_pred"]
    assert list(submission["img_name"]) == list(labels["img_name"])
    assert submission["y_pred"].between(0, 1).all()


def test_metrics_have_intervals_and_say_what_they_cannot_resolve(project):
    metrics = json.loads((project / "data/08_reporting/metrics.json").read_text())
    assert metrics["auc"]["low"] <= metrics["auc"]["value"] <= metrics["auc"]["high"]
    assert metrics["tpr_at_fpr_1e-3"]["value"] is None
    assert "8" in metrics["notes"]["tpr_at_fpr_1e-3"]


def test_the_detector_of_the_main_job_judges_pictures(project):
    kedro_run(project, "--pipelines", "inference")
    predictions = pd.read_csv(project / "data/07_model_output/predictions.csv")
    submission = pd.read_csv(project / "data/07_model_output/submission.csv")
    assert set(predictions["verdict"]) <= {"real", "fake", "unsure"}
    same = predictions.merge(submission, on="img_name", suffixes=("", "_submitted"))
    assert len(same) == SMALL["demo_data.test_images"]
    assert (same["y_pred"] - same["y_pred_submitted"]).abs().max() < 1e-6


def test_a_resumed_run_and_a_second_run_give_the_same_weights(project):
    first = load_file(project / DETECTOR)
    shutil.rmtree(project / "data/06_models")
    kedro_run(project, "--pipelines", "training", **{"tracking.enabled": "false"})
    assert_same(first, load_file(project / DETECTOR))
    output = kedro_run(project, "--pipelines", "training", **{"training.resume": "true"})
    assert "nothing is left to train" in output
    assert_same(first, load_file(project / DETECTOR))


def assert_same(first, second):
    assert first.keys() == second.keys()
    assert all((first[name] == second[name]).all() for name in first)
