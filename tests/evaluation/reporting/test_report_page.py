"""The report is one safe file that says what was measured, and says the same twice."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from string import Formatter
from types import SimpleNamespace

import pandas as pd
import pytest

from face_forgery.data.labels.manifest import fingerprint_sets
from face_forgery.evaluation import reporting
from face_forgery.evaluation.reporting.report import cross_validation_of, list_inputs, render_report
from face_forgery.evaluation.reporting.result_figures import draw_robustness
from face_forgery.evaluation.reporting.sentences import (
    METRIC_WORDS,
    describe_decisions,
    describe_mistakes,
    describe_separation,
    describe_thresholds,
    format_number,
    list_worst_cells,
)
from face_forgery.modeling.ensemble import join_detectors
from face_forgery.modeling.provenance import TrainingData, describe_training_data

PNG = b"\x89PNG\r\n\x1a\nnot really"
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Tags with their attributes, the visible text, and whether every tag is closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


MANIFEST = pd.DataFrame({"subset": ["train"], "path": ["a"], "target": [0], "sha256": ["0"]})
FIGURES = [name for name in list_inputs() if name.endswith("_figure")]


@pytest.fixture(scope="module")
def detector(make_detector):
    return make_detector()


@pytest.fixture
def make_report(make_judged, detector):
    """Render what one judged set gives; results that need a pipeline of their own are missing."""

    def make(judged=None, language="en", **changes):
        values = judged or make_judged()
        values |= {
            "data_report": {
                "subsets": {
                    "train": {
                        "images": 1200,
                        "classes": {"real": {"images": 700}, "fake": {"images": 500}},
                        "groups": {"number": 1100},
                        "rejected": {"unreadable": 2, "missing": 1},
                    }
                }
            },
            "detector": detector,
            "manifest": MANIFEST,
            "code_version": {"date": "2026-11-30", "face_forgery": "0.1.0", "git_commit": None},
            "evaluation": SimpleNamespace(prevalence=0.001),
            "holdout_results": {"groups": []},
            **dict.fromkeys(("audit", "robustness", "cross_validation", "testing")),
            **dict.fromkeys(FIGURES, PNG),
        }
        return render_report(language, **values | changes)

    return make


def test_page_is_well_formed_and_says_twice_what_was_measured(make_report, make_judged):
    judged = make_judged(150)
    points, calibration = judged["operating_points"], judged["calibration"]
    judged["breakdown"][1]["cells"][0] |= {
        "auc": {"value": None, "low": None, "high": None},
        "note": "no real images, nothing to compare with",
    }
    points |= {"target_fpr": 0.02, "promised_fpr": 0.0196}
    points |= {"fpr": {"value": 0.0123, "low": 0.00456, "high": 0.0789}}
    calibration["before"]["ece"] = {"value": 0.1357, "low": 0.1, "high": 0.2}
    calibration["after"]["ece"] = {"value": 0.0246, "low": 0.01, "high": 0.05}
    calibration["temperature"] = 1.234
    html = make_report(judged)
    page, auc = Page(html), judged["metrics"]["auc"]
    assert page.open == []
    assert html == make_report(judged)
    for words in (
        *(name for name, _ in METRIC_WORDS.values()),
        f"{auc['value']:.3f} {auc['low']:.3f} to {auc['high']:.3f}",
        judged["metrics"]["notes"]["tpr_at_fpr_1e-3"],
        f"face_swap 75 75 {judged['breakdown'][0]['cells'][0]['auc']['value']:.3f}",
        "drawn no real images, nothing to compare with 75 75 -",
        "train 1,200 700 500 0 1,100 3",
        "data fingerprint ffff",
        "git commit unknown",
        "real images called fake 1.23% 0.456% to 7.89% at most 1.96% at most 2%",
        "too sure: its logits are divided by 1.23",
        "went from 0.136 to 0.025",
    ):
        assert words in page.text, words
    small = Page(make_report(make_judged(20))).text
    assert "5 real images cannot promise a false-positive rate of 0.05" in small


def test_figures_are_inside_the_page_unless_they_are_of_something_else(make_report, robustness):
    figures = {name: PNG + name.encode() for name in FIGURES}
    page = make_report(robustness=robustness, **figures)
    images = [a for tag, a in Page(page).tags if tag == "img"]
    embedded = {
        base64.b64decode(image["src"].removeprefix("data:image/png;base64,")) for image in images
    }
    missing = {figures[f"{name}_figure"] for name in ("audit", "cross_validation", "testing")}
    assert embedded == set(figures.values()) - missing
    assert all(image["alt"] for image in images)


def test_an_ensemble_has_no_training_of_its_own(make_report, make_detector):
    joined = join_detectors(
        {"a": make_detector(), "b": make_detector("test_vit")},
        data_fingerprint="f" * 64,
        code_version={},
        other_data="refuse",
    )
    page = make_report(detector=joined, training_figure=b"training")
    assert base64.b64encode(b"training").decode() not in page
    assert "chosen epoch" not in page
    assert "32 pixels" in page


def test_page_fetches_and_runs_nothing(make_report):
    html = make_report()
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "base"}
    assert not re.findall(r"https?:|url\(|@import|//\w", html)


def test_names_of_users_are_text_and_nothing_else(make_report, make_judged):
    evil = "<script>alert(1)</script>\"'&{{ 7*7 }}.jpg"
    judged = make_judged()
    judged["breakdown"][0]["cells"][0]["name"] = evil
    judged["mistakes"].loc[0, ["img_name", "kind", "source"]] = evil
    audit = make_audit(0.6, is_warning=False)
    audit["overlaps"][0]["examples"] = [[evil, evil]]
    html = make_report(judged, audit=audit, holdout_results=make_groups(name=evil))
    assert "<script" not in html
    assert Page(html).text.count(evil) == 4 + 2 + 2


@pytest.mark.parametrize(
    ("origins", "auc", "level", "headline"),
    [
        ({"photographed": 8}, 0.6, "unusable", "\N{MULTIPLICATION X} Not usable"),
        ({"drawn": 8}, 0.95, "demonstration", "\N{LOWER RIGHT PENCIL} A demonstration"),
        ({"photographed": 8}, 0.95, "care", "! Usable with care"),  # degradations not measured
    ],
    ids=["bad", "demo", "good"],
)
def test_the_box_shows_the_judgement_by_color_mark_and_words(  # noqa: PLR0917
    make_report, make_judged, detector, origins, auc, level, headline
):
    judged = make_judged()
    judged["metrics"]["auc"] = {"value": auc, "low": auc - 0.02, "high": auc + 0.02}
    card = TrainingData("demo", 4, 4, 4, {}, {}, origins)
    page = Page(make_report(judged, detector=replace(detector, training_data=card)))
    (box,) = [a for tag, a in page.tags if tag == "section"]
    assert box["class"] == f"verdict {level}"
    assert f"{headline} " in page.text
    assert describe_training_data(card) in page.text.split(headline)[1][:200]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_contents_lead_to_every_section(make_report, language):
    page = Page(make_report(language=language))
    targets = [a["href"][1:] for tag, a in page.tags if tag == "a" and a["href"].startswith("#")]
    ids = [a["id"] for tag, a in page.tags if tag == "h2" and "id" in a]
    assert [name for name in targets if name in ids] == targets
    assert targets[1:] == ids
    assert "2026-11-30 · Face Forgery 0.1.0" in page.text


def test_a_chinese_report_has_no_english_sentence(make_report, make_judged, robustness):
    results = {
        "audit": make_audit(0.81, is_warning=True),
        "robustness": robustness,
        "holdout_results": make_groups(),
    }
    for size in (20, 150):
        page = Page(make_report(make_judged(size), "zh", **results))
        said = page.text.split("kedro run")[0] + " ".join(a.get("alt", "") for _, a in page.tags)
        assert re.findall(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}[^.]*", said) == []


def test_every_translation_has_the_fields_of_its_sentence():
    words = resources.files(reporting).joinpath("words.zh.json").read_text(encoding="utf-8")
    for english, chinese in json.loads(words).items():
        fields = [
            {name for _, name, *_ in Formatter().parse(text) if name is not None}
            for text in (english, chinese)
        ]
        assert fields[0] == fields[1], english


def test_errors_are_told_by_source_and_of_ten_thousand_images(make_report, make_judged):
    judged = make_judged()
    text = Page(make_report(judged)).text
    assert "If 10 of 10,000 images are forged (evaluation.prevalence=0.001), expect:" in text
    points = judged["operating_points"]
    alarms = round(points["fpr"]["value"] * points["num_real"])
    assert (
        "source real images called fake rate 95% interval promised drawn "
        f"{points['num_real']} {alarms} " in text
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_test_on_other_sets_is_told_set_by_set(make_report, make_tested, make_judged, language):
    testing = make_tested()
    text = Page(make_report(make_judged(), language, testing=testing)).text
    auc = testing["rows"][0]["metrics"]["auc"]
    assert f"{auc['value']:.3f} {auc['low']:.3f}" in text
    if language == "zh":
        section = text.split("在未参与制作的数据集上还有效吗？")[-1].split("kedro run")[0]
        assert "celeb 图像 160 160" in section
        assert re.findall(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}[^.]*", section) == []
        return
    for words in (
        "celeb image 160 160 ",
        "only_real video 12 0 - - ",
        "at most 0.99% broken",
        "only_real , image: The set has no forged images",
        "inverted , video: An AUC of 0.",
        "celeb: 2 of 322 images have no score (2 missing)",
        "inverted: 4 of 324 images were left out",
        "celeb and inverted share 3 images",
        "celeb : By kind of forgery, against all real images",
    ):
        assert words in text, words
    other = testing | {"detector": "another"}
    assert "Not tested on other sets." in Page(make_report(testing=other)).text
    testing["operating_points"]["fake_threshold"] = 0.7
    assert "Not tested on other sets." in Page(make_report(testing=testing)).text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_promise_for_every_source_is_told_with_what_it_costs(make_report, make_judged, language):
    judged = make_judged()
    points = judged["operating_points"]
    rates = {"fpr": rate(0.02), "tpr": rate(0.9)}
    points |= {"promise": "every_source", "overall": {"fake_threshold": 0.7} | rates}
    points["by_source"] = [
        dict(zip(("name", "num_real_chosen_on", "promised_fpr", "num_real"), row, strict=True))
        | {"fpr": {"value": 0.5, "low": 0.45, "high": 0.55}}
        for row in (("drawn", 40, 0.0244, 30), ("few", 4, 0.2, 3))
    ]
    html = make_report(judged, language)
    text = Page(html).text
    if language == "zh":
        assert re.findall(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}[^.]*", text.split("kedro")[0]) == []
        return
    for words in (
        "at most 2.44%",
        "together, 0.7, would find 90.0% of the forgeries instead of",
        "4 real images of the source few cannot promise it",
        "In the source drawn 50.0% of the real images were called fake (45.0% to 55.0%)",
    ):
        assert words in text, words


def test_the_worst_scores_say_why_they_count_other_errors(make_judged):
    judged = make_judged()
    worst = (
        judged["mistakes"]
        .head(4)
        .assign(
            target=[0, 0, 1, 1],
            verdict=["fake", "unsure", "real", "real"],
            split=["calibration", "verification", "verification", "calibration"],
        )
    )
    assert describe_mistakes(worst, judged["operating_points"]).endswith(
        "Of 4 images listed, 3 have a wrong verdict, 1 of them held back."
    )


def rate(value):
    return {"value": value, "low": value / 2, "high": (1 + value) / 2}


def test_a_verdict_counts_images(make_judged):
    points = make_judged()["operating_points"] | {"num_real": 150, "num_fake": 100}
    points |= {"fpr": rate(1 / 150), "tpr": rate(0.9), "fnr": rate(0.02)}
    points |= {"unsure_real": rate(0.02), "unsure_fake": rate(0.07)}
    assert describe_decisions(points) == (
        "On images held back from the choice of thresholds: 1 of 150 real called fake (false "
        "alarms); 90 of 100 forgeries called fake, 2 called real (missed); 10 of all 250 left "
        "unsure."
    )


@pytest.mark.parametrize(("low", "is_doubted"), [(0.5, True), (0.51, False)])
def test_a_detector_that_may_be_guessing_is_said_to_be(low, is_doubted):
    metrics = {"auc": {"value": 0.6, "low": low, "high": 0.7}, "bootstrap": {"confidence": 0.9}}
    sentence = describe_separation(metrics)
    assert sentence.startswith("Shown a real image and a forged one")
    assert f"in 60.0 of 100 cases (90% interval: {100 * low:.1f} to 70.0" in sentence
    assert ("not shown to be better than guessing" in sentence) == is_doubted


def test_equal_thresholds_leave_no_unsure_zone(make_judged):
    points = make_judged()["operating_points"] | {"real_threshold": 0.5, "fake_threshold": 0.5}
    rule, splits = describe_thresholds(points)
    assert "scores 0.5 or more is called fake" in rule
    assert "no unsure zone" in rule
    assert "measured on the verification split" in splits
    assert "measured on the same images" in describe_thresholds(points | {"is_verified": False})[1]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0, "0.000"), (0.98765, "0.988"), (0.00123, "0.0012")]
)
def test_numbers_keep_what_can_be_seen(value, text):
    assert format_number(value) == text


def cell(title, level, auc, *, drop_low=0.1, fpr=0.05):
    return {
        "family": "compression",
        "title": title,
        "level": level,
        "label": f"strength {level}",
        "auc": rate(auc),
        "drop": {"value": 0.9 - auc, "low": drop_low, "high": 0.5},
        "fpr": rate(fpr),
        "tpr": rate(0.4),
    }


@pytest.fixture
def robustness(detector):
    return {
        "detector": detector.identity(),
        "num_real": 150,
        "num_fake": 140,
        "clean": {"auc": rate(0.9), "fpr": rate(0.01), "tpr": rate(0.8)},
        "cells": [
            cell("JPEG", 1, 0.89, drop_low=-0.01),
            cell("JPEG", 2, 0.71),
            cell("Blur", 1, 0.65, fpr=0.3),
        ],
    }


def test_what_degradations_cost_is_said_worst_first(make_report, robustness):
    text = Page(make_report(robustness=robustness)).text
    assert "degraded in 3 ways, both classes alike. In 2 of them" in text
    assert "falls most with Blur (strength 1): from 0.900 to 0.650" in text
    assert "most frequent with Blur (strength 1): 30.0% of the real images" in text
    rows = [row["name"] for row in list_worst_cells(robustness)]
    assert rows == ["Blur (strength 1)", "JPEG (strength 2)"]


def test_the_map_frames_what_fell_by_more_than_chance(robustness):
    axes = draw_robustness(robustness).axes[0]
    framed = [patch.get_edgecolor()[3] > 0 for patch in axes.patches]
    assert framed == [False, True, True]
    words = [text.get_text() for text in axes.texts]
    assert {"JPEG", "Blur", "0.89", "0.71", "0.65", "strength 2"} <= set(words)


def make_audit(auc, *, is_warning):
    finding = {
        "name": "near-copies on both sides",
        "is_warning": True,
        "sentence": "1 of 50 training images are near-copies.",
        "remedy": "Leave them out.",
        "examples": [["a<b>.jpg", "c.jpg"]],
    }
    shortcut = {"probe": "file size", "source": None, "strongest": ["num_bytes"]}
    shortcut |= {"auc": interval(auc), "is_warning": is_warning}
    return {
        "data_fingerprint": "f" * 64,
        "limit": 0.65,
        "shortcuts": [shortcut],
        "overlaps": [finding],
    }


def test_shortcuts_and_copies_are_told(make_report):
    page = make_report(audit=make_audit(0.81, is_warning=True))
    text = Page(page).text
    assert "file size predict the label with an AUC of 0.81 (0.76 to 0.84)" in text
    assert "1 of 50 training images are near-copies. Leave them out." in text
    assert "a&lt;b&gt;.jpg" in page
    text = Page(make_report(audit=make_audit(0.61, is_warning=False))).text
    assert "an AUC above 0.65; the best reaches 0.61" in text


def test_what_is_of_another_detector_or_other_images_is_not_shown(make_report, robustness):
    audit = make_audit(0.61, is_warning=False) | {"data_fingerprint": "another"}
    others = {"robustness": robustness | {"detector": "another"}, "audit": audit}
    for results in ({}, others):
        text = Page(make_report(**results)).text
        assert "kedro run --pipelines robustness,report" in text
        assert "kedro run --pipelines audit,report" in text


def interval(value):
    return {"value": value, "low": value - 0.05, "high": value + 0.03}


def make_groups(name="swap", **changes):
    group = {"name": name, "num_real": 150, "num_fake": 37}
    measured = {"within": interval(0.95), "unseen": interval(0.6), "drop": interval(0.35)}
    means = {f"{name}_mean": value for name, value in measured.items()}
    return {
        "groups": [group | measured],
        "unseen_worst": interval(0.6),
        "worst_group": "swap",
        "select_by": "overall",
        **means,
        **changes,
    }


@pytest.mark.parametrize(
    ("select_by", "said"),
    [
        ("overall", "on all of validation, these groups included"),
        ("holdout_mean", "by the mean of these very groups"),
        ("holdout_worst", "by the worst of these very groups"),
        ("members", "for each member of the ensemble by itself"),
    ],
)
def test_held_out_groups_are_shown_and_called_optimistic(make_report, select_by, said):
    text = Page(make_report(holdout_results=make_groups(select_by=select_by))).text
    assert "swap 150 37 0.950 0.600 0.550 to 0.630 0.350 0.300 to 0.380" in text
    assert f"This is an optimistic number: the epoch was chosen {said}" in text
    assert "these hold-out groups: swap. On images like those of training the AUC is 0.950" in text


def test_a_group_is_shown_where_nothing_else_is_in_validation(make_report):
    nothing = {"value": None, "low": None, "high": None}
    groups = make_groups(within_mean=nothing)
    groups["groups"][0] |= {"within": nothing, "drop": nothing}
    assert "swap 150 37 - 0.600" in Page(make_report(holdout_results=groups)).text


def test_cross_validation_is_shown_or_how_to_have_it(make_report):
    page = make_report()
    assert "kedro run --pipelines cross_validation,report" in Page(page).text
    assert "optimistic" not in page
    own = {"image_size": 32, "recipe": {}, "data_fingerprint": fingerprint_sets(labelled=MANIFEST)}
    page = Page(make_report(cross_validation=make_groups(by="kind", **own)))
    assert "0.600 (0.550 to 0.630): a drop of 0.350 (0.300 to 0.380)" in page.text
    assert "No image of a group trained its detector or chose its epoch" in page.text
    assert page.open == []


def test_cross_validation_of_another_recipe_or_other_images_is_not_shown(detector):
    trained = replace(detector, training={"training": {"seed": 0, "resume": True}})
    result = {
        "image_size": 32,
        "recipe": {"training": {"seed": 0}},
        "data_fingerprint": fingerprint_sets(labelled=MANIFEST),
    }
    assert cross_validation_of(trained, MANIFEST, result) is result
    assert cross_validation_of(trained, MANIFEST.iloc[1:], result) is None
    for change in ({"image_size": 64}, {"recipe": {"training": {"seed": 1}}}):
        assert cross_validation_of(trained, MANIFEST, result | change) is None
