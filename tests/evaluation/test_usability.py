"""Usability follows from stated rules, and bad numbers never look good."""

from dataclasses import replace
from pathlib import Path

import pytest

from face_forgery.evaluation.usability import RULES, rate_usability
from face_forgery.modeling.provenance import TrainingData

PHOTOGRAPHS = TrainingData("mine", 50, 50, 100, {}, {}, {"photographed": 100})
DRAWN = replace(PHOTOGRAPHS, origins={"drawn": 100})


def rate(value, low=None, high=None):
    return {
        "value": value,
        "low": value / 2 if low is None else low,
        "high": 1.0 if high is None else high,
    }


def judge_one(*, auc=0.95, card=PHOTOGRAPHS, robustness=None, audit=None, **points):
    cell = {"family": "chains", "level": 2, "title": "Social media", "label": "2 uploads"}
    cell |= {"auc": rate(0.9), "fpr": rate(0.02)}
    return rate_usability(
        {"auc": rate(auc, low=auc - 0.02), "bootstrap": {"confidence": 0.95}},
        {"is_verified": True, "num_real": 200, "num_fake": 200}
        | {"target_fpr": 0.01, "promised_fpr": 0.01, "fpr": rate(0.01), "tpr": rate(0.8)}
        | points,
        training_data=card,
        robustness={"cells": [cell | (robustness or {})]} if robustness != {} else None,
        audit=audit,
    )


def levels(usability):
    return {finding.rule: finding.level for finding in usability.findings}


def test_a_detector_that_keeps_all_rules_is_usable():
    judged = judge_one()
    assert judged.level == "usable"
    assert set(levels(judged).values()) == {"usable"}


@pytest.mark.parametrize(
    ("changes", "rule", "level"),
    [
        ({"auc": 0.6}, "auc", "unusable"),
        ({"auc": 0.85}, "auc", "care"),
        ({"auc": 0.91}, "auc", "care"),  # its lower end is 0.89
        ({"fpr": rate(0.05, low=0.02)}, "promise", "care"),
        ({"promised_fpr": 0.05}, "promise", "care"),
        ({"is_verified": False}, "promise", "care"),
        ({"tpr": rate(0.05)}, "found", "unusable"),
        ({"tpr": rate(0.3)}, "found", "care"),
        ({"robustness": {"auc": rate(0.59)}}, "everyday_auc", "unusable"),
        ({"robustness": {"auc": rate(0.7)}}, "everyday_auc", "care"),
        ({"robustness": {}}, "everyday_auc", "care"),
        ({"robustness": {"fpr": rate(0.2)}}, "everyday_alarms", "care"),
        ({"robustness": {"fpr": rate(0.6)}}, "everyday_alarms", "unusable"),
        ({"card": DRAWN}, "training", "demonstration"),
        ({"card": None}, "training", "care"),
        ({"card": replace(DRAWN, origins={"drawn": 1, "unknown": 99})}, "training", "care"),
        (
            {"audit": {"shortcuts": [{"auc": rate(0.8), "is_warning": True}]}},
            "shortcuts",
            "care",
        ),
    ],
    ids=str,
)
def test_each_rule_is_broken_alone_and_decides(changes, rule, level):
    judged = judge_one(**changes)
    assert judged.level == level
    found = levels(judged)
    assert found.pop(rule) == level
    assert set(found.values()) == {"usable"}
    assert rule in RULES


def test_what_is_not_everyday_does_not_count():
    for changes in ({"family": "deeper_forensics"}, {"level": 4}):
        judged = judge_one(robustness={"auc": rate(0.5), **changes})
        assert levels(judged)["everyday_auc"] == "care"  # nothing everyday was measured


def test_the_worst_finding_wins_and_comes_right_after_the_training_data():
    judged = judge_one(auc=0.6, card=DRAWN, tpr=rate(0.3))
    assert judged.level == "unusable"
    assert [finding.rule for finding in judged.findings[:3]] == ["training", "auc", "found"]


def test_the_document_has_the_table_of_the_rules():
    document = (Path(__file__).parents[2] / "docs/report.md").read_text(encoding="utf-8")
    for rule in RULES.values():
        assert f"| {' | '.join((rule.about, *rule.bounds, rule.why))} |" in document
