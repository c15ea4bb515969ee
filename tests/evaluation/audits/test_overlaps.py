"""Planted copies are found: across the split, under both labels, within a class."""

import pandas as pd
import pytest

from face_forgery.data.splits.near_duplicates import hash_table
from face_forgery.evaluation.audits.overlaps import describe_removed, find_overlaps


@pytest.fixture
def make_sides(tmp_path, make_picture):
    """Return a builder of training, validation and hashes from (name, target, group, seed)."""

    def make(*planted):
        clean = [
            (f"{side}{n}.jpg", n % 2, f"{side}{n}", 10 * n + (side == "val"))
            for side in ("train", "val")
            for n in range(6)
        ]
        rows = []
        for name, target, group, seed in [*clean, *planted]:
            image = make_picture(seed, height=96, width=96)
            quality = 60 if "again" in name else 95
            image.save(tmp_path / name, quality=quality)
            content = (tmp_path / name).read_bytes()
            rows.append(
                {
                    "subset": "train",
                    "row": len(rows),
                    "path": name,
                    "img_name": name,
                    "target": target,
                    "group": group,
                    "sha256": str(hash(content)),
                }
            )
        table = pd.DataFrame(rows)
        hashes = hash_table(table, root=tmp_path, num_workers=0)
        in_val = table["path"].str.startswith("val")
        return table[~in_val].reset_index(drop=True), table[in_val].reset_index(drop=True), hashes

    return make


def counts(sides):
    return {
        finding["name"]: (finding["count"], finding["is_warning"])
        for finding in find_overlaps(*sides)
    }


@pytest.mark.parametrize(
    ("planted", "name", "expected"),
    [
        (("train_again.jpg", 0, "c", 21), "near-copies on both sides", (1, True)),
        (("train_again.jpg", 0, "c", 21), "identical files on both sides", (0, False)),
        (("train_copy.jpg", 0, "c", 1), "identical files on both sides", (1, True)),
        (("train_g.jpg", 0, "val3", 500), "groups on both sides", (1, True)),
        (("train_same.jpg", 0, "other", 0), "copies within a class", (2, False)),
    ],
)
def test_what_is_planted_is_found_and_nothing_in_a_clean_set(make_sides, planted, name, expected):
    assert set(counts(make_sides()).values()) == {(0, False)}
    assert counts(make_sides(planted))[name] == expected


@pytest.mark.parametrize(
    ("name", "group", "expected"),
    [
        ("train_same.jpg", "other", (2, True)),  # identical, other label
        ("train_same.jpg", "train0", (2, True)),  # the group is no excuse for an identical file
        ("train_again.jpg", "other", (2, True)),  # a near-copy elsewhere
        ("train_again.jpg", "train0", (0, False)),  # a forgery beside its original
    ],
)
def test_an_image_under_both_labels_is_found(make_sides, name, group, expected):
    found = counts(make_sides((name, 1, group, 0)))
    assert found["copies under both labels"] == expected
    assert found["forgeries beside their originals"] == (2 - expected[0], False)


def test_what_splitting_left_out_is_said():
    sides = {"train": {"images": 90}, "val": {"images": 10}}
    rows = [{"train_image": "a.jpg", "val_image": "b.jpg", "train_row": 3, "reason": "near_copy"}]
    leaks = {"train_rows": 1, "by_reason": {"group": 0, "content": 0, "near_copy": 1}, "rows": rows}
    finding = describe_removed(sides | {"leaks": leaks})
    assert (finding["count"], finding["of"], finding["is_warning"]) == (1, 100, False)
    assert "left out (1 by near copy)" in finding["sentence"]
    assert finding["examples"] == [["a.jpg", "b.jpg"]]
    joined = {"near_identical_pairs_that_joined": 2}
    assert "2 pairs of near-copies" in describe_removed(sides | {"groups": joined})["sentence"]
