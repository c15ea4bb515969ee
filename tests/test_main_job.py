"""The main job as people run it: from drawn faces to a submission and verdicts, and resumed."""

import json
import shutil

import pandas as pd
import pytest
from safetensors.numpy import load_file

DETECTOR = "data/06_models/detector/model.safetensors"
FILES = [
    "02_intermediate/label_table.parquet",
    "03_primary/manifest.parquet",
    "05_model_input/train_manifest.parquet",
    "05_model_input/val_manifest.parquet",
    "06_models/detector/config.json",
    "06_models/detector/meta.json",
    "06_models/detector/model.safetensors",
    "07_model_output/val_scores.parquet",
    "07_model_output/submission.csv",
    "07_model_output/predictions.csv",
    "07_model_output/robustness_scores.parquet",
    "08_reporting/robustness.json",
    "08_reporting/robustness.png",
    "08_reporting/calibration.json",
    "08_reporting/metrics.json",
    "08_reporting/rejected.csv",
    "08_reporting/report.html",
    "08_reporting/explanations/index.html",
]

pytestmark = pytest.mark.slow


def test_the_main_job_leaves_every_file_of_the_contract(main_job):
    files = {name: main_job / "data" / name for name in FILES}
    assert [name for name, file in files.items() if not file.exists()] == []
    assert [name for name, file in files.items() if not file.stat().st_size] == []


def test_the_submission_has_the_rows_of_the_label_file_in_their_order(main_job):
    submission = pd.read_csv(main_job / "data/07_model_output/submission.csv")
    labels = pd.read_csv(main_job / "data/01_raw/small/testset_nolabel.txt")
    assert list(submission.columns) == ["img_name", "y_pred"]
    assert list(submission["img_name"]) == list(labels["img_name"])
    assert submission["y_pred"].between(0, 1).all()


def test_metrics_have_intervals_and_say_what_they_cannot_resolve(main_job):
    metrics = json.loads((main_job / "data/08_reporting/metrics.json").read_text())
    assert metrics["auc"]["low"] <= metrics["auc"]["value"] <= metrics["auc"]["high"]
    assert metrics["tpr_at_fpr_1e-3"]["value"] is None
    assert "8" in metrics["notes"]["tpr_at_fpr_1e-3"]


def test_the_detector_of_the_main_job_judges_and_explains_images(main_job):
    predictions = pd.read_csv(main_job / "data/07_model_output/predictions.csv")
    assert list(predictions.columns) == ["img_name", "y_pred", "verdict", "status", "detail"]
    statuses = predictions.set_index("img_name")["status"]
    assert statuses.pop("broken.jpg") == "unreadable"
    assert set(statuses) <= {"ok", "unfamiliar"}  # trained and validated on a few images
    assert (statuses == "ok").any()
    judged = predictions.dropna(subset="y_pred")
    is_ok = judged["status"] == "ok"
    assert set(judged.loc[is_ok, "verdict"]) <= {"real", "fake", "unsure"}
    assert judged.loc[~is_ok, "verdict"].isna().all()
    submission = pd.read_csv(main_job / "data/07_model_output/submission.csv")
    same = judged.merge(submission, on="img_name", suffixes=("", "_submitted"))
    assert len(same) == len(submission)
    assert (same["y_pred"] - same["y_pred_submitted"]).abs().max() < 1e-6
    pages = {path.name for path in (main_job / "data/08_reporting/explanations").iterdir()}
    assert pages == {"0001.html", "0002.html", "index.html"}


def test_a_finished_training_that_is_resumed_keeps_its_weights(main_job, kedro_run, tmp_path):
    first = load_file(main_job / DETECTOR)
    project = shutil.copytree(main_job, tmp_path / "project")
    resuming = {"tracking.enabled": "false", "training.resume": "true"}
    assert "nothing is left to train" in kedro_run(project, "--pipelines", "training", **resuming)
    again = load_file(project / DETECTOR)
    assert again.keys() == first.keys()
    assert all((again[name] == first[name]).all() for name in first)
