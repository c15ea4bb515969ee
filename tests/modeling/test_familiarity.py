"""Where images begin to be unfamiliar, and what that promises."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from face_forgery.inference.familiarity import fit_appearance
from face_forgery.modeling.detector import DetectorError
from face_forgery.modeling.detector_files import APPEARANCE
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.familiarity import (
    NUM_FEATURES,
    AppearanceModel,
    Familiarity,
    choose_threshold,
)


@pytest.fixture(scope="module")
def seen():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(NUM_FEATURES, NUM_FEATURES))
    return (rng.normal(size=(400, NUM_FEATURES)) @ mixing + 3).astype(np.float32)


def test_distances_are_those_of_mahalanobis(seen):
    mean, deviation = seen.mean(axis=0), seen.std(axis=0)
    fitted = LedoitWolf().fit((seen - mean) / deviation)
    expected = np.sqrt(fitted.mahalanobis((seen - mean) / deviation) / NUM_FEATURES)
    found = fit_appearance(seen).distances(seen)
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert 0.5 < np.median(found) < 1.5


@pytest.mark.parametrize(
    ("num", "beyond", "promised"), [(199, 2, 0.01), (99, 1, 0.01), (50, 1, 1 / 51), (1, 1, 0.5)]
)
def test_the_threshold_promises_what_conformal_prediction_does(num, beyond, promised):
    distances = np.arange(1.0, num + 1)
    found = choose_threshold(distances[::-1], np.array([0.5, num + 1]), rate=0.01)
    assert (distances >= found.threshold).sum() == beyond
    assert found.promised == pytest.approx(promised)
    assert (found.num_images, found.measured, found.num_measured) == (num, 0.5, 2)


def test_no_more_than_promised_are_beyond_on_average():
    rng = np.random.default_rng(1)
    rates = [
        (rng.exponential(size=2000) > choose_threshold(
            rng.exponential(size=99), np.empty(0), rate=0.05).threshold).mean()
        for _ in range(400)
    ]  # fmt: skip
    assert 0.04 < np.mean(rates) <= 0.052


@pytest.fixture
def familiar(make_detector, seen):
    found = Familiarity(1.5, 0.01, 199, None, 0)
    return replace(make_detector(), familiarity=found, appearance=fit_appearance(seen))


def test_a_detector_keeps_what_it_compares_with(familiar, tmp_path):
    write_detector(familiar, tmp_path)
    stored = read_detector(tmp_path)
    assert stored.familiarity == familiar.familiarity
    np.testing.assert_array_equal(stored.appearance.whitening, familiar.appearance.whitening)
    assert stored.identity() == familiar.identity()
    plain = replace(familiar, familiarity=None, appearance=None)
    assert plain.identity() == familiar.identity()  # no score depends on it


@pytest.mark.parametrize(
    "model",
    [
        AppearanceModel(np.zeros(3), np.zeros((3, 3))),
        AppearanceModel(np.full(NUM_FEATURES, np.nan), np.eye(NUM_FEATURES)),
    ],
)
def test_what_no_image_can_be_compared_with_is_refused(familiar, tmp_path, model):
    write_detector(replace(familiar, appearance=model), tmp_path)
    with pytest.raises(DetectorError, match=rf"{APPEARANCE}: not what images are compared with"):
        read_detector(tmp_path)
