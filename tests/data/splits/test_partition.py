"""Training and validation share no group, no file and no picture; what leaks is refused."""

import numpy as np
import pandas as pd
import pytest

from face_forgery.data.labels.manifest import KEY, ManifestError
from face_forgery.data.splits.hashing import hash_table
from face_forgery.data.splits.partition import divide_manifest


def make_hashes(manifest):
    rng = np.random.default_rng(0)
    values = {
        "phash": rng.integers(0, 2**63, len(manifest)).astype(np.uint64),
        "thumbnail": [
            row.tobytes() for row in rng.integers(0, 256, (len(manifest), 256), np.uint8)
        ],
    }
    return manifest[KEY].assign(**values).astype({"phash": "UInt64"})


def make_official(make_manifest, **given):
    """Twenty training rows, ten validation rows, four test rows."""
    subsets = ["train"] * 20 + ["val"] * 10 + ["test"] * 4
    targets = [row % 2 for row in range(30)] + [pd.NA] * 4
    rows = [*range(20), *range(10), *range(4)]
    return make_manifest(34, **({"subset": subsets, "target": targets, "row": rows} | given))


def copy_value(manifest, column, *, into, out_of):
    values = manifest[column].to_list()
    values[into] = values[out_of]
    return manifest.assign(**{column: values}).astype(manifest.dtypes)


def copy_picture(hashes, *, into, out_of):
    near = copy_value(hashes, "thumbnail", into=into, out_of=out_of)
    near.loc[into, "phash"] = near.loc[out_of, "phash"] ^ 0b11
    return near


def test_an_official_validation_set_is_kept_as_it_is(make_manifest, make_splitting):
    manifest = make_official(make_manifest)
    parts = divide_manifest(manifest, make_hashes(manifest), make_splitting(), has_val_labels=True)
    pd.testing.assert_frame_equal(parts.train, manifest[:20])
    pd.testing.assert_frame_equal(parts.val, manifest[20:30].reset_index(drop=True))
    assert parts.report["method"] == "official"
    assert parts.report["leaks"]["train_rows"] == 0


@pytest.mark.parametrize("missing", ["fake", "real"])
def test_training_on_one_class_needs_forgeries_of_real_pictures(
    make_manifest, make_splitting, missing
):
    train = [0 if missing == "fake" else 1] * 20
    targets = train + [row % 2 for row in range(10)] + [pd.NA] * 4
    manifest = make_official(make_manifest, target=targets)
    arguments = (manifest, make_hashes(manifest), make_splitting())
    with pytest.raises(ManifestError, match=rf"the training set has .*0 {missing}.*share above 0"):
        divide_manifest(*arguments, has_val_labels=True)
    if missing == "fake":
        parts = divide_manifest(*arguments, has_val_labels=True, makes_fakes=True)
        assert parts.report["train"]["classes"] == {"real": 20}
        return
    with pytest.raises(ManifestError, match="training set has 0 real and 20 fake images"):
        divide_manifest(*arguments, has_val_labels=True, makes_fakes=True)


def test_validation_needs_both_classes_even_where_training_makes_forgeries(
    make_manifest, make_splitting
):
    targets = [row % 2 for row in range(20)] + [0] * 10 + [pd.NA] * 4
    manifest = make_official(make_manifest, target=targets)
    with pytest.raises(ManifestError, match="validation set has 10 real and 0 fake images"):
        divide_manifest(
            manifest,
            make_hashes(manifest),
            make_splitting(),
            has_val_labels=True,
            makes_fakes=True,
        )


def test_no_row_is_lost_or_doubled_by_a_split(make_manifest, make_splitting):
    manifest = make_manifest(80)
    parts = divide_manifest(manifest, make_hashes(manifest), make_splitting(), has_val_labels=False)
    assert sorted([*parts.train["row"], *parts.val["row"]]) == list(range(80))
    assert len(parts.val) == 20
    assert list(parts.val.columns) == list(manifest.columns)
    assert parts.report["val"]["classes"] == {"fake": 10, "real": 10}


def test_the_folds_together_are_the_set(make_manifest, make_splitting):
    manifest = make_manifest(40)
    hashes = make_hashes(manifest)
    folds = [
        divide_manifest(
            manifest, hashes, make_splitting(num_folds=4, fold=fold), has_val_labels=False
        ).val
        for fold in range(4)
    ]
    assert sorted(pd.concat(folds)["row"]) == list(range(40))


def test_near_identical_and_identical_images_stay_on_one_side_of_a_split(
    make_manifest, make_splitting
):
    manifest = copy_value(make_manifest(80), "sha256", into=2, out_of=40)
    hashes = copy_picture(make_hashes(manifest), into=7, out_of=61)
    for seed in range(8):
        parts = divide_manifest(manifest, hashes, make_splitting(seed=seed), has_val_labels=False)
        in_val = set(parts.val["row"])
        assert (2 in in_val) == (40 in in_val)
        assert (7 in in_val) == (61 in in_val)
    groups = parts.report["groups"]
    assert groups["given"] == 80
    assert groups["after_joining_identical_and_near_identical"] == 78
    assert groups["first_pairs"] == ["train row 7 (007.jpg) and train row 61 (061.jpg)"]


LEAKS = {
    "group": r"1 belong to a group that validation has, too: train row 3 \(003.jpg\) and val row 5",
    "sha256": r"1 are identical to a validation image: train row 3 \(003.jpg\) and val row 5 ",
    "picture": r"1 are near-identical to a validation image: train row 3 \(003.jpg\) and val row 5",
}


def make_leaky(make_manifest, leak):
    manifest = make_official(make_manifest)
    hashes = make_hashes(manifest)
    if leak != "picture":
        manifest = copy_value(manifest, leak, into=3, out_of=25)
    if leak != "group":  # identical files are the same picture, too
        hashes = copy_picture(hashes, into=3, out_of=25)
    return manifest, hashes


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_refused_with_its_rows_and_the_remedy(make_manifest, make_splitting, leak):
    manifest, hashes = make_leaky(make_manifest, leak)
    message = rf"(?s)1 of 20 training rows leak.*{LEAKS[leak]}.*splitting.leaks=drop_from_train"
    with pytest.raises(ManifestError, match=message):
        divide_manifest(manifest, hashes, make_splitting(), has_val_labels=True)


@pytest.mark.parametrize("leak", LEAKS)
def test_leaking_rows_are_dropped_from_training_on_request_and_listed(
    make_manifest, make_splitting, leak
):
    manifest, hashes = make_leaky(make_manifest, leak)
    parts = divide_manifest(
        manifest, hashes, make_splitting(leaks="drop_from_train"), has_val_labels=True
    )
    assert sorted(set(range(20)) - set(parts.train["row"])) == [3]
    assert len(parts.val) == 10
    reason = {"sha256": "content"}.get(leak, leak)
    assert parts.report["leaks"]["by_reason"] == {
        name: int(name == reason) for name in ("group", "content", "picture")
    }
    assert parts.report["leaks"]["rows"] == [
        {"train_row": 3, "train_image": "003.jpg", "val_image": "025.jpg", "reason": reason}
    ]


def test_at_most_three_pairs_are_shown(make_manifest, make_splitting):
    manifest = make_official(make_manifest, group="one video")
    with pytest.raises(ManifestError, match=r"20 belong to .*, .*, .*, \.\.\.\n"):
        divide_manifest(manifest, make_hashes(manifest), make_splitting(), has_val_labels=True)


def test_re_encoded_copies_between_the_sets_are_found(
    tmp_path, draw, make_manifest, make_splitting
):
    (tmp_path / "images").mkdir()
    for number in range(34):
        draw(number).save(tmp_path / "images" / f"{number:03}.jpg", quality=90)
    draw(25).save(tmp_path / "images" / "003.jpg", quality=35)
    draw(26).resize((80, 80)).save(tmp_path / "images" / "004.jpg", quality=85)
    manifest = make_official(make_manifest)
    hashes = hash_table(manifest, root=tmp_path, num_workers=0)
    parts = divide_manifest(
        manifest, hashes, make_splitting(leaks="drop_from_train"), has_val_labels=True
    )
    assert [(row["train_row"], row["val_image"]) for row in parts.report["leaks"]["rows"]] == [
        (3, "025.jpg"),
        (4, "026.jpg"),
    ]


def test_a_side_with_one_class_is_refused(make_manifest, make_splitting):
    targets = [row % 2 for row in range(20)] + [1] * 10 + [pd.NA] * 4
    manifest = make_official(make_manifest, target=targets)
    with pytest.raises(ManifestError, match="the validation set has 0 real and 10 fake images"):
        divide_manifest(manifest, make_hashes(manifest), make_splitting(), has_val_labels=True)


@pytest.mark.parametrize("has_val_labels", [False, True])
def test_a_manifest_made_with_other_parameters_is_refused(
    make_manifest, make_splitting, has_val_labels
):
    manifest = make_manifest(20) if has_val_labels else make_official(make_manifest)
    with pytest.raises(ManifestError, match="run the pipeline ingestion with the same parameters"):
        divide_manifest(
            manifest, make_hashes(manifest), make_splitting(), has_val_labels=has_val_labels
        )


def test_hashes_of_another_manifest_are_refused(make_manifest, make_splitting):
    manifest = make_manifest(20)
    with pytest.raises(ManifestError, match=r"2 of 20 images have no hash: train row 18"):
        divide_manifest(
            manifest, make_hashes(manifest)[:18], make_splitting(), has_val_labels=False
        )


def test_a_share_that_large_groups_make_impossible_is_said(make_manifest, make_splitting, caplog):
    manifest = make_manifest(40, group=["a"] * 19 + ["b"] * 21)
    divide_manifest(
        manifest, make_hashes(manifest), make_splitting(val_fraction=0.4), has_val_labels=False
    )
    assert "validation has 47.5 % of the images in place of 40.0 %" in caplog.text


def test_groups_too_large_for_the_share_are_an_error_with_its_own_remedy(
    make_manifest, make_splitting
):
    manifest = make_manifest(40, group=["a"] * 19 + ["b"] * 21)
    with pytest.raises(ManifestError, match=r"validation set has 0 real and 0 .*val_fraction"):
        divide_manifest(
            manifest,
            make_hashes(manifest),
            make_splitting(val_fraction=0.1),
            has_val_labels=False,
        )
