"""Folds are whole, large enough to be measured, and training has nothing of those held out."""

import numpy as np
import pandas as pd
import pytest

from face_forgery.data.labels.manifest import KEY, ManifestError
from face_forgery.data.splits.feature_table import FEATURE_COLUMNS
from face_forgery.data.splits.held_out import HeldOutFolds
from face_forgery.data.splits.holdout import choose_folds
from face_forgery.data.splits.partition import divide_manifest, fold_manifest

KINDS = ("swap", "lips", "gan")


@pytest.fixture
def divide(make_manifest, make_splitting):
    """Return a function: columns of 60 training and 36 validation rows, folds -> partition."""

    def run(*, features=None, val_labels=True, divider=divide_manifest, columns=None, **folds):
        num_train, num_val = 60, 36
        subsets = ["train"] * num_train + ["val"] * num_val
        rows = [*range(num_train), *range(num_val)]
        kinds = [KINDS[row // 2 % 3] if row % 2 else "real" for row in rows]
        given = {"subset": subsets, "row": rows, "target": [row % 2 for row in rows], "kind": kinds}
        manifest = make_manifest(num_train + num_val, **(given | (columns or {})))
        rng = np.random.default_rng(0)
        hashes = manifest[KEY].assign(
            phash=rng.integers(0, 2**63, len(manifest)).astype(np.uint64),
            thumbnail=[
                one.tobytes() for one in rng.integers(0, 256, (len(manifest), 256), np.uint8)
            ],
        )
        splitting = make_splitting(
            folds={
                "by": "kind",
                "num_clusters": 3,
                "min_images": 4,
                "small": "merge",
                "hold_out": 0,
            }
            | folds
        )
        return divider(
            manifest,
            hashes.astype({"phash": "UInt64"}),
            splitting,
            has_val_labels=val_labels,
            features=features,
        )

    return run


def fakes_of(side):
    return side.loc[side["target"] == 1, "kind"].value_counts().to_dict()


def test_a_held_out_kind_is_in_validation_alone(divide):
    whole, parts = divide(), divide(hold_out=["swap"])
    assert fakes_of(whole.train) == {"swap": 10, "lips": 10, "gan": 10}
    assert fakes_of(parts.train) == {"lips": 10, "gan": 10}
    assert fakes_of(parts.val) == {"swap": 16, "lips": 6, "gan": 6}
    assert (parts.val["target"] == 0).sum() == (whole.val["target"] == 0).sum()
    held_out = parts.val_folds["is_held_out"].to_numpy()
    assert set(parts.val.loc[held_out, "kind"]) == {"swap"}
    assert not held_out[(parts.val["kind"] != "swap").to_numpy()].any()
    account = {fold["name"]: fold for fold in parts.report["folds"]["folds"]}
    assert account["swap"]["moved_to_validation"] == 10
    assert account["swap"]["in_training"] == {"real": 0, "fake": 0}
    assert account["lips"]["in_validation"] == {"real": 0, "fake": 6}


def test_a_withheld_row_whose_group_is_trained_on_is_on_neither_side(divide, caplog):
    groups = [f"video {row // 2}" for row in range(60)] + [f"val {row}" for row in range(36)]
    parts = divide(hold_out=["swap"], columns={"group": groups})
    assert fakes_of(parts.val)["swap"] == 6
    assert "swap" not in fakes_of(parts.train)
    assert not set(parts.train["group"]) & set(parts.val["group"])
    account = {fold["name"]: fold for fold in parts.report["folds"]["folds"]}
    assert (account["swap"]["set_aside"], account["swap"]["moved_to_validation"]) == (10, 0)
    assert "10 training rows of the held-out fold swap are set aside" in caplog.text


def test_a_source_is_held_out_with_its_real_pictures(divide):
    sources = [f"set {row // 20}" for row in range(60)] + [f"set {row // 12}" for row in range(36)]
    parts = divide(by="source", hold_out="set 1", columns={"source": sources})
    assert set(parts.train["source"]) == {"set 0", "set 2"}
    held_out = parts.val[parts.val_folds["is_held_out"].to_numpy()]
    assert set(held_out["source"]) == {"set 1"}
    assert set(held_out["target"]) == {0, 1}
    assert len(held_out) == 32


def test_folds_that_are_too_small_are_joined_with_a_warning_and_their_counts(divide, caplog):
    kinds = ["real" if row % 2 == 0 else "swap" for row in range(96)]
    for row, name in ((1, "a"), (3, "a"), (61, "b"), (63, "b"), (65, "c")):
        kinds[row] = name
    parts = divide(columns={"kind": kinds})
    names = {fold["name"]: fold["members"] for fold in parts.report["folds"]["folds"]}
    assert names == {"swap": ["swap"], "a+b+c": ["a", "b", "c"]}
    assert "joined: swap: 18 real, 43 forged; a: 18 real, 2 forged" in caplog.text
    parts = divide(columns={"kind": kinds}, hold_out=["a+b+c"])
    assert parts.val_folds["is_held_out"].sum() == 5


def test_small_folds_that_are_too_small_together_take_the_smallest_of_the_others(divide):
    rows = [*range(60), *range(36)]
    kinds = ["real" if row % 2 == 0 else ("swap" if row > 12 else "lips") for row in rows]
    kinds[1] = "rare"
    parts = divide(columns={"kind": kinds})
    names = [fold["name"] for fold in parts.report["folds"]["folds"]]
    assert names == ["swap", "rare+lips"]


def test_folds_that_are_too_small_are_an_error_on_request(divide):
    kinds = ["real" if row % 2 == 0 else ("rare" if row == 1 else "swap") for row in range(96)]
    with pytest.raises(ManifestError, match=r"1 of 2 folds are too small.*rare: 18 real, 1 forged"):
        divide(columns={"kind": kinds}, small="refuse")


def test_a_source_of_one_class_is_joined_with_another(divide):
    rows = [*range(60), *range(36)]
    sources = ["mixed" if row > 20 else ("reals" if row % 2 == 0 else "fakes") for row in rows]
    parts = divide(by="source", columns={"source": sources})
    names = {fold["name"] for fold in parts.report["folds"]["folds"]}
    assert names == {"mixed", "fakes+reals"}


def test_one_fold_alone_is_refused(divide):
    kinds = ["real" if row % 2 == 0 else "swap" for row in range(96)]
    with pytest.raises(ManifestError, match="fewer than two folds that can be measured"):
        divide(columns={"kind": kinds})


@pytest.mark.parametrize(
    ("hold_out", "message"),
    [
        (["swaps"], r"names swaps, and there is no such fold; there are: .*gan.*lips.*swap"),
        (list(KINDS), "names all 3 folds"),
        (3, "hold_out=3 leaves nothing to train on: there are 3 folds"),
    ],
)
def test_folds_that_cannot_be_held_out_are_refused(divide, hold_out, message):
    with pytest.raises(ManifestError, match=message):
        divide(hold_out=hold_out)


def test_a_number_of_folds_is_drawn_by_the_seed():
    names = ["a", "b", "c", "d"]
    drawn = {tuple(choose_folds(names, 2, seed=seed)) for seed in range(20)}
    assert len(drawn) > 3
    assert choose_folds(names, 2, seed=1) == choose_folds(names[::-1], 2, seed=1)[::-1]


def make_features(manifest, looks):
    rng = np.random.default_rng(1)
    return manifest[KEY].assign(
        sha256="s",
        made_by="n",
        features=[
            (np.eye(3, 8, dtype="<f4")[look] + rng.normal(0, 0.05, 8).astype("<f4")).tobytes()
            for look in looks
        ],
    )[list(FEATURE_COLUMNS)]


def test_clusters_are_what_looks_alike_to_the_backbone_whole_groups_together(divide):
    split = divide(divider=fold_manifest)
    whole = pd.concat([split.train, split.val], ignore_index=True)
    fakes = whole[whole["target"] == 1]
    looks = fakes["kind"].map({"swap": 0, "lips": 1, "gan": 2}).to_numpy().copy()
    odd = int(np.flatnonzero((fakes["kind"] == "swap").to_numpy())[0])
    looks[odd] = 1  # one frame of three of a video looks otherwise
    group = [f"g{row:03}" for row in range(96)]
    for position in np.flatnonzero((fakes["kind"] == "swap").to_numpy())[:3]:
        group[fakes.index[position]] = "video"
    features = make_features(fakes, looks)
    columns = {"group": group}
    parts = divide(by="cluster", features=features, columns=columns, divider=fold_manifest)
    folds = np.concatenate([parts.train_folds, parts.val_folds])
    for kind in KINDS:
        assert len(set(folds[(whole["kind"] == kind).to_numpy()])) == 1
    assert set(folds[(whole["target"] == 0).to_numpy()]) == {""}
    again = divide(by="cluster", features=features, columns=columns, divider=fold_manifest)
    assert list(again.train_folds) == list(parts.train_folds)


def test_clusters_need_features_of_every_forgery(divide):
    with pytest.raises(ManifestError, match="48 of 48 forgeries have no features"):
        divide(by="cluster")


def test_a_fold_is_measured_against_the_real_pictures_of_no_fold(divide):
    parts = divide(hold_out=["swap", "gan"])
    targets = parts.val["target"].to_numpy(np.int64)
    held_out = HeldOutFolds.of(targets, parts.val_folds)
    assert list(held_out.rows) == ["gan", "swap"]
    kinds = parts.val["kind"].to_numpy(dtype=str)
    assert set(kinds[held_out.rows["gan"]]) == {"real", "gan"}
    assert set(kinds[held_out.seen]) == {"real", "lips"}
    assert HeldOutFolds.of(targets, divide().val_folds) is None
    other = HeldOutFolds.of(targets, divide(hold_out=["swap", "lips"]).val_folds)
    assert other.fingerprint != held_out.fingerprint
