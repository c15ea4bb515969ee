"""Hold-out groups are whole and large enough to measure; training has nothing of those held out."""

import numpy as np
import pandas as pd
import pytest

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.splits.holdout import (
    HeldOut,
    choose_groups,
    cluster_groups,
    group_split,
    name_holdout_groups,
)

KINDS = ("swap", "lips", "gan")
NUM_TRAIN, NUM_VAL = 60, 36
ROWS = np.array([*range(NUM_TRAIN), *range(NUM_VAL)])


@pytest.fixture
def make_rows(make_manifest):
    """Sixty training and 36 validation rows; every second one forged, kinds in turn."""

    def make(**columns):
        subsets = ["train"] * NUM_TRAIN + ["val"] * NUM_VAL
        kinds = [KINDS[row // 2 % 3] if row % 2 else "real" for row in ROWS]
        given = {"subset": subsets, "row": ROWS, "target": ROWS % 2, "kind": kinds}
        return make_manifest(len(ROWS), **(given | columns))

    return make


@pytest.fixture
def hold_out(make_rows, divide):
    """Return a function: changes of ``splitting.holdout``, and columns, to a partition."""

    def run(columns=None, **changes):
        holdout = {"by": "kind", "num_clusters": 3, "min_images": 4, "hold_out": 0} | changes
        return divide(make_rows(**(columns or {})), holdout=holdout)

    return run


def forged(name_of):
    return ["real" if row % 2 == 0 else name_of(row) for row in ROWS]


def fakes_of(side):
    return side.loc[side["target"] == 1, "kind"].value_counts().to_dict()


def groups_of(parts):
    return {group["name"]: group for group in parts.report["holdout"]["groups"]}


def test_a_held_out_kind_is_in_validation_alone(hold_out):
    whole, parts = hold_out(), hold_out(hold_out=["swap"])
    assert fakes_of(whole.train) == {"swap": 10, "lips": 10, "gan": 10}
    assert fakes_of(parts.train) == {"lips": 10, "gan": 10}
    assert fakes_of(parts.val) == {"swap": 16, "lips": 6, "gan": 6}
    assert (parts.val["target"] == 0).sum() == (whole.val["target"] == 0).sum()
    held_out = parts.val_holdout["is_held_out"].to_numpy()
    assert set(parts.val.loc[held_out, "kind"]) == {"swap"}
    assert not held_out[(parts.val["kind"] != "swap").to_numpy()].any()
    assert groups_of(parts)["swap"]["moved_to_validation"] == 10
    assert groups_of(parts)["swap"]["in_training"] == {"real": 0, "fake": 0}
    assert groups_of(parts)["lips"]["in_validation"] == {"real": 0, "fake": 6}


def test_a_withheld_row_whose_group_is_trained_on_is_on_neither_side(hold_out, caplog):
    groups = [f"video {row // 2}" for row in range(60)] + [f"val {row}" for row in range(36)]
    parts = hold_out(hold_out=["swap"], columns={"group": groups})
    assert fakes_of(parts.val)["swap"] == 6
    assert "swap" not in fakes_of(parts.train)
    assert not set(parts.train["group"]) & set(parts.val["group"])
    swap = groups_of(parts)["swap"]
    assert (swap["set_aside"], swap["moved_to_validation"]) == (10, 0)
    assert "10 training rows of the held-out group swap are set aside" in caplog.text


def test_a_source_is_held_out_with_its_real_images(hold_out):
    sources = [f"set {row // 20}" for row in range(60)] + [f"set {row // 12}" for row in range(36)]
    parts = hold_out(by="source", hold_out="set 1", columns={"source": sources})
    assert set(parts.train["source"]) == {"set 0", "set 2"}
    held_out = parts.val[parts.val_holdout["is_held_out"].to_numpy()]
    assert set(held_out["source"]) == {"set 1"}
    assert set(held_out["target"]) == {0, 1}
    assert len(held_out) == 32


def test_groups_that_are_too_small_are_joined_with_a_warning_and_their_counts(hold_out, caplog):
    kinds = forged(lambda _: "swap")
    for row, name in ((1, "a"), (3, "a"), (61, "b"), (63, "b"), (65, "c")):
        kinds[row] = name
    parts = hold_out(columns={"kind": kinds}, hold_out=["a+b+c"])
    members = {name: group["members"] for name, group in groups_of(parts).items()}
    assert members == {"swap": ["swap"], "a+b+c": ["a", "b", "c"]}
    assert "joined: swap: 18 real, 43 forged; a: 18 real, 2 forged" in caplog.text
    assert parts.val_holdout["is_held_out"].sum() == 5


def test_groups_that_cannot_be_measured_together_either_take_the_smallest_of_the_others(hold_out):
    kinds = forged(lambda row: "swap" if row > 12 else "lips")
    kinds[1] = "rare"
    assert list(groups_of(hold_out(columns={"kind": kinds}))) == ["swap", "rare+lips"]
    sources = ["mixed" if row > 20 else ("fakes" if row % 2 else "reals") for row in ROWS]
    parts = hold_out(by="source", columns={"source": sources})
    assert set(groups_of(parts)) == {"mixed", "fakes+reals"}


def test_one_group_alone_is_refused(hold_out):
    message = r"fewer than two groups .* takes 4 images .*min_images\): swap: 18 real, 48 forged"
    with pytest.raises(ManifestError, match=message):
        hold_out(columns={"kind": forged(lambda _: "swap")})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["swaps"], r"names swaps, and there is no such group; there are: .*gan.*lips.*swap"),
        (list(KINDS), "names all 3 hold-out groups"),
        (3, "hold_out=3 leaves nothing to train on: there are 3 hold-out groups"),
    ],
)
def test_groups_that_cannot_be_held_out_are_refused(hold_out, names, message):
    with pytest.raises(ManifestError, match=message):
        hold_out(hold_out=names)


def test_a_number_of_groups_is_drawn_by_the_seed():
    names = ["a", "b", "c", "d"]
    drawn = {tuple(choose_groups(names, 2, seed=seed)) for seed in range(20)}
    assert len(drawn) > 3
    assert choose_groups(names, 2, seed=1) == choose_groups(names[::-1], 2, seed=1)[::-1]


def test_clusters_are_what_looks_alike_to_the_backbone_whole_groups_together():
    looks = np.repeat([0, 1, 2], [5, 9, 7])
    groups = pd.Series([f"g{number}" for number in range(21)], index=range(100, 121))
    groups.iloc[:3] = "video"
    looks[0] = 1  # one frame of three of the video looks otherwise
    noise = np.random.default_rng(1).normal(0, 0.05, (21, 8))
    features = (np.eye(3, 8)[looks] + noise).astype(np.float32)
    clusters = cluster_groups(groups, features, num_clusters=3, seed=0)
    assert clusters.tolist() == [2] * 5 + [0] * 9 + [1] * 7  # the largest first
    same = cluster_groups(groups, np.ones((21, 8), np.float32), num_clusters=3, seed=0)
    assert set(same) == {0}


def test_clusters_are_named_by_forgeries_alone(make_rows, make_splitting):
    holdout = {"by": "cluster", "num_clusters": 3, "min_images": 4, "hold_out": 0}
    params = make_splitting(holdout=holdout).holdout
    rows = make_rows()
    looks = rows.loc[rows["target"] == 1, "kind"].map({"swap": 0, "lips": 1, "gan": 2})
    features = np.eye(3, dtype=np.float32)[looks.to_numpy()]
    named = name_holdout_groups(rows, params, features=features, seed=0)
    assert set(named["holdout"][rows["target"] == 0]) == {""}
    assert named["holdout"].groupby(rows["kind"]).nunique().max() == 1
    assert set(named["holdout"]) == {"", "cluster_0", "cluster_1", "cluster_2"}


def test_groups_of_other_parameters_or_images_are_refused(make_rows, make_hashes, make_splitting):
    rows = make_rows()
    holdout = {"by": "kind", "num_clusters": 3, "min_images": 4, "hold_out": 0}
    params = make_splitting(holdout=holdout).holdout
    train, val = rows[:NUM_TRAIN], rows[NUM_TRAIN:]
    named = name_holdout_groups(rows, params, seed=0)
    by_source = params.model_copy(update={"by": "source"})
    with pytest.raises(ManifestError, match="96 of 96 images have no hold-out group by source"):
        group_split(train, val, make_hashes(rows), named, by_source)
    with pytest.raises(ManifestError, match=r"1 of 96 .*val row 35 .*run the pipeline splitting"):
        group_split(train, val, make_hashes(rows), named[:-1], params)


def test_a_group_is_measured_against_the_real_images_of_no_group(hold_out):
    parts = hold_out(hold_out=["swap", "gan"])
    targets = parts.val["target"].to_numpy(np.int64)
    held_out = HeldOut.of(targets, parts.val_holdout)
    assert list(held_out.rows) == ["gan", "swap"]
    kinds = parts.val["kind"].to_numpy(dtype=str)
    assert set(kinds[held_out.rows["gan"]]) == {"real", "gan"}
    assert set(kinds[held_out.seen]) == {"real", "lips"}
    assert HeldOut.of(targets, hold_out().val_holdout) is None
    other = HeldOut.of(targets, hold_out(hold_out=["swap", "lips"]).val_holdout)
    assert other.fingerprint != held_out.fingerprint
