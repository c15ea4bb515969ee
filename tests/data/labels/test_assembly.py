"""Labels and facts join, contradict, or are too few."""

import pandas as pd
import pytest

from face_forgery.data.images.inspection import IMAGE_FACT_COLUMNS, REJECTED_COLUMNS
from face_forgery.data.labels.assembly import (
    assemble_manifest,
    check_contradictions,
    check_rejected,
)
from face_forgery.data.labels.manifest import (
    LABEL_COLUMNS,
    MANIFEST_COLUMNS,
    ManifestError,
    check_manifest,
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


def test_labels_and_facts_join_whatever_the_order_of_the_facts(make_manifest):
    manifest = make_manifest()
    table, facts = take_apart(manifest)
    pd.testing.assert_frame_equal(assemble_manifest(table, facts[::-1]), manifest)


def test_unusable_images_are_left_out(make_manifest):
    table, facts = take_apart(make_manifest(10))
    facts.loc[3, "status"] = "missing"
    assert 3 not in set(assemble_manifest(table, facts)["row"])


def test_facts_of_another_run_are_refused(make_manifest):
    table, facts = take_apart(make_manifest(10))
    with pytest.raises(ManifestError, match="label_table has 10 rows and image_facts 9"):
        assemble_manifest(table, facts[:9])


@pytest.mark.parametrize(("num_bad", "is_refused"), [(0, False), (2, False), (3, True)])
def test_more_than_the_largest_share_of_rejected_images_is_refused(
    make_manifest, num_bad, is_refused
):
    table = make_manifest(100)
    if not is_refused:
        check_rejected(table, make_rejected(num_bad), max_rejected=0.02, listed_in="r.csv")
        return
    message = (
        r"3 of 100 train images \(3.00%\) cannot be used \(3 missing\); at most 2.00% .*"
        r"0.jpg \(no such file\), .* listed in r.csv"
    )
    with pytest.raises(ManifestError, match=message):
        check_rejected(table, make_rejected(num_bad), max_rejected=0.02, listed_in="r.csv")


def test_the_share_is_that_of_each_labelled_subset(make_manifest):
    table = make_manifest(100, subset=["val"] * 10 + ["train"] * 90)
    with pytest.raises(ManifestError, match="2 of 10 val images"):
        check_rejected(table, make_rejected(2, "val"), max_rejected=0.1, listed_in="r.csv")


def test_rejected_test_images_do_not_count(make_manifest):
    table = make_manifest(4, subset=["test"] * 2 + ["train"] * 2)
    check_rejected(table, make_rejected(2, "test"), max_rejected=0.0, listed_in="r.csv")


def test_no_image_left_is_refused_even_if_all_may_be_rejected(make_manifest):
    with pytest.raises(ManifestError, match="40 of 40 train"):
        check_rejected(make_manifest(40), make_rejected(40), max_rejected=1.0, listed_in="r.csv")


def test_one_content_under_two_targets_is_a_contradiction_that_names_both_rows(make_manifest):
    manifest = make_manifest(6, sha256=["a", "b", "a", "c", "d", "b"], target=[0, 0, 1, 0, 1, 0])
    message = (
        r"1 image\(s\) stand under both targets .*: train row 0 \(000.jpg\) target 0 and "
        r"train row 2 \(002.jpg\) target 1\. Keep one"
    )
    with pytest.raises(ManifestError, match=message):
        check_contradictions(manifest)


def test_a_contradiction_between_label_files_is_found(make_manifest):
    manifest = make_manifest(
        2, sha256="a", target=[0, 1], subset=["train", "val"], path=["x.jpg", "y.jpg"]
    )
    with pytest.raises(ManifestError, match=r"train row 0 .* and val row 1"):
        check_contradictions(manifest)


def test_an_unlabelled_copy_contradicts_nothing(make_manifest):
    check_contradictions(make_manifest(2, sha256="a", target=[1, pd.NA], subset=["train", "test"]))


def test_a_good_manifest_passes_unchanged(make_manifest):
    manifest = make_manifest()
    assert check_manifest(manifest) is manifest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subset": "training"}, "subset is not one of"),
        ({"target": 2}, "target is not 0 or 1"),
        ({"target": None}, "target is not 0 or 1"),
        ({"group": None}, "a value is missing"),
        ({"row": 0}, "a row is there twice"),
        ({"path": "same.jpg"}, "an image is there twice"),
    ],
)
def test_a_broken_manifest_is_refused_with_its_rows(make_manifest, changes, message):
    with pytest.raises(ManifestError, match=rf"40 of 40 rows: {message}.*train.* row 0 "):
        check_manifest(make_manifest(**changes))


def test_other_columns_or_types_are_refused(make_manifest):
    with pytest.raises(ManifestError, match="has the columns"):
        check_manifest(make_manifest().drop(columns="kind"))
    with pytest.raises(ManifestError, match="width: float64 in place of Int64"):
        check_manifest(make_manifest().astype({"width": float}))
    assert list(MANIFEST_COLUMNS)[:2] == ["subset", "row"]
