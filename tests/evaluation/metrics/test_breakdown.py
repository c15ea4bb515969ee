"""Each kind of forgery meets all real images, every other cell its own."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from face_forgery.evaluation.breakdown import break_down
from face_forgery.evaluation.metrics.bootstrap import Bootstrap

BOOTSTRAP = Bootstrap(num_resamples=100, confidence=0.95, seed=0)


@pytest.fixture
def parts(make_scores):
    scores, targets, groups = make_scores(num_images=400)
    rng = np.random.default_rng(1)
    facts = pd.DataFrame(
        {
            "kind": np.where(targets == 1, rng.choice(["swap", "lips"], 400, p=[0.8, 0.2]), "real"),
            "source": rng.choice(["a", "b"], 400, p=[0.3, 0.7]),
            "width": pd.array(rng.choice([100, 300], 400), dtype="Int64"),
            "height": pd.array(rng.choice([200, 600], 400), dtype="Int64"),
            "format": rng.choice(["JPEG", "PNG"], 400, p=[0.9, 0.1]),
            "jpeg_quality": pd.array(rng.choice([75, 95], 400), dtype="Int64"),
        }
    )
    facts.loc[facts["format"] == "PNG", "jpeg_quality"] = None
    return {"scores": scores, "targets": targets, "groups": groups, "facts": facts}


def auc_of(parts, chosen):
    return roc_auc_score(parts["targets"][chosen], parts["scores"][chosen])


def tables(parts):
    return {table["key"]: table["cells"] for table in break_down(**parts, bootstrap=BOOTSTRAP)}


def test_a_kind_is_held_against_all_real_images(parts):
    cells = tables(parts)["kind"]
    assert [cell["name"] for cell in cells] == ["swap", "lips"]
    for cell in cells:
        of_kind = (parts["facts"]["kind"] == cell["name"]).to_numpy()
        chosen = (parts["targets"] == 0) | of_kind
        assert cell["num_real"] == 200
        assert cell["num_fake"] == of_kind.sum()
        assert cell["auc"]["value"] == auc_of(parts, chosen)
        assert cell["auc"]["low"] < cell["auc"]["value"] < cell["auc"]["high"]


@pytest.mark.parametrize(("key", "names"), [("source", ["b", "a"]), ("format", ["JPEG", "PNG"])])
def test_other_cells_are_held_against_their_own_real_images(parts, key, names):
    cells = tables(parts)[key]
    assert [cell["name"] for cell in cells] == names  # largest first
    for cell in cells:
        chosen = (parts["facts"][key] == cell["name"]).to_numpy()
        assert cell["num_real"] == (parts["targets"][chosen] == 0).sum()
        assert cell["auc"]["value"] == auc_of(parts, chosen)


def test_bands_ascend_hold_their_images_and_name_what_is_missing(parts):
    found = tables(parts)

    def sizes(key):
        return {cell["name"]: cell["num_real"] + cell["num_fake"] for cell in found[key]}

    facts = parts["facts"]
    side = facts[["width", "height"]].min(axis=1)
    assert sizes("image_size") == {
        "64 to 127": (side == 100).sum(),
        "128 to 255": (side == 200).sum(),
        "256 to 511": (side == 300).sum(),
    }
    assert sizes("jpeg_quality") == {
        "70 to 79": (facts["jpeg_quality"] == 75).sum(),
        "95 and more": (facts["jpeg_quality"] == 95).sum(),
        "no JPEG, or unknown": (facts["format"] == "PNG").sum(),
    }
    group_sizes = pd.Series(parts["groups"]).value_counts()
    assert sizes("group_size")["1"] == (group_sizes == 1).sum()
    assert sum(sizes("group_size").values()) == 400


@pytest.mark.parametrize(("num_fake", "is_small"), [(19, True), (20, False)])
def test_a_cell_with_fewer_than_twenty_images_of_a_class_is_marked(parts, num_fake, is_small):
    targets = np.array([0] * 30 + [1] * num_fake)
    facts = parts["facts"].head(len(targets)).assign(kind=np.where(targets == 1, "swap", "real"))
    small = {
        "scores": np.linspace(0, 1, len(targets)),
        "targets": targets,
        "groups": np.arange(len(targets)),
        "facts": facts,
    }
    (cell,) = tables(small)["kind"]
    assert cell["is_small"] == is_small
    assert (cell["note"] is not None) == is_small


def test_a_source_with_one_class_has_no_auc_and_says_why(parts):
    parts["facts"]["source"] = np.where(parts["targets"] == 1, "forged set", "real set")
    result = break_down(**parts, bootstrap=BOOTSTRAP)
    cells = result[1]["cells"]
    notes = {cell["name"]: cell["note"] for cell in cells}
    assert all(cell["auc"]["value"] is None for cell in cells)
    assert notes["forged set"].startswith("no real images")
    assert notes["real set"].startswith("no forged images")
    assert json.loads(json.dumps(result, allow_nan=False)) == result
