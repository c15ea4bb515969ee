"""Thresholds keep what was asked for, and lie where float noise cannot move an image."""

from dataclasses import asdict, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face_forgery.inference.verdicts import decide
from face_forgery.metrics.operating_points import ChosenThresholds, choose_thresholds, note_limits
from face_forgery.modeling.detector import OperatingPoints


@st.composite
def scored_images(draw):
    levels = st.integers(0, 30)
    reals = draw(st.lists(levels, min_size=1, max_size=25))
    fakes = draw(st.lists(levels, min_size=1, max_size=25))
    return np.array(reals + fakes) / 30, np.array([0] * len(reals) + [1] * len(fakes))


def choose(reals, fakes, *, target_fpr=0.01, target_fnr=0.01):
    scores = np.array([*reals, *fakes], dtype=float)
    targets = np.array([0] * len(reals) + [1] * len(fakes))
    return choose_thresholds(scores, targets, target_fpr=target_fpr, target_fnr=target_fnr)


rates = st.integers(1, 99).map(lambda percent: percent / 100)


@given(scored_images(), rates, rates)
def test_rates_are_kept_and_no_lower_or_higher_threshold_keeps_them(data, target_fpr, target_fnr):
    scores, targets = data
    chosen = choose_thresholds(scores, targets, target_fpr=target_fpr, target_fnr=target_fnr)
    reals, fakes = scores[targets == 0], scores[targets == 1]
    assert chosen.fpr == (reals >= chosen.fake_threshold).mean() <= target_fpr
    assert chosen.fnr == (fakes < chosen.real_threshold).mean() <= target_fnr
    assert chosen.tpr == (fakes >= chosen.fake_threshold).mean()
    assert chosen.real_threshold <= chosen.fake_threshold
    lower = [level for level in scores if level < chosen.fake_threshold]
    assert all((reals >= level).mean() > target_fpr for level in lower if level in reals)
    if chosen.real_threshold < chosen.fake_threshold:
        higher = [level for level in fakes if level >= chosen.real_threshold]
        assert all((fakes <= level).mean() > target_fnr for level in higher)


@given(scored_images(), rates, rates)
def test_no_observed_score_is_near_a_threshold(data, target_fpr, target_fnr):
    scores, targets = data
    chosen = choose_thresholds(scores, targets, target_fpr=target_fpr, target_fnr=target_fnr)
    for threshold in (chosen.real_threshold, chosen.fake_threshold):
        at_the_end = threshold in (0.0, np.nextafter(1.0, 2.0))
        assert at_the_end or np.abs(scores - threshold).min() > 1e-3


@given(scored_images(), rates, rates)
def test_rates_are_those_of_the_verdicts(data, target_fpr, target_fnr):
    scores, targets = data
    chosen = choose_thresholds(scores, targets, target_fpr=target_fpr, target_fnr=target_fnr)
    verdicts = decide(scores, OperatingPoints(**asdict(chosen)))
    assert chosen.fpr == (verdicts[targets == 0] == "fake").mean()
    assert chosen.fnr == (verdicts[targets == 1] == "real").mean()
    assert chosen.unsure_share == (verdicts == "unsure").mean()


def test_separated_classes_leave_nothing_unsure():
    chosen = choose([0.1, 0.2], [0.8, 0.9])
    assert chosen.real_threshold == chosen.fake_threshold == 0.5
    assert (chosen.fpr, chosen.tpr, chosen.fnr, chosen.unsure_share) == (0.0, 1.0, 0.0, 0.0)


def test_overlapping_classes_leave_the_overlap_unsure():
    chosen = choose([0.1, 0.3, 0.6], [0.4, 0.7, 0.9], target_fpr=0.1, target_fnr=0.1)
    assert chosen.real_threshold == pytest.approx(0.35)
    assert chosen.fake_threshold == pytest.approx(0.65)
    assert chosen.unsure_share == pytest.approx(2 / 6)


def test_the_allowance_is_spent_where_it_buys_forgeries():
    chosen = choose(np.arange(100) / 100, [0.985], target_fpr=0.01)
    assert chosen.fpr == 0.01
    assert chosen.tpr == 1.0
    assert chosen.fake_threshold == pytest.approx(0.9825)


def test_generous_targets_never_put_real_above_fake():
    chosen = choose([0.1, 0.2, 0.3], [0.25, 0.8, 0.9], target_fpr=0.4, target_fnr=0.9)
    assert chosen.real_threshold == chosen.fake_threshold
    assert chosen.unsure_share == 0.0


def test_equal_scores_are_all_unsure_and_said_to_be():
    chosen = choose([0.5, 0.5], [0.5, 0.5])
    assert (chosen.real_threshold, chosen.fake_threshold) == (0.25, 0.75)
    assert chosen.unsure_share == 1.0
    assert any("do not tell the classes apart" in note for note in note_limits(chosen))


def test_a_real_image_that_scores_one_leaves_no_room_for_fake():
    chosen = choose([0.0, 1.0], [0.0, 1.0])
    assert chosen.fake_threshold > 1.0
    assert chosen.real_threshold == 0.0
    assert (chosen.fpr, chosen.tpr, chosen.fnr) == (0.0, 0.0, 0.0)
    assert any("No forgery scores high enough" in note for note in note_limits(chosen))


def test_neighboring_floats_are_still_kept_apart():
    real, fake = 0.5, np.nextafter(0.5, 1.0)
    chosen = choose([real], [fake])
    assert chosen.fpr == 0.0
    assert chosen.tpr == 1.0


@pytest.mark.parametrize(
    ("num_real", "num_fake", "words"),
    [
        (99, 100, ["99 real images cannot show a false-positive rate of 0.01", "At least 100"]),
        (100, 99, ["99 forgeries cannot show a miss rate of 0.01", "At least 100"]),
    ],
)
def test_a_target_that_the_set_cannot_resolve_is_noted(num_real, num_fake, words):
    notes = note_limits(choose(np.linspace(0, 0.4, num_real), np.linspace(0.6, 1, num_fake)))
    assert len(notes) == 1
    assert all(word in notes[0] for word in words)


def test_nothing_is_noted_where_nothing_is_amiss():
    assert note_limits(choose(np.linspace(0, 0.6, 100), np.linspace(0.4, 1, 100))) == []


def test_fields_are_those_that_the_detector_stores():
    stored = [field.name for field in fields(OperatingPoints)]
    assert [field.name for field in fields(ChosenThresholds)] == stored


@pytest.mark.parametrize("name", ["target_fpr", "target_fnr"])
@pytest.mark.parametrize("rate", [0.0, 1.0, float("nan")])
def test_a_target_that_is_no_rate_is_an_error(name, rate):
    with pytest.raises(ValueError, match=f"{name}="):
        choose([0.1], [0.9], **{name: rate})
