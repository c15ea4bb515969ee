"""Each kind of forgery meets all real images, each source its own."""

import json

import numpy as np
import pytest

from face_forgery.metrics import binary
from face_forgery.metrics.breakdown import break_down

SETTINGS = {"num_resamples": 100, "confidence": 0.95, "seed": 0}


@pytest.fixture
def parts(make_scores):
    scores, targets, groups = make_scores(num_images=400)
    rng = np.random.default_rng(1)
    kinds = np.where(targets == 1, rng.choice(["swap", "lips"], 400, p=[0.8, 0.2]), "real")
    sources = rng.choice(["a", "b"], 400, p=[0.3, 0.7])
    return {
        "scores": scores,
        "targets": targets,
        "groups": groups,
        "kinds": kinds,
        "sources": sources,
    }


def test_a_kind_is_held_against_all_real_images(parts):
    cells = break_down(**parts, **SETTINGS)["by_kind"]
    assert [cell["name"] for cell in cells] == ["swap", "lips"]
    for cell in cells:
        chosen = (parts["targets"] == 0) | (parts["kinds"] == cell["name"])
        assert cell["num_real"] == 200
        assert cell["num_fake"] == (parts["kinds"] == cell["name"]).sum()
        assert cell["auc"]["value"] == binary.auc(parts["scores"][chosen], parts["targets"][chosen])
        assert cell["auc"]["low"] < cell["auc"]["value"] < cell["auc"]["high"]


def test_a_source_is_held_against_its_own_real_images(parts):
    cells = break_down(**parts, **SETTINGS)["by_source"]
    assert [cell["name"] for cell in cells] == ["b", "a"]
    for cell in cells:
        chosen = parts["sources"] == cell["name"]
        assert cell["num_real"] == (parts["targets"][chosen] == 0).sum()
        assert cell["auc"]["value"] == binary.auc(parts["scores"][chosen], parts["targets"][chosen])


def test_a_real_image_of_unknown_kind_is_not_a_kind_of_forgery(parts):
    parts["kinds"] = np.where(parts["targets"] == 0, "unknown", parts["kinds"])
    cells = break_down(**parts, **SETTINGS)["by_kind"]
    assert [(cell["name"], cell["num_real"]) for cell in cells] == [("swap", 200), ("lips", 200)]


@pytest.mark.parametrize(("num_fake", "is_small"), [(19, True), (20, False)])
def test_a_cell_with_fewer_than_twenty_images_of_a_class_is_marked(num_fake, is_small):
    targets = np.array([0] * 30 + [1] * num_fake)
    cells = break_down(
        np.linspace(0, 1, len(targets)),
        targets,
        None,
        kinds=np.where(targets == 1, "swap", "real"),
        sources=np.full(len(targets), "a"),
        **SETTINGS,
    )
    assert cells["by_kind"][0]["is_small"] == is_small
    assert (cells["by_kind"][0]["note"] is not None) == is_small


def test_a_source_with_one_class_has_no_auc_and_says_why(parts):
    parts["sources"] = np.where(parts["targets"] == 1, "forged set", "real set")
    result = break_down(**parts, **SETTINGS)
    notes = {cell["name"]: cell["note"] for cell in result["by_source"]}
    assert all(cell["auc"]["value"] is None for cell in result["by_source"])
    assert notes["forged set"].startswith("no real images")
    assert notes["real set"].startswith("no forged images")
    assert json.loads(json.dumps(result, allow_nan=False)) == result
