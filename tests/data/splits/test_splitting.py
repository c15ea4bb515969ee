"""Clusters stay whole, classes keep their share, and the order of rows is no matter."""

import numpy as np
import pandas as pd
import pytest

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.splits.clusters import join_groups
from face_forgery.data.splits.splitting import check_both_classes, split_by_cluster


def make_hashes(num_rows, **given):
    rng = np.random.default_rng(0)
    values = {
        "phash": rng.integers(0, 2**63, num_rows).astype(np.uint64),
        "thumbnail": [row.tobytes() for row in rng.integers(0, 256, (num_rows, 256), np.uint8)],
    }
    return pd.DataFrame(values | given).astype({"phash": "UInt64"})


def make_grouped(make_manifest, num_groups=300):
    """Groups of one to twelve images with both classes, three kinds and two sources."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(num_groups), rng.integers(1, 13, num_groups))
    return make_manifest(
        len(groups),
        group=[f"g{group}" for group in groups],
        kind=rng.choice(["a", "b", "c"], len(groups), p=[0.7, 0.25, 0.05]),
        source=rng.choice(["x", "y"], len(groups)),
        target=rng.choice([0, 1], len(groups), p=[0.3, 0.7]),
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("val_fraction", [0.1, 0.25, 0.5])
def test_no_group_is_on_both_sides_and_every_share_is_kept(make_manifest, seed, val_fraction):
    manifest = make_grouped(make_manifest)
    clusters = pd.factorize(manifest["group"])[0]
    shares = np.array([1 - val_fraction, val_fraction])
    in_val = split_by_cluster(manifest, clusters, shares=shares, seed=seed) == 1
    assert set(manifest["group"][in_val]).isdisjoint(manifest["group"][~in_val])
    assert in_val.mean() == pytest.approx(val_fraction, abs=0.005)
    for column in ("target", "kind", "source"):
        for _, members in manifest.groupby(column).indices.items():
            assert in_val[members].mean() == pytest.approx(val_fraction, abs=0.05)


def test_folds_cover_every_row_once_in_equal_parts(make_manifest):
    manifest = make_grouped(make_manifest)
    clusters = pd.factorize(manifest["group"])[0]
    sides = split_by_cluster(manifest, clusters, shares=np.full(5, 0.2), seed=0)
    assert np.bincount(sides, minlength=5) / len(sides) == pytest.approx([0.2] * 5, abs=0.005)
    assert pd.DataFrame({"c": clusters, "s": sides}).groupby("c")["s"].nunique().max() == 1


def test_a_seed_is_a_split_and_another_seed_another(make_manifest):
    manifest = make_grouped(make_manifest)
    clusters = pd.factorize(manifest["group"])[0]
    first, again, other = (
        split_by_cluster(manifest, clusters, shares=np.array([0.8, 0.2]), seed=seed)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_order_of_the_rows_does_not_change_the_split(make_manifest):
    manifest = make_grouped(make_manifest)
    shuffled = manifest.sample(frac=1, random_state=0)
    shares = np.array([0.8, 0.2])
    sides = [
        pd.Series(
            split_by_cluster(rows, pd.factorize(rows["group"])[0], shares=shares, seed=0),
            index=rows["path"],
        )
        for rows in (manifest, shuffled)
    ]
    pd.testing.assert_series_equal(sides[0], sides[1].reindex(sides[0].index))


def test_which_images_are_drawn_is_random(make_manifest):
    manifest = make_manifest(400)
    drawn = sum(
        split_by_cluster(manifest, np.arange(400), shares=np.array([0.75, 0.25]), seed=seed)
        for seed in range(40)
    )
    assert drawn.min() >= 2
    assert drawn.max() <= 22


def test_a_class_with_fewer_groups_than_folds_is_refused(make_manifest):
    manifest = make_manifest(20, target=[0] * 3 + [1] * 17)
    with pytest.raises(ManifestError, match=r"the real images form 3 group\(s\), too few for 5"):
        split_by_cluster(manifest, np.arange(20), shares=np.full(5, 0.2), seed=0)


def test_one_class_only_is_refused(make_manifest):
    with pytest.raises(ManifestError, match=r"the fake images form 0 group\(s\)"):
        split_by_cluster(
            make_manifest(20, target=0), np.arange(20), shares=np.array([0.8, 0.2]), seed=0
        )
    with pytest.raises(
        ManifestError, match=r"validation has 20 real and 0 fake images; .* Do this\."
    ):
        check_both_classes(make_manifest(20, target=0), "validation", remedy="Do this.")


def test_rows_join_through_groups_and_contents(make_manifest):
    manifest = make_manifest(
        6, group=["a", "a", "b", "b", "c", "d"], sha256=["0", "1", "1", "2", "3", "4"]
    )
    clusters, pairs = join_groups(manifest, make_hashes(6), max_bits=6)
    assert len(set(clusters[:4])) == 1
    assert len(set(clusters)) == 3
    assert len(pairs) == 0


def test_rows_join_through_near_identical_pictures_in_a_chain(make_manifest):
    hashes = make_hashes(5, phash=np.array([0, 0b11, 0b1111, 2**40 - 1, 2**63 - 1], np.uint64))
    hashes["thumbnail"] = hashes["thumbnail"].iloc[0]
    clusters, pairs = join_groups(make_manifest(5), hashes, max_bits=2)
    assert len(set(clusters[:3])) == 1
    assert len(set(clusters)) == 3
    assert {tuple(pair) for pair in pairs.tolist()} == {(0, 1), (1, 2)}


def test_pictures_without_hash_join_nothing(make_manifest):
    hashes = make_hashes(3)
    hashes["thumbnail"] = hashes["thumbnail"].iloc[0]
    hashes["phash"] = pd.array([pd.NA] * 3, dtype="UInt64")
    clusters, _ = join_groups(make_manifest(3), hashes, max_bits=16)
    assert len(set(clusters)) == 3
