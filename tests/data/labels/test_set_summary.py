"""The data report counts what is there, and is plain JSON."""

import json

import pandas as pd
import pytest

from face_forgery.data.images.inspection import REJECTED_COLUMNS
from face_forgery.data.labels.set_summary import describe_manifest, warn_of_photographs


@pytest.fixture
def report(make_manifest):
    manifest = make_manifest(
        8,
        subset=["train"] * 5 + ["val"] * 2 + ["test"],
        target=[0, 1, 1, 1, 0, 0, 1, pd.NA],
        kind=["real", "swap", "swap", "edit", "real", "real", "edit", "unknown"],
        group=["a", "a", "b", "c", "d", "e", "f", "g"],
        format=["JPEG"] * 4 + ["PNG"] * 4,
        width=[64, 64, 128, 32, 64, 64, 64, 64],
        num_bytes=[100, 200, 300, 400, 500, 600, 700, 800],
        sha256=["0", "1", "1", "2", "3", "0", "4", "4"],
    )
    rejected = pd.DataFrame([("val", 9, "x.jpg", "missing", "no such file")])
    rejected.columns = list(REJECTED_COLUMNS)
    return describe_manifest(manifest, rejected.astype(REJECTED_COLUMNS))


def test_classes_kinds_groups_and_rejected_images_are_counted_by_subset(report):
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["rejected"] == 1
    assert report["subsets"]["val"]["rejected"] == {"missing": 1}
    train = report["subsets"]["train"]
    counts = {name: files["images"] for name, files in train["classes"].items()}
    assert list(counts.items()) == [("fake", 3), ("real", 2)]
    assert train["kinds_by_class"] == {"fake": {"swap": 2, "edit": 1}, "real": {"real": 2}}
    assert train["groups"] == {"number": 4, "with_several_images": 1, "largest": 2}
    assert list(report["subsets"]["test"]["classes"]) == ["unlabelled"]


def test_sizes_and_formats_are_told_for_each_class(report):
    fake = report["subsets"]["train"]["classes"]["fake"]
    assert fake["formats"] == {"JPEG": 3}
    assert fake["width"] == {"min": 32, "median": 64.0, "max": 128}
    assert fake["num_bytes"]["total"] == 900
    assert fake["most_common_sizes"] == {"128x48": 1, "32x48": 1, "64x48": 1}


def test_identical_files_are_counted_within_and_between_subsets(report):
    assert report["duplicates"] == {
        "within_subsets": {
            "train": {"contents": 1, "extra_images": 1},
            "val": {"contents": 0, "extra_images": 0},
            "test": {"contents": 0, "extra_images": 0},
        },
        "contents_between_subsets": {"train-val": 1, "train-test": 0, "val-test": 1},
        "contents_between_classes": 0,
    }


def test_a_set_without_any_image_left_is_described_too(make_manifest):
    rejected = pd.DataFrame([("test", 0, "x.jpg", "missing", "")], columns=list(REJECTED_COLUMNS))
    report = describe_manifest(make_manifest(2), rejected.astype(REJECTED_COLUMNS))
    assert report["subsets"]["test"]["images"] == 0
    assert report["subsets"]["test"]["rejected"] == {"missing": 1}


@pytest.mark.parametrize(
    ("width", "height", "is_warned"),
    [(640, 480, True), (3000, 4000, True), (1024, 1000, False), (178, 218, False)],
)
def test_large_images_that_are_not_square_are_whole_photographs(
    make_manifest, caplog, width, height, is_warned
):
    warn_of_photographs(make_manifest(10, width=width, height=height))
    assert ("look like whole photographs" in caplog.text) is is_warned
    assert ("face_detection_yunet_2023mar.onnx" in caplog.text) is is_warned
