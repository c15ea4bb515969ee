"""A model that was trained elsewhere is calibrated, tested and served as a detector of ours."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import timm
import torch
import yaml
from kedro.runner import SequentialRunner
from scipy.special import logit
from starlette.testclient import TestClient
from torchvision import models

import face_forgery as ff
from face_forgery.data.images.decoding import read_rgb
from face_forgery.data.labels.manifest import fingerprint_sets
from face_forgery.datasets.image_set import ImageSetDataset
from face_forgery.evaluation.reporting.testing_sentences import describe_testing
from face_forgery.forgery.rendering.demo_set import draw_set
from face_forgery.modeling.detector import BackboneError
from face_forgery.pipelines.adopt import create_pipeline
from face_forgery.pipelines.evaluation import nodes as evaluation
from face_forgery.serving.server import build_server

SAID = {"image_size": 32, "interpolation": "bilinear", "mean": 0.5, "std": 0.25}


@pytest.fixture
def adopt(tmp_path, make_shipped_catalog, make_params, make_faces):
    """Return a function that runs the pipeline on a timm checkpoint."""
    facts = {"width": 40, "height": 40, "format": "PNG", "jpeg_quality": None, "img_name": "x"}
    manifests = {
        "train_manifest": make_faces(6, name="train"),
        "val_manifest": make_faces(24, name="val").assign(**facts),
    }
    torch.save(timm.create_model("test_resnet", num_classes=2).state_dict(), tmp_path / "m.pth")

    def run(**changes):
        said = {"model": str(tmp_path / "m.pth"), "architecture": "test_resnet", "fake": 1, **SAID}
        params = make_params(**{f"adopt.{name}": value for name, value in said.items()} | changes)
        catalog = make_shipped_catalog(
            create_pipeline(), tmp_path, params, face_finder={"model": None}, **manifests
        )
        SequentialRunner().run(create_pipeline(), catalog)
        return catalog["trained_detector"].load(), params, manifests

    return run


def test_the_detector_is_one_to_evaluate_and_claims_nothing_about_training(adopt, caplog):
    detector, params, manifests = adopt()
    train, val = manifests.values()
    assert detector.data_fingerprint == fingerprint_sets(train=train, val=val)
    assert (detector.operating_points, detector.preprocessing.mean) == (None, (0.5, 0.5, 0.5))
    assert evaluation.take_own_validation(detector, train, val) is val
    assert "test_resnet was trained on is unknown, so validation images" in caplog.text
    *learnt, appearances = evaluation.learn_familiarity(
        scored_detector=detector,
        train_manifest=train,
        own_validation=val,
        data=params.data,
        scoring=params.scoring,
        evaluation=params.evaluation,
    )
    assert learnt == [{}, {}]
    assert appearances.empty
    held_out = evaluation.measure_holdout(val, val, detector, params.evaluation)
    assert held_out == {"groups": []}


def test_more_weights_than_allowed_are_refused(adopt):
    with pytest.raises(BackboneError, match=r"test_resnet has [\d,]+ parameters"):
        adopt(**{"model.max_parameters": 10})


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = models.shufflenet_v2_x0_5(num_classes=2).eval()
        torch.nn.init.normal_(made.fc.weight, std=1000.0)
        return made


@pytest.fixture(scope="module")
def project(main_job, kedro_run, tmp_path_factory, network):
    """A project in which a torchvision model was adopted, evaluated, tested and used."""
    folder = tmp_path_factory.mktemp("adopted") / "project"
    shutil.copytree(main_job, folder, ignore=shutil.ignore_patterns("detector"))
    torch.save({"model": network.state_dict()}, folder / "theirs.pth")
    drawn = ImageSetDataset(root=str(folder / "other"))
    for batch in draw_set({"train": 2, "val": 8, "test": 2}, size=64, seed=7, num_workers=0):
        drawn.save(batch)
    tested = {"name": "other", "labels": "other/valset_label.txt", "images": "other/valset"}
    theirs = {"model": "theirs.pth", "architecture": "torchvision/shufflenet_v2_x0_5", "fake": 1}
    values = {"adopt": SAID | theirs | {"image_size": 64}, "testing": {"sets": [tested]}}
    (folder / "conf/local/parameters.yml").write_text(yaml.safe_dump(values))
    names = "adopt,evaluation,robustness,testing,inference,explanation,report"
    written = kedro_run(folder, "--pipelines", names)
    (folder / "written.txt").write_text(" ".join(written.split()))
    return folder


@pytest.mark.slow
def test_a_torchvision_model_is_calibrated_tested_and_explained(project):
    written = (project / "written.txt").read_text()
    assert "Trained elsewhere (theirs.pth): what it learnt from is unknown." in written
    assert "No image will be called unfamiliar" in written
    assert "whether on images of these sets cannot be looked for" in written
    reports = project / "data/08_reporting"
    card = (reports / "model_card.md").read_text()
    assert "as a graph of OpenVINO, two logits" in card
    assert "temperature and thresholds were set here" in card
    tested = json.loads((reports / "testing.json").read_text())
    assert tested["sets"][0]["scored"] == 8
    assert tested["overlaps"]["is_checked"]
    robust = json.loads((reports / "robustness.json").read_text())
    assert robust["detector"] == tested["detector"]
    assert len(list((reports / "explanations").glob("*.html"))) == 3
    predictions = pd.read_csv(project / "data/07_model_output/predictions.csv")
    assert set(predictions["status"]) == {"ok", "unreadable"}


@pytest.mark.slow
def test_it_is_served_with_the_score_that_torchvision_gives(project, network, request_limits):
    folder = project / "data/06_models/detector"
    detector = ff.Detector.load(folder, min_size=1)
    app = build_server(str(folder), request_limits, max_images=4, max_seconds=60, min_size=1)
    margins = []
    for file in sorted((project / "other/valset").iterdir())[:3]:
        answer = TestClient(app, base_url="http://localhost").post(
            "/invocations", content=file.read_bytes()
        )
        (row,) = answer.json()["predictions"]
        pixels = torch.from_numpy(read_rgb(file)).permute(2, 0, 1)[None] / 255
        with torch.inference_mode():
            real, fake = network((pixels - 0.5) / 0.25)[0].double()
        margins.append(float(fake - real))
        found = logit(row["y_pred"]) * detector.trained.temperature
        assert found == pytest.approx(margins[-1], rel=4e-5, abs=4e-5)  # 1e-5 of a score
        assert row["verdict"] == detector.judge(file).verdict
    assert np.std(margins) > 0.01


def test_testing_says_that_seen_images_cannot_be_looked_for():
    overlaps = {"is_checked": True, "trained_elsewhere": True, "between_sets": []}
    said = describe_testing({"rows": [], "sets": [], "means": [], "overlaps": overlaps})
    assert said == [
        "The detector was trained elsewhere: whether on images of these sets cannot be looked for."
    ]
