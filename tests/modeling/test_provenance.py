"""A detector says what it learnt from, and nothing that nobody told it."""

import json
import re
from dataclasses import replace

import pytest
from pydantic import ValidationError

from face_forgery.modeling.detector_files import META
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.ensemble import join_detectors
from face_forgery.modeling.export import describe
from face_forgery.modeling.provenance import (
    TrainingData,
    describe_training_data,
    join_training_data,
)

DRAWN = TrainingData("demo", 4, 4, 4, {"face_swap": 4}, {"drawn": 8}, {"drawn": 8})
PHOTOGRAPHS = TrainingData("dfdc", 20, 30, 9, {"1": 30}, {"dfdc": 50}, {"photographed": 50})
UNKNOWN = TrainingData("mine", 20, 30, 50, {"unknown": 30}, {"unknown": 50}, {"unknown": 50})


@pytest.mark.parametrize(
    ("card", "english", "chinese"),
    [
        (None, "not recorded: an older release", "未记录"),
        (DRAWN, "drawn faces: a demonstration, not for photographs.", "仅供演示，不适用于照片"),
        (
            join_training_data([DRAWN, PHOTOGRAPHS]),
            r"partly from drawn faces: 8 of 58 images of demo \+ dfdc",
            "demo + dfdc 的 58 张图像中有 8 张",
        ),
        (PHOTOGRAPHS, "from 50 photographs of dfdc: 20 real, 30 forged.", "50 张照片"),
        (UNKNOWN, "50 images of mine: .*whether they are photographs is not recorded", "未记录"),
    ],
    ids=["none", "drawn", "partly", "photographed", "unknown"],
)
def test_one_sentence_says_what_a_detector_learnt_from(card, english, chinese):
    assert re.search(english, describe_training_data(card))
    assert chinese in describe_training_data(card, "zh")


def test_members_that_learnt_from_one_set_count_it_once():
    without_a_kind = replace(DRAWN, num_fake=2, kinds={"face_swap": 2}, origins={"drawn": 6})
    assert join_training_data([DRAWN, DRAWN]) == DRAWN
    assert join_training_data([without_a_kind, DRAWN]) == replace(DRAWN, name="demo")
    both = join_training_data([DRAWN, PHOTOGRAPHS])
    assert (both.num_real, both.num_fake, both.num_groups) == (24, 34, 13)
    assert both.kinds == {"face_swap": 4, "1": 30}


def test_a_member_of_unknown_origin_does_not_hide_that_another_saw_drawings():
    joined = join_training_data([DRAWN, None])
    assert (joined.name, joined.origin) == ("demo + not recorded", "partly")
    assert join_training_data([PHOTOGRAPHS, None]).origin == "unknown"
    assert join_training_data([None, None]) is None


def test_the_card_survives_the_folder_the_ensemble_and_the_export(tmp_path, make_detector):
    one = make_detector(training_data=DRAWN)
    other = make_detector(training_data=PHOTOGRAPHS, temperature=2.0)
    both = join_detectors(
        {"a": one, "b": other}, data_fingerprint="f" * 64, code_version={}, other_data="refuse"
    )
    for name, detector in (("one", one), ("both", both)):
        (tmp_path / name).mkdir()
        write_detector(detector, tmp_path / name)
        assert read_detector(tmp_path / name).training_data == detector.training_data
    assert both.training_data.sources == {"drawn": 8, "dfdc": 50}
    told = json.loads(json.dumps(describe(one)))
    assert told["training_data"]["origins"] == {"drawn": 8}
    assert told["learnt_from"] == describe_training_data(DRAWN)


def test_a_detector_of_an_older_release_opens_and_says_that_nothing_is_recorded(
    tmp_path, make_detector
):
    write_detector(make_detector(training_data=DRAWN), tmp_path)
    meta = json.loads((tmp_path / META).read_text())
    del meta["training_data"]
    (tmp_path / META).write_text(json.dumps(meta))
    assert read_detector(tmp_path).training_data is None


@pytest.mark.parametrize(
    "changes", [{"name": "a\x1b[31m"}, {"name": ""}, {"num_real": -1}, {"origins": {"felt": 1}}]
)
def test_a_card_that_lies_about_its_form_is_refused(changes):
    with pytest.raises(ValidationError):
        replace(DRAWN, **changes)
