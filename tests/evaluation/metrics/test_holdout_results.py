"""What a hold-out group costs is measured on its own rows, with common resamples."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from face_forgery.evaluation.holdout_results import judge_groups, judge_held_out
from face_forgery.evaluation.metrics.bootstrap import Bootstrap

BOOTSTRAP = Bootstrap(num_resamples=200, confidence=0.95, seed=0)


def make_rows(*, gap, seed=0, num=60):
    """Reals are shared; forgeries of the group score lower by ``gap`` than the others."""
    rng = np.random.default_rng(seed)
    real = rng.normal(0, 1, num)
    within = rng.normal(2.5, 1, num)
    unseen = rng.normal(2.5 - gap, 1, num)
    margins = np.concatenate([real, within, unseen])
    part = np.repeat([0, 1, 2], num)
    return pd.DataFrame(
        {
            "target": (part > 0).astype(int),
            "group": [f"{kind}{row}" for kind in "rwu" for row in range(num)],
            "is_within": part < 2,
            "is_unseen": part != 1,
            "y_pred": 1 / (1 + np.exp(-margins)),
        }
    )


def test_both_aucs_are_those_of_their_own_rows_and_the_drop_is_their_difference():
    by_group = {"swap": make_rows(gap=2.0), "lips": make_rows(gap=0.5, seed=1)}
    judged = judge_groups(by_group, BOOTSTRAP)
    for group, rows in zip(judged["groups"], by_group.values(), strict=True):
        for measure, column in (("within", "is_within"), ("unseen", "is_unseen")):
            part = rows[rows[column]]
            expected = roc_auc_score(part["target"], part["y_pred"])
            assert group[measure]["value"] == pytest.approx(expected)
            assert group[measure]["low"] < expected < group[measure]["high"]
        difference = group["within"]["value"] - group["unseen"]["value"]
        assert group["drop"]["value"] == pytest.approx(difference)
        assert (group["num_real"], group["num_fake"]) == (60, 60)
    unseen = [group["unseen"]["value"] for group in judged["groups"]]
    assert judged["unseen_mean"]["value"] == pytest.approx(np.mean(unseen))
    assert judged["worst_group"] == "swap"
    assert judged["unseen_worst"]["value"] == min(unseen)
    assert judged["groups"][0]["drop"]["low"] > 0


def test_a_drop_is_paired_where_real_images_are_shared():
    judged = judge_groups({"swap": make_rows(gap=0.0)}, BOOTSTRAP)["groups"][0]
    widths = {name: judged[name]["high"] - judged[name]["low"] for name in ("within", "drop")}
    apart = np.hypot(widths["within"], judged["unseen"]["high"] - judged["unseen"]["low"])
    assert widths["drop"] < 0.95 * apart


def test_a_resample_without_a_class_is_left_out():
    rows = make_rows(gap=1.0, num=8)
    rows.loc[rows["is_unseen"] & (rows["target"] == 1), "group"] = "one video"
    interval = judge_groups({"swap": rows}, BOOTSTRAP)["groups"][0]["unseen"]
    assert 0.0 <= interval["low"] <= interval["value"] <= interval["high"] <= 1.0


def test_the_groups_of_one_detector_are_measured_against_what_it_has_seen():
    rows = make_rows(gap=1.0)
    (expected,) = judge_groups({"swap": rows}, BOOTSTRAP)["groups"]
    seen, group = (np.flatnonzero(rows[name]) for name in ("is_within", "is_unseen"))
    (judged,) = judge_held_out(rows, {"swap": group}, seen, BOOTSTRAP)["groups"]
    assert judged == expected
    alone = judge_held_out(rows, {"swap": group}, seen[:60], BOOTSTRAP)  # real images only
    assert alone["groups"][0]["within"] == {"value": None, "low": None, "high": None}
    assert alone["groups"][0]["unseen"] == expected["unseen"]
    assert alone["drop_mean"]["value"] is None
