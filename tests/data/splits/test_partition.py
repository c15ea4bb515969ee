"""Training and validation share no group, file or near-identical image; leaks are refused."""

import numpy as np
import pandas as pd
import pytest

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.splits.groups import join_groups
from face_forgery.data.splits.near_duplicates import hash_table


@pytest.fixture
def make_official(make_manifest):
    """Twenty training rows, ten validation rows, four test rows."""

    def make(**given):
        subsets = ["train"] * 20 + ["val"] * 10 + ["test"] * 4
        targets = [row % 2 for row in range(30)] + [pd.NA] * 4
        rows = [*range(20), *range(10), *range(4)]
        return make_manifest(34, **({"subset": subsets, "target": targets, "row": rows} | given))

    return make


def copy_value(manifest, column, *, into, out_of):
    values = manifest[column].to_list()
    values[into] = values[out_of]
    return manifest.assign(**{column: values}).astype(manifest.dtypes)


def copy_picture(hashes, *, into, out_of):
    near = copy_value(hashes, "thumbnail", into=into, out_of=out_of)
    near.loc[into, "phash"] = near.loc[out_of, "phash"] ^ 0b11
    return near


def test_an_official_validation_set_is_kept_as_it_is(make_official, divide):
    manifest = make_official()
    parts = divide(manifest)
    pd.testing.assert_frame_equal(parts.train, manifest[:20])
    pd.testing.assert_frame_equal(parts.val, manifest[20:30].reset_index(drop=True))
    assert parts.report["method"] == "official"
    assert parts.report["leaks"]["train_rows"] == 0


def test_a_video_without_a_group_is_whole_and_one_that_crosses_sets_is_refused(
    read_sets, make_manifest, divide
):
    def label(videos):
        rows = (f"{i}.jpg,{i % 2},v{video}" for i, video in enumerate(videos))
        return "\n".join(["img_name,target,video", *rows])

    videos = [2 * (i % 20 // 2) + i % 2 for i in range(80)]
    table = read_sets(train=label(videos))
    columns = {name: table[name] for name in ("video", "group")}
    parts = divide(make_manifest(80, **columns), has_val_labels=False)
    sides = [set(side["video"]) for side in (parts.train, parts.val)]
    assert min(map(len, sides)) >= 2
    assert not sides[0] & sides[1]
    table = read_sets(train=label([0, 1, 2, 3]), val=label([4, 5, 2, 7]))
    columns = {name: table[name] for name in ("subset", "row", "target", "video", "group")}
    with pytest.raises(ManifestError, match=r"1 of 4 training rows leak .*\n *1 belong to a group"):
        divide(make_manifest(8, **columns))


@pytest.mark.parametrize(
    ("train", "val", "makes_fakes", "message"),
    [
        ("real", "both", False, r"the training set has .*0 fake.*proportion above 0"),
        ("fake", "both", False, r"the training set has .*0 real.*proportion above 0"),
        ("fake", "both", True, "training set has 0 real and 20 fake images"),
        ("both", "real", True, "validation set has 10 real and 0 fake images"),
        ("both", "fake", False, "the validation set has 0 real and 10 fake images"),
    ],
)
def test_a_side_with_one_class_is_refused(
    make_official, divide, *, train, val, makes_fakes, message
):
    classes = {"real": [0, 0], "fake": [1, 1], "both": [0, 1]}
    targets = classes[train] * 10 + classes[val] * 5 + [pd.NA] * 4
    with pytest.raises(ManifestError, match=message):
        divide(make_official(target=targets), makes_fakes=makes_fakes)


def test_training_on_real_images_is_enough_where_forgeries_are_made_of_them(make_official, divide):
    manifest = make_official(target=[0] * 20 + [0, 1] * 5 + [pd.NA] * 4)
    parts = divide(manifest, makes_fakes=True)
    assert parts.report["train"]["classes"] == {"real": 20}


def test_no_row_is_lost_or_doubled_by_a_split_or_by_folds(make_manifest, divide):
    manifest = make_manifest(40)
    parts = divide(manifest, has_val_labels=False)
    assert sorted([*parts.train["row"], *parts.val["row"]]) == list(range(40))
    assert list(parts.val.columns) == list(manifest.columns)
    assert parts.report["val"]["classes"] == {"fake": 5, "real": 5}
    folds = [divide(manifest, has_val_labels=False, num_folds=4, fold=n).val for n in range(4)]
    assert sorted(pd.concat(folds)["row"]) == list(range(40))


def test_near_identical_and_identical_images_stay_on_one_side_of_a_split(
    make_manifest, make_hashes, divide
):
    manifest = copy_value(make_manifest(80), "sha256", into=2, out_of=40)
    hashes = copy_picture(make_hashes(manifest), into=7, out_of=61)
    for seed in range(4):
        parts = divide(manifest, hashes, has_val_labels=False, seed=seed)
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
    "near_copy": r"1 are near-identical to a validation image: train row 3 \(003.jpg\) and val ro",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_refused_with_its_rows_or_dropped_on_request(
    make_official, make_hashes, divide, leak
):
    manifest = make_official()
    hashes = make_hashes(manifest)
    if leak != "near_copy":
        manifest = copy_value(manifest, leak, into=3, out_of=25)
    if leak != "group":  # identical files are the same image, too
        hashes = copy_picture(hashes, into=3, out_of=25)
    message = rf"(?s)1 of 20 training rows leak.*{LEAKS[leak]}.*splitting.leaks=drop_from_train"
    with pytest.raises(ManifestError, match=message):
        divide(manifest, hashes)
    parts = divide(manifest, hashes, leaks="drop_from_train")
    assert sorted(set(range(20)) - set(parts.train["row"])) == [3]
    assert len(parts.val) == 10
    reason = {"sha256": "content"}.get(leak, leak)
    assert parts.report["leaks"]["by_reason"] == {
        name: int(name == reason) for name in ("group", "content", "near_copy")
    }
    assert parts.report["leaks"]["rows"] == [
        {"train_row": 3, "train_image": "003.jpg", "val_image": "025.jpg", "reason": reason}
    ]


def test_re_encoded_copies_between_the_sets_are_found(tmp_path, draw, make_official, divide):
    (tmp_path / "images").mkdir()
    for number in range(34):
        draw(number).save(tmp_path / "images" / f"{number:03}.jpg", quality=90)
    draw(25).save(tmp_path / "images" / "003.jpg", quality=35)
    draw(26).resize((80, 80)).save(tmp_path / "images" / "004.jpg", quality=85)
    manifest = make_official()
    hashes = hash_table(manifest, root=tmp_path, num_workers=0)
    parts = divide(manifest, hashes, leaks="drop_from_train")
    assert [(row["train_row"], row["val_image"]) for row in parts.report["leaks"]["rows"]] == [
        (3, "025.jpg"),
        (4, "026.jpg"),
    ]


@pytest.mark.parametrize("has_val_labels", [False, True])
def test_a_manifest_made_with_other_parameters_is_refused(
    make_manifest, make_official, divide, has_val_labels
):
    manifest = make_manifest(20) if has_val_labels else make_official()
    with pytest.raises(ManifestError, match="run the pipeline ingestion with the same parameters"):
        divide(manifest, has_val_labels=has_val_labels)


def test_hashes_of_another_manifest_are_refused(make_manifest, make_hashes, divide):
    manifest = make_manifest(20)
    with pytest.raises(ManifestError, match=r"2 of 20 images have no hash: train row 18"):
        divide(manifest, make_hashes(manifest)[:18], has_val_labels=False)


def test_a_proportion_that_large_groups_make_impossible_is_said(make_manifest, divide, caplog):
    manifest = make_manifest(40, group=["a"] * 19 + ["b"] * 21)
    divide(manifest, has_val_labels=False, val_fraction=0.4)
    assert "validation has 47.5 % of the images in place of 40.0 %" in caplog.text
    with pytest.raises(ManifestError, match=r"validation set has 0 real and 0 .*val_fraction"):
        divide(manifest, has_val_labels=False, val_fraction=0.1)


def test_rows_join_through_groups_contents_and_near_identical_images(make_manifest, make_hashes):
    manifest = make_manifest(
        6, group=["a", "a", "b", "b", "c", "d"], sha256=["0", "1", "1", "2", "3", "4"]
    )
    clusters, pairs = join_groups(manifest, make_hashes(manifest))
    assert clusters.tolist() == [0, 0, 0, 0, 1, 2]
    assert len(pairs) == 0
    manifest = make_manifest(5)
    phash = np.array([0, 0b111111, 2**12 - 1, 2**40 - 1, 2**63 - 1], np.uint64)
    hashes = make_hashes(manifest).assign(phash=pd.array(phash, dtype="UInt64"))
    hashes["thumbnail"] = hashes["thumbnail"].iloc[0]
    clusters, pairs = join_groups(manifest, hashes)
    assert clusters.tolist() == [0, 0, 0, 1, 2]
    assert {tuple(pair) for pair in pairs.tolist()} == {(0, 1), (1, 2)}
    hashes["phash"] = pd.array([pd.NA] * 5, dtype="UInt64")  # without structure they join nothing
    assert len(set(join_groups(manifest, hashes)[0])) == 5


@pytest.mark.parametrize(
    ("folders", "names", "is_torn"),
    [(10, "{:04}", True), (1, "{:04}", False), (2, "{:04}", False), (10, "x{:c}", False)],
    ids=["videos", "one folder", "class folders", "no numbers"],
)
def test_folders_of_numbered_images_on_both_sides_are_warned_of(
    make_manifest, divide, caplog, *, folders, names, is_torn
):
    paths = [f"set/v{n % folders}/{names.format(97 + n // folders)}.png" for n in range(80)]
    divide(make_manifest(80, path=paths), has_val_labels=False)
    assert ("sub-folders have images in training and in validation" in caplog.text) is is_torn
