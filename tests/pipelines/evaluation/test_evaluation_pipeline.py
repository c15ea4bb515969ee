"""The evaluation pipeline judges a detector and leaves everything it found on disk."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from kedro.io import MemoryDataset
from kedro.runner import SequentialRunner
from PIL import Image

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.labels.manifest import fingerprint_sets
from face_forgery.data.splits.holdout import without_groups
from face_forgery.datasets.detector import DetectorDataset
from face_forgery.evaluation.precision_cost import PrecisionError
from face_forgery.inference.scoring import score_manifest
from face_forgery.modeling.detector import Detector, DetectorError, Preprocessing
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.params import EvaluationParams, ScoringParams
from face_forgery.pipelines import report
from face_forgery.pipelines.evaluation import create_pipeline, nodes
from face_forgery.pipelines.report.nodes import end_report

EVALUATION = EvaluationParams(
    seed=0,
    num_resamples=100,
    target_fpr=0.1,
    target_fnr=0.1,
    promise="overall",
    prevalence=0.001,
    unfamiliar=0.1,
)
SCORING = ScoringParams(
    batch_size=16, num_workers=0, engine="auto", precision="float32", tta="none"
)
NUM_IMAGES = 40
PIPELINE = create_pipeline() + report.create_pipeline()
WRITTEN = PIPELINE.all_outputs()


@pytest.fixture(scope="module")
def detector():
    torch.manual_seed(0)
    backbone = timm.create_model("test_resnet.r160_in1k", pretrained=False, num_classes=2)
    return Detector(
        architecture="test_resnet",
        options={},
        weights=backbone.state_dict(),
        preprocessing=Preprocessing(32, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        epoch=3,
        data_fingerprint="f00d",
        code_version={"face_forgery": "0.1.0"},
        training={},
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "valset").mkdir()
    return SimpleNamespace(root=str(folder))  # what the nodes use of ``params:data``


@pytest.fixture(scope="module")
def val_manifest(data):
    """Noisy pictures; a forged one is brighter. Index and order are not 0, 1, 2, ..."""
    rng = np.random.default_rng(0)
    rows = []
    for n in range(NUM_IMAGES):
        target = n % 2
        pixels = rng.integers(0, 160, (40, 36, 3)) + 60 * target
        Image.fromarray(pixels.astype(np.uint8)).save(f"{data.root}/valset/{n}.png")
        rows.append(
            {
                "subset": "val",
                "row": n,
                "img_name": f"{n}.png",
                "path": f"valset/{n}.png",
                "target": target,
                "group": f"g{n // 3}",
                "kind": "swap" if target else "real",
                "source": "drawn",
                "width": 36,
                "height": 40,
                "format": "PNG",
                "num_bytes": 1,
                "jpeg_quality": None,
                "sha256": str(n),
            }
        )
    table = pd.DataFrame(rows).astype({"target": "Int8", "width": "Int64", "height": "Int64"})
    return table.iloc[::-1]


@pytest.fixture(scope="module")
def val_scores(detector, val_manifest, data):
    margins = nodes.score_validation(detector, val_manifest, data, SCORING, EVALUATION)
    return nodes.apply_temperature(margins, {"temperature": 2.0})


@pytest.fixture(scope="module")
def params(make_params, data):
    changes = {f"evaluation.{name}": value for name, value in EVALUATION.model_dump().items()}
    return make_params(**changes, **{"data.root": data.root, "scoring.precision": "float32"})


@pytest.fixture(scope="module")
def run_folders(params, detector, val_manifest, tmp_path_factory, make_shipped_catalog):
    """Where two runs of the pipeline left their files."""
    nothing = ("audit", "audit_figure", "robustness", "robustness_figure")
    nothing += ("cross_validation", "cross_validation_figure")
    folders = []
    for run in range(2):
        folder = tmp_path_factory.mktemp(f"run{run}")
        catalog = make_shipped_catalog(
            PIPELINE,
            folder,
            params,
            train_manifest=val_manifest,
            val_manifest=val_manifest,
            manifest=val_manifest,
            val_holdout=without_groups(val_manifest),
            data_report={"subsets": {}},
            training_figure=b"\x89PNG training",
            data_figure=b"\x89PNG data",
            **{name: MemoryDataset(None) for name in nothing},
        )
        own = fingerprint_sets(train=val_manifest, val=val_manifest)
        catalog["trained_detector"].save(replace(detector, data_fingerprint=own))
        SequentialRunner().run(PIPELINE, catalog)
        folders.append(folder / "data")
    return folders


def test_scores_stand_beside_the_labels_in_the_order_of_the_manifest(
    val_scores, val_manifest, detector
):
    assert list(val_scores.columns) == [
        *("img_name", "path", "target", "group", "kind", "source", "y_pred", "split"),
        *("width", "height", "format", "jpeg_quality"),
    ]
    assert val_scores["path"].tolist() == val_manifest["path"].tolist()
    assert val_scores["y_pred"].between(0, 1).all()
    assert val_scores["y_pred"].nunique() == NUM_IMAGES
    assert val_scores.index.tolist() == list(range(NUM_IMAGES))


def test_a_validation_image_that_cannot_be_read_stops_the_evaluation(detector, val_manifest, data):
    Path(data.root, "valset", "bad.png").write_bytes(b"no picture")
    with_bad = val_manifest.replace({"path": {"valset/7.png": "valset/bad.png"}})
    with pytest.raises(ImageError, match=r"bad\.png"):
        nodes.score_validation(detector, with_bad, data, SCORING, EVALUATION)


def test_a_target_that_cannot_be_resolved_is_warned_about(val_scores, caplog):
    strict = EVALUATION.model_copy(update={"target_fpr": 0.001})
    nodes.choose_operating_points(val_scores, strict)
    assert "9 real images cannot promise a false-positive rate of 0.001" in caplog.text


def test_mistakes_carry_the_verdicts_of_the_operating_points(val_scores):
    points = nodes.choose_operating_points(val_scores, EVALUATION)
    mistakes = nodes.find_mistakes(val_scores, points)
    called_fake = mistakes["y_pred"] >= points["fake_threshold"]
    assert ((mistakes["verdict"] == "fake") == called_fake).all()
    assert len(mistakes) == NUM_IMAGES


def test_a_run_ends_with_the_judgement(run_folders):
    folder = run_folders[0]
    detector = DetectorDataset(filepath=str(folder / "06_models" / "detector")).load()
    points = asdict(detector.operating_points)
    results = {"metrics": detector.metrics, "robustness": None, "audit": None}
    headline, *findings = end_report(detector=detector, operating_points=points, **results)
    assert headline.split(" ", 1)[1] in ("Usable with care", "Not usable")
    assert "is not recorded" in findings[0]
    for words in ("of 100 cases", "false alarms", "was not measured"):
        assert any(words in line for line in findings)


def test_pipeline_certifies_the_detector_on_disk(run_folders):
    folder = run_folders[0]
    certified = DetectorDataset(filepath=str(folder / "06_models" / "detector")).load()
    reporting = folder / "08_reporting"
    assert certified.metrics == json.loads((reporting / "metrics.json").read_text())
    points = json.loads((reporting / "operating_points.json").read_text())
    assert asdict(certified.operating_points) == points


def test_the_certified_detector_gives_the_scores_that_were_judged(run_folders, val_manifest, data):
    folder = run_folders[0]
    certified = DetectorDataset(filepath=str(folder / "06_models" / "detector")).load()
    assert certified.temperature != 1.0
    scored = score_manifest(certified, val_manifest, data.root, batch_size=7, num_workers=0)
    judged = pd.read_parquet(folder / "07_model_output" / "val_scores.parquet")
    np.testing.assert_allclose(scored.scores, judged["y_pred"], atol=1e-6)


def test_judging_a_certified_detector_again_changes_nothing(detector, val_manifest, data):
    certified = replace(detector, temperature=3.0)
    pd.testing.assert_frame_equal(
        nodes.score_validation(certified, val_manifest, data, SCORING, EVALUATION),
        nodes.score_validation(detector, val_manifest, data, SCORING, EVALUATION),
    )


def test_pipeline_repeats_to_the_byte(run_folders):
    first, second = (
        {path.name: path.read_bytes() for path in (folder / "08_reporting").iterdir()}
        for folder in run_folders
    )
    assert first == second


def test_what_people_look_at_is_tracked(catalog_entry):
    declared = {name: catalog_entry(name)["metadata"].get("mlflow") for name in WRITTEN}
    assert declared["metrics"] == {"as": "metrics", "group": "val"}
    assert {name for name in WRITTEN if declared[name] is None} == {
        "appearance",
        "float32_margins",
        "own_validation",
        "report_ending",
        "scored_detector",
        "seen_images",
        "val_margins",
    }


def test_held_out_folds_are_measured_with_the_chooser_of_the_epoch(val_scores, detector):
    is_fake = (val_scores["target"] == 1).to_numpy()
    folds = np.where(is_fake, np.where(np.arange(NUM_IMAGES) % 4 < 2, "swap", "lips"), "")
    table = pd.DataFrame({"holdout": folds, "is_held_out": folds == "swap"})
    trained = replace(detector, training={"training": {"select_by": "holdout_worst"}})
    judged = nodes.measure_holdout(val_scores, table, trained, EVALUATION)
    (fold,) = judged["groups"]
    assert (fold["name"], fold["num_real"], fold["num_fake"]) == ("swap", 20, 10)
    assert judged["select_by"] == "holdout_worst"
    none = nodes.measure_holdout(val_scores, table.assign(is_held_out=False), trained, EVALUATION)
    assert none == {"groups": []}


def test_a_stored_detector_is_not_calibrated_on_images_it_was_not_selected_with(
    detector, val_manifest
):
    own = fingerprint_sets(train=val_manifest, val=val_manifest)
    detector = replace(detector, data_fingerprint=own)
    assert nodes.take_own_validation(detector, val_manifest, val_manifest) is val_manifest
    with pytest.raises(DetectorError, match=r"set its temperature and thresholds anew\. Train on"):
        nodes.take_own_validation(detector, val_manifest, val_manifest[1:])


@pytest.mark.parametrize("precision", ["bfloat16", pytest.param("int8", marks=pytest.mark.slow)])
def test_a_reduced_precision_is_calibrated_and_compared_with_float32(
    detector, val_manifest, data, tmp_path, precision
):
    scoring = SCORING.model_copy(update={"precision": precision})
    scored = nodes.choose_precision(detector, val_manifest, data, scoring, EVALUATION)
    margins = nodes.score_validation(scored, val_manifest, data, scoring, EVALUATION)
    exact = nodes.score_in_float32(scored, val_manifest, margins, data, scoring)
    assert 0 < (margins["margin"] - exact["margin"]).abs().max() < np.ptp(exact["margin"])
    in_float32 = nodes.score_validation(detector, val_manifest, data, SCORING, EVALUATION)
    pd.testing.assert_frame_equal(exact, in_float32)

    calibration = nodes.calibrate(margins, EVALUATION)
    scores = nodes.apply_temperature(margins, calibration)
    points = nodes.choose_operating_points(scores, EVALUATION)
    cost = nodes.measure_precision(scores, exact, points, scoring, EVALUATION)
    assert cost["precision"] == precision
    assert cost["difference"]["value"] == pytest.approx(
        cost["auc"]["value"] - cost["auc_float32"]["value"]
    )
    assert 0 < cost["mean_change"] <= cost["largest_change"] < 0.5

    certified = nodes.certify_detector(
        scored_detector=scored,
        calibration=calibration,
        metrics={"auc": 1},
        operating_points=points,
        precision_cost=cost,
        familiarity={},
        appearance={},
    )
    write_detector(certified, tmp_path)
    stored = read_detector(tmp_path)
    assert stored.identity() == certified.identity() != detector.identity()
    assert stored.metrics["precision_cost"] == cost
    again = score_manifest(stored, val_manifest, data.root, batch_size=7, num_workers=0)
    np.testing.assert_allclose(again.scores, scores["y_pred"], atol=1e-3)


def test_float32_costs_nothing(detector, val_manifest, data, val_scores):
    margins = nodes.score_validation(detector, val_manifest, data, SCORING, EVALUATION)
    exact = nodes.score_in_float32(detector, val_manifest, margins, data, SCORING)
    assert nodes.measure_precision(val_scores, exact, {}, SCORING, EVALUATION) == {}
    scored = nodes.choose_precision(detector, val_manifest, data, SCORING, EVALUATION)
    assert (scored.precision, scored.graph) == ("float32", None)


def test_a_precision_that_costs_too_much_ends_the_run(val_scores, val_manifest):
    scoring = SCORING.model_copy(update={"precision": "int8"})
    perfect = val_scores.assign(margin=np.where(val_scores["target"] == 1, 4.0, -4.0))
    perfect["margin"] += np.arange(len(perfect)) / 100
    worse = nodes.apply_temperature(perfect.assign(margin=-perfect["margin"]), {"temperature": 1.0})
    points = nodes.choose_operating_points(worse, EVALUATION)
    with pytest.raises(
        PrecisionError, match=r"int8 costs 1\.0000 of AUC .*scoring.precision=float32"
    ):
        nodes.measure_precision(worse, perfect, points, scoring, EVALUATION)
