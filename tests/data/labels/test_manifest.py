"""Labels and facts join, contradict, or are too few; fingerprints tell manifests apart."""

import hashlib

import pandas as pd
import pytest

from face_forgery.data.images.inspection import IMAGE_FACT_COLUMNS, REJECTED_COLUMNS
from face_forgery.data.labels import manifest as module
from face_forgery.data.labels.manifest import (
    LABEL_COLUMNS,
    ManifestError,
    assemble_manifest,
    check_contradictions,
    check_rejected,
    fingerprint_rows,
    fingerprint_sets,
)


def take_apart(manifest):
    table = manifest[list(LABEL_COLUMNS)]
    facts = manifest.assign(status="ok", detail="", checked="pixels", changed_ns=1)
    facts = facts[list(IMAGE_FACT_COLUMNS)]
    return table, facts.astype(IMAGE_FACT_COLUMNS)


def make_rejected(num_rows, subset="train"):
    values = {
        "subset": subset,
        "row": range(num_rows),
        "img_name": [f"{row}.jpg" for row in range(num_rows)],
        "status": "missing",
        "detail": "no such file",
    }
    return pd.DataFrame(values).astype(REJECTED_COLUMNS)


def test_labels_and_facts_of_usable_images_join_whatever_the_order_of_the_facts(make_manifest):
    manifest = make_manifest()
    table, facts = take_apart(manifest)
    facts.loc[3, "status"] = "missing"
    expected = manifest.drop(index=3).reset_index(drop=True)
    pd.testing.assert_frame_equal(assemble_manifest(table, facts[::-1]), expected)


def test_facts_of_another_run_are_refused(make_manifest):
    table, facts = take_apart(make_manifest(10))
    with pytest.raises(ManifestError, match="label_table has 10 rows and image_facts 9"):
        assemble_manifest(table, facts[:9])


@pytest.mark.parametrize(
    ("subset", "num_bad", "max_rejected", "message"),
    [
        ("train", 0, 0.0, None),
        ("train", 2, 0.04, None),
        (
            "train",
            3,
            0.04,
            r"3 of 50 train images \(6.00%\) cannot be used \(3 missing\); at most 4.00% .*"
            r"0.jpg \(no such file\), .* listed in .*rejected.csv",
        ),
        ("val", 2, 0.1, "2 of 10 val images"),
        ("train", 50, 1.0, "50 of 50 train"),
        ("test", 2, 0.0, None),
    ],
    ids=["none", "as many as may be", "too many", "of each subset", "nothing left", "unlabelled"],
)
def test_too_many_rejected_images_are_refused(
    make_manifest, *, subset, num_bad, max_rejected, message
):
    table = make_manifest(62, subset=["train"] * 50 + ["val"] * 10 + ["test"] * 2)
    rejected = make_rejected(num_bad, subset)
    how = {"max_rejected": max_rejected}
    if message is None:
        check_rejected(table, rejected, **how)
        return
    with pytest.raises(ManifestError, match=message):
        check_rejected(table, rejected, **how)


def test_one_content_under_two_targets_is_a_contradiction_that_names_both_rows(make_manifest):
    manifest = make_manifest(
        6,
        sha256=["a", "b", "a", "c", "d", "b"],
        target=[0, 0, 1, 0, 1, 0],
        subset=["train"] * 2 + ["val"] * 4,
    )
    message = (
        r"1 image\(s\) stand under both targets .*: train row 0 \(000.jpg\) target 0 and "
        r"val row 2 \(002.jpg\) target 1\. Keep one"
    )
    with pytest.raises(ManifestError, match=message):
        check_contradictions(manifest)
    check_contradictions(make_manifest(2, sha256="a", target=[1, pd.NA], subset=["train", "test"]))


@pytest.mark.parametrize(
    ("column", "value"), [("path", "other.png"), ("target", 1), ("target", pd.NA), ("sha256", "0")]
)
def test_a_change_of_a_row_changes_the_fingerprint(make_manifest, column, value):
    manifest = make_manifest(6)
    changed = manifest.copy()
    changed.loc[2, column] = value
    assert fingerprint_rows(changed) != fingerprint_rows(manifest)
    assert fingerprint_sets(train=changed) != fingerprint_sets(train=manifest)


def test_order_counts_for_rows_the_split_for_sets_and_other_columns_for_none(make_manifest):
    rows = make_manifest(6)
    changed = rows.assign(kind="swap").set_index(rows.index + 7)
    assert fingerprint_rows(changed) == fingerprint_rows(rows)
    assert fingerprint_rows(rows[::-1]) != fingerprint_rows(rows)
    assert fingerprint_sets(train=rows[::-1]) == fingerprint_sets(train=rows)
    split = fingerprint_sets(train=rows[:3], val=rows[3:])
    assert split != fingerprint_sets(train=rows[:4], val=rows[4:])


def test_a_fingerprint_does_not_follow_from_how_many_rows_are_read_at_once(
    make_manifest, monkeypatch
):
    rows = make_manifest(7)
    rows.loc[4, "target"] = pd.NA
    columns = (rows[name].astype("string").fillna("") for name in ("path", "target", "sha256"))
    lines = ["\x1f".join(values) for values in zip(*columns, strict=True)]
    expected = hashlib.sha256("\n".join(["7", *lines, ""]).encode()).hexdigest()
    for number in (1, 3, 7, 100):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", number)
        assert fingerprint_rows(rows) == expected


def test_images_without_a_face_are_counted_apart_from_damaged_ones(make_manifest, caplog):
    table = make_manifest(50)
    rejected = make_rejected(26).assign(status="no_face", detail="no face")
    check_rejected(table, rejected[:20], max_rejected=0.0)
    assert "20 of 50 train images (40.00%) have no face that can be judged" in caplog.text
    with pytest.raises(ManifestError, match=r"26 of 50 train .* have no face.*detector=null"):
        check_rejected(table, rejected, max_rejected=0.0)
