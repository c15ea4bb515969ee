"""Fingerprints tell sets of images apart."""

import pytest

from face_forgery.data.labels.fingerprint import fingerprint_rows, fingerprint_sets


@pytest.fixture
def faces(make_faces):
    return make_faces(6)


@pytest.mark.parametrize(
    ("column", "value"), [("path", "other.png"), ("target", 1), ("sha256", "0" * 64)]
)
def test_any_change_of_a_row_changes_the_fingerprint(faces, column, value):
    changed = faces.copy()
    changed.loc[2, column] = value
    assert fingerprint_rows(changed) != fingerprint_rows(faces)
    assert fingerprint_sets(train=changed) != fingerprint_sets(train=faces)


def test_other_columns_and_the_index_do_not_count(faces):
    changed = faces.assign(kind="swap").set_index(faces.index + 7)
    assert fingerprint_rows(changed) == fingerprint_rows(faces)


def test_order_counts_for_rows_and_not_for_sets(faces):
    turned = faces.iloc[::-1]
    assert fingerprint_rows(turned) != fingerprint_rows(faces)
    assert fingerprint_sets(train=turned) == fingerprint_sets(train=faces)


def test_the_same_images_split_differently_are_another_data_set(faces):
    halves = {"train": faces.iloc[:3], "val": faces.iloc[3:]}
    others = {"train": faces.iloc[:4], "val": faces.iloc[4:]}
    assert fingerprint_sets(**halves) != fingerprint_sets(**others)


def test_an_image_without_a_target_has_a_fingerprint(faces):
    unlabelled = faces.copy()
    unlabelled["target"] = unlabelled["target"].mask(unlabelled["target"].notna())
    assert fingerprint_rows(unlabelled) != fingerprint_rows(faces)
