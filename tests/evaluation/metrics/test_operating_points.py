"""Thresholds keep what was asked for, and lie where float noise cannot move an image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face_forgery.evaluation.operating_points import choose_thresholds, set_operating_points
from face_forgery.evaluation.reporting.sentences import note_limits
from face_forgery.inference.verdicts import decide
from face_forgery.modeling.detector import OperatingPoints

ASKED = {"target_fpr": 0.01, "target_fnr": 0.01, "confidence": 0.95}


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


def set_points(reals, fakes, *, copies=2):
    """Operating points of ``copies`` of the same scores, one to choose on."""
    scores = np.tile(np.array([*reals, *fakes], dtype=float), copies)
    targets = np.tile(np.array([0] * len(reals) + [1] * len(fakes)), copies)
    in_calibration = np.arange(len(scores)) < len(scores) / copies
    return set_operating_points(scores, targets, np.arange(len(scores)), in_calibration, **ASKED)


rates = st.integers(1, 99).map(lambda percent: percent / 100)


@given(scored_images(), rates, rates)
def test_promises_are_kept_and_no_lower_or_higher_threshold_keeps_them(
    data, target_fpr, target_fnr
):
    scores, targets = data
    chosen = choose_thresholds(scores, targets, target_fpr=target_fpr, target_fnr=target_fnr)
    reals, fakes = scores[targets == 0], scores[targets == 1]

    def bound(hits):
        return (hits.sum() + 1) / (len(hits) + 1)

    assert bound(reals >= chosen["fake_threshold"]) <= chosen["promised_fpr"]
    assert bound(fakes < chosen["real_threshold"]) <= chosen["promised_fnr"]
    assert chosen["promised_fpr"] <= max(target_fpr, 1 / (len(reals) + 1))
    assert chosen["promised_fnr"] <= max(target_fnr, 1 / (len(fakes) + 1))
    assert chosen["real_threshold"] <= chosen["fake_threshold"]
    lower = [level for level in reals if level < chosen["fake_threshold"]]
    assert all(bound(reals >= level) > target_fpr for level in lower)
    if chosen["real_threshold"] < chosen["fake_threshold"]:
        higher = [level for level in fakes if level >= chosen["real_threshold"]]
        assert all(bound(fakes <= level) > target_fnr for level in higher)


@given(scored_images(), rates, rates)
def test_no_observed_score_is_near_a_threshold(data, target_fpr, target_fnr):
    scores, targets = data
    chosen = choose_thresholds(scores, targets, target_fpr=target_fpr, target_fnr=target_fnr)
    for threshold in (chosen["real_threshold"], chosen["fake_threshold"]):
        at_the_end = threshold in (0.0, np.nextafter(1.0, 2.0))
        assert at_the_end or np.abs(scores - threshold).min() > 1e-3


@given(scored_images(), rates, rates)
def test_rates_are_those_of_the_verdicts(data, target_fpr, target_fnr):
    scores, targets = data
    nowhere = np.zeros(len(scores), dtype=bool)
    asked = {"target_fpr": target_fpr, "target_fnr": target_fnr, "confidence": 0.9}
    points = set_operating_points(scores, targets, np.arange(len(scores)), nowhere, **asked)
    verdicts = decide(scores, OperatingPoints.from_values(points))
    of_real, of_fake = verdicts[targets == 0], verdicts[targets == 1]
    measured = {name: rate["value"] for name, rate in points.items() if isinstance(rate, dict)}
    expected = {
        "fpr": (of_real == "fake").mean(),
        "tpr": (of_fake == "fake").mean(),
        "fnr": (of_fake == "real").mean(),
        "unsure_real": (of_real == "unsure").mean(),
        "unsure_fake": (of_fake == "unsure").mean(),
        "coverage": 1 - ((of_real == "fake").sum() + (of_fake == "real").sum()) / len(scores),
    }
    assert measured == pytest.approx(expected)


def test_equal_scores_are_all_unsure_and_said_to_be():
    points = set_points([0.5, 0.5], [0.5, 0.5])
    assert (points["real_threshold"], points["fake_threshold"]) == (0.25, 0.75)
    assert any("do not tell the classes apart" in note for note in note_limits(points))


def test_a_real_image_that_scores_one_leaves_no_room_for_fake():
    points = set_points([0.0, 1.0], [0.0, 1.0])
    assert points["fake_threshold"] > 1.0
    assert points["real_threshold"] == 0.0
    assert points["tpr"]["value"] == points["fpr"]["value"] == points["fnr"]["value"] == 0.0
    assert any("No forgery scores high enough" in note for note in note_limits(points))


@pytest.mark.parametrize(
    ("num_real", "num_fake", "words"),
    [
        (98, 99, ["98 real images cannot promise a false-positive rate of 0.01", "At least 99"]),
        (99, 98, ["98 forgeries cannot promise a miss rate of 0.01", "At least 99"]),
    ],
)
def test_a_target_that_the_set_cannot_promise_is_noted(num_real, num_fake, words):
    notes = note_limits(set_points(np.linspace(0, 0.4, num_real), np.linspace(0.6, 1, num_fake)))
    assert len(notes) == 1
    assert all(word in notes[0] for word in words)


def test_nothing_is_noted_where_nothing_is_amiss():
    assert note_limits(set_points(np.linspace(0, 0.6, 99), np.linspace(0.4, 1, 99))) == []


def test_one_split_chooses_and_the_other_measures():
    scores = np.array([*np.linspace(0, 0.4, 99), 0.9, 0.95, *np.linspace(0.5, 1, 99), 0.1, 0.2])
    targets = np.array([0] * 101 + [1] * 101)
    in_calibration = np.array(([True] * 99 + [False] * 2) * 2)
    points = set_operating_points(scores, targets, np.arange(202), in_calibration, **ASKED)
    assert points["is_verified"]
    assert (points["num_real_chosen_on"], points["num_real"]) == (99, 2)
    assert points["fpr"]["value"] == points["fnr"]["value"] == 1.0
    assert points["coverage"]["value"] == 0.0
    assert any("lies above the promised 0.01" in note for note in note_limits(points))


def test_too_few_images_for_two_splits_are_measured_whole_and_said_to_be():
    points = set_points([0.1, 0.2], [0.8, 0.9], copies=1)
    assert not points["is_verified"]
    assert points["num_real"] == points["num_real_chosen_on"] == 2
    assert any(
        "too few for a calibration and a verification split" in note for note in note_limits(points)
    )


def test_the_promise_holds_on_average_over_new_images():
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(400):
        reals, fakes = rng.normal(0.4, 0.1, 59), rng.normal(0.6, 0.1, 59)
        chosen = choose(np.clip(reals, 0, 1), np.clip(fakes, 0, 1), target_fpr=0.05)
        rates.append((np.clip(rng.normal(0.4, 0.1, 500), 0, 1) >= chosen["fake_threshold"]).mean())
    assert 0.03 < np.mean(rates) <= 0.05


@pytest.mark.parametrize("name", ["target_fpr", "target_fnr"])
@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_target_that_is_no_rate_is_an_error(name, rate):
    with pytest.raises(ValueError, match=f"{name}="):
        choose([0.1], [0.9], **{name: rate})


def draw_sources(num_images, *, shares=(0.85, 0.15), seed=0):
    """Scores of two sources; real images of the second look more forged."""
    rng = np.random.default_rng(seed)
    targets = np.arange(num_images) % 2
    sources = rng.choice(["a", "b"], num_images, p=shares)
    margins = rng.normal(3.0 * (2 * targets - 1) + 2.0 * (sources == "b") * (targets == 0), 1.0)
    return 1 / (1 + np.exp(-margins)), targets, sources


def set_points_of_sources(promise, *, num_images=8000, target_fpr=0.01):
    scores, targets, sources = draw_sources(num_images)
    return set_operating_points(
        scores,
        targets,
        np.arange(num_images),
        np.arange(num_images) % 4 < 2,
        **ASKED | {"target_fpr": target_fpr},
        promise=promise,
        sources=sources,
    )


def test_a_promise_for_every_source_holds_in_each_and_says_what_it_costs():
    overall, every = (set_points_of_sources(promise) for promise in ("overall", "every_source"))
    rates = {row["name"]: row["fpr"]["value"] for row in overall["by_source"]}
    assert rates["b"] > 0.03
    assert rates["a"] < 0.01
    assert [row["promised_fpr"] for row in overall["by_source"]] == [None, None]
    assert overall["overall"] is None
    assert every["fake_threshold"] > overall["fake_threshold"]
    for row in every["by_source"]:
        assert row["promised_fpr"] <= 0.01
        assert row["fpr"]["low"] <= 0.01
        assert row["num_real_chosen_on"] + row["num_real"] > 400
    cost = every["overall"]
    assert cost["fake_threshold"] == overall["fake_threshold"]
    assert cost["tpr"] == overall["tpr"]
    assert cost["tpr"]["value"] > every["tpr"]["value"]
    assert OperatingPoints.from_values(every).by_source[1].name == "b"


def test_a_promise_holds_on_average_for_new_images_of_each_source():
    rates = {"a": [], "b": []}
    new_scores, new_targets, new_sources = draw_sources(40_000, shares=(0.5, 0.5), seed=99)
    for seed in range(40):
        scores, targets, sources = draw_sources(2000, seed=seed)
        chosen = choose_thresholds(
            scores, targets, target_fpr=0.05, target_fnr=0.05, sources=sources
        )
        is_alarm = new_scores >= chosen["fake_threshold"]
        for name, found in rates.items():
            found.append(is_alarm[(new_targets == 0) & (new_sources == name)].mean())
    assert np.mean(rates["b"]) == pytest.approx(0.05, abs=0.01)
    assert np.mean(rates["a"]) < 0.01


def test_a_source_with_too_few_real_images_is_named_with_what_it_can_be_promised():
    points = set_points_of_sources("every_source", num_images=400)
    rows = {row["name"]: row for row in points["by_source"]}
    few = rows["b"]["num_real_chosen_on"]
    assert rows["b"]["promised_fpr"] == 1 / (few + 1) > 0.01
    assert rows["a"]["promised_fpr"] > points["promised_fpr"] == 1 / 101
    (note,) = [note for note in note_limits(points) if "source b" in note]
    assert f"{few} real images" in note


def test_a_source_whose_rate_is_above_the_promise_is_named():
    points = set_points_of_sources("overall")
    (note,) = [note for note in note_limits(points) if "source b" in note]
    assert "evaluation.promise=every_source" in note
    assert not any("source" in note for note in note_limits(set_points_of_sources("every_source")))
    with pytest.raises(ValueError, match="needs the source of each image"):
        set_operating_points(
            *(np.array([0.1, 0.9]), np.array([0, 1]), np.arange(2), np.ones(2, bool)),
            **ASKED,
            promise="every_source",
        )
