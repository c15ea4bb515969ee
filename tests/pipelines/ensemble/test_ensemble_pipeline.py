"""Folders of detectors become one detector, which evaluation certifies as any other."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from kedro.runner import SequentialRunner
from scipy.special import expit

from face_forgery.data.labels.manifest import fingerprint_sets
from face_forgery.datasets.detector import DetectorDataset
from face_forgery.inference.scoring import score_manifest
from face_forgery.modeling.detector import BackboneError
from face_forgery.pipelines.ensemble import create_pipeline
from face_forgery.pipelines.evaluation import nodes as evaluation

READING = {"batch_size": 8, "num_workers": 0}


def certify(detector, calibration, points):
    return evaluation.certify_detector(
        scored_detector=detector,
        calibration=calibration,
        metrics={},
        operating_points=points,
        precision_cost={},
        familiarity={},
        appearance={},
    )


@pytest.fixture
def manifests(make_faces):
    facts = {"width": 40, "height": 40, "format": "PNG", "jpeg_quality": None, "img_name": "x"}
    groups = [f"g{n}" for n in range(24)]
    val = make_faces(24, name="val").assign(group=groups, kind="real", source="drawn", **facts)
    return make_faces(6, name="train"), val


@pytest.fixture
def members(make_detector, manifests, tmp_path):
    """Two detectors on disk, evaluated on the present split."""
    train, val = manifests
    data = {"data_fingerprint": fingerprint_sets(train=train, val=val)}
    made = {
        "one": make_detector(temperature=20.0, **data),
        "two": make_detector("test_vit", temperature=10.0, **data),
    }
    for name, detector in made.items():
        DetectorDataset(filepath=str(tmp_path / "members" / name)).save(detector)
    return made


@pytest.fixture
def run(members, manifests, tmp_path, make_shipped_catalog, make_params):
    def run_pipeline(folders=None, **changes):
        names = [str(tmp_path / "members" / "*")] if folders is None else folders
        params = make_params(**changes | {"ensemble.members": names})
        catalog = make_shipped_catalog(
            create_pipeline(),
            tmp_path,
            params,
            train_manifest=manifests[0],
            val_manifest=manifests[1],
        )
        SequentialRunner().run(create_pipeline(), catalog)
        return catalog["trained_detector"].load()

    return run_pipeline


DETECTOR = "data/06_models/detector"


def test_evaluation_calibrates_and_certifies_the_mean(
    run, members, manifests, tmp_path, make_params
):
    params = make_params(**{"data.root": str(tmp_path / "faces")})
    joined, how = run(), (params.data, params.scoring, params.evaluation)
    assert joined.operating_points is None
    identities = [{one.identity() for one in some} for some in (joined.members, members.values())]
    assert identities[0] == identities[1]
    margins = evaluation.score_validation(joined, manifests[1], *how)
    points = evaluation.choose_operating_points(
        evaluation.apply_temperature(margins, {"temperature": 1.7}), params.evaluation
    )
    temperature = {"temperature": 1.7}
    certified = certify(joined, temperature, points)
    again = evaluation.score_validation(certified, manifests[1], *how)
    pd.testing.assert_frame_equal(again, margins)
    scores = score_manifest(certified, manifests[1], tmp_path / "faces", **READING).scores
    np.testing.assert_allclose(scores, expit(margins["margin"] / 1.7), atol=1e-6)


def test_more_weights_than_allowed_are_refused_before_anything_is_written(run, members, tmp_path):
    count = sum(one.count_parameters() for one in members.values())
    run(**{"model.max_parameters": count})
    (tmp_path / DETECTOR).rename(tmp_path / "written")
    with pytest.raises(BackboneError, match=rf"an ensemble of .* has {count:,} parameters, 1 more"):
        run(**{"model.max_parameters": count - 1})
    assert not (tmp_path / DETECTOR).exists()


def test_a_missing_member_is_named(run, tmp_path):
    with pytest.raises(DatasetError, match=r"no folder matches .*nothing\*"):
        run([str(tmp_path / "nothing*")])
    with pytest.raises(DatasetError, match="there is no detector yet"):
        run([str(tmp_path / "gone")])


def test_test_time_augmentation_becomes_part_of_a_detector(
    members, manifests, tmp_path, make_params
):
    params = make_params(**{"data.root": str(tmp_path / "faces"), "scoring.tta": "flip"})
    plain = replace(members["one"], temperature=1.0)
    how = (params.data, params.scoring, params.evaluation)
    scored = evaluation.choose_precision(plain, manifests[1], *how)
    margins = evaluation.score_validation(scored, manifests[1], *how)["margin"]
    rows = {name: manifests[1][name].to_numpy() for name in ("target", "group", "source")}
    rows |= {"y_pred": expit(margins / 9), "split": ["calibration", "verification"] * 12}
    points = evaluation.choose_operating_points(pd.DataFrame(rows), params.evaluation)
    certified = certify(scored, {"temperature": 9.0}, points)
    assert certified.tta == "flip"
    DetectorDataset(filepath=str(tmp_path / "viewed")).save(certified)
    stored = DetectorDataset(filepath=str(tmp_path / "viewed")).load()
    scores = score_manifest(stored, manifests[1], tmp_path / "faces", **READING).scores
    np.testing.assert_allclose(scores, expit(margins / 9), atol=1e-6)
