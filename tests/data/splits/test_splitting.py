"""Clusters stay whole, classes keep their proportion, and the order of rows does not matter."""

import numpy as np
import pandas as pd
import pytest

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.splits.partition import choose_subset, split_by_cluster
from face_forgery.pipelines.splitting.nodes import hash_images


@pytest.fixture(scope="module")
def manifest(make_manifest):
    """Groups of one to twelve images with both classes, three kinds and two sources."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(300), rng.integers(1, 13, 300))
    return make_manifest(
        len(groups),
        group=[f"g{group}" for group in groups],
        kind=rng.choice(["a", "b", "c"], len(groups), p=[0.7, 0.25, 0.05]),
        source=rng.choice(["x", "y"], len(groups)),
        target=rng.choice([0, 1], len(groups), p=[0.3, 0.7]),
    )


def split(manifest, *proportions, seed=0):
    clusters = pd.factorize(manifest["group"])[0]
    return split_by_cluster(manifest, clusters, proportions=np.array(proportions), seed=seed)


@pytest.mark.parametrize(("val_fraction", "seed"), [(0.1, 0), (0.25, 1), (0.5, 2)])
def test_no_group_is_on_both_sides_and_every_proportion_is_kept(manifest, val_fraction, seed):
    in_val = split(manifest, 1 - val_fraction, val_fraction, seed=seed) == 1
    assert set(manifest["group"][in_val]).isdisjoint(manifest["group"][~in_val])
    assert in_val.mean() == pytest.approx(val_fraction, abs=0.005)
    for column in ("target", "kind", "source"):
        for _, members in manifest.groupby(column).indices.items():
            assert in_val[members].mean() == pytest.approx(val_fraction, abs=0.05)


def test_folds_cover_every_row_once_in_equal_parts(manifest):
    sides = split(manifest, 0.2, 0.2, 0.2, 0.2, 0.2)
    assert np.bincount(sides, minlength=5) / len(sides) == pytest.approx([0.2] * 5, abs=0.005)
    assert pd.Series(sides).groupby(manifest["group"]).nunique().max() == 1


def test_the_order_of_the_rows_does_not_change_the_split(manifest):
    sides = [
        pd.Series(split(rows, 0.8, 0.2), index=rows["path"])
        for rows in (manifest, manifest.sample(frac=1, random_state=0))
    ]
    pd.testing.assert_series_equal(sides[0], sides[1].reindex(sides[0].index))


def test_the_seed_draws_which_images_are_where(make_manifest):
    manifest = make_manifest(100)
    drawn = sum(split(manifest, 0.75, 0.25, seed=seed) for seed in range(40))
    assert drawn.min() >= 2
    assert drawn.max() <= 22


@pytest.mark.parametrize(
    ("num_real", "message"),
    [
        (3, r"the real images form 3 group\(s\), too few for 5"),
        (20, r"fake images form 0 group\(s\)"),
    ],
)
def test_a_class_with_fewer_groups_than_folds_is_refused(make_manifest, num_real, message):
    manifest = make_manifest(20, target=[0] * num_real + [1] * (20 - num_real))
    with pytest.raises(ManifestError, match=message):
        split(manifest, 0.2, 0.2, 0.2, 0.2, 0.2)


def make_table(**counts):
    rows = [
        {"target": int(kind != "real"), "kind": kind, "source": "s", "path": f"{kind}{n}"}
        for kind, number in counts.items()
        for n in range(number)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_a_subset_keeps_the_proportions_of_kinds_and_follows_from_the_seed():
    whole = make_table(real=500, swap=300, rendered=200)
    subset, again, other = (choose_subset(whole, 100, seed=seed) for seed in (0, 0, 1))
    assert subset["kind"].value_counts().to_dict() == {"real": 50, "swap": 30, "rendered": 20}
    assert subset.index.is_unique
    assert (subset.index == whole.index[whole.index.isin(subset.index)]).all()
    assert set(subset["path"]) == set(again["path"]) != set(other["path"])


def test_a_rare_class_is_in_every_subset_and_few_images_are_all_taken():
    assert (choose_subset(make_table(real=500, swap=1), 2, seed=0)["target"] == 1).sum() == 1
    few = make_table(real=3, swap=2)
    assert choose_subset(few, 5, seed=0) is few


def test_a_manifest_of_an_earlier_release_is_refused_before_anything_is_hashed(
    make_manifest, make_params
):
    params = make_params()
    old = make_manifest(4).drop(columns=["video", "frame"])
    with pytest.raises(ManifestError, match="manifest has no column video and none frame: an ear"):
        hash_images(old, params.data, params.ingestion)
