"""Ingestion as Kedro runs it: every file is written, rejected images before the error."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from kedro.runner import SequentialRunner
from PIL import Image

from face_forgery.data.labels.manifest import MANIFEST_COLUMNS
from face_forgery.pipelines import ingestion, splitting

INGESTION = ingestion.create_pipeline().to_outputs("data_report")
BOTH = INGESTION + splitting.create_pipeline()
REJECTED = "data/08_reporting/rejected.csv"


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    root = tmp_path / "set"
    for folder, num_images in (("trainset", 12), ("valset", 6), ("testset", 3)):
        (root / folder).mkdir(parents=True)
        lines = ["img_name,target"]
        for number in range(num_images):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC)
            image.save(root / folder / f"{number}.jpg")
            lines.append(f"{number}.jpg,{number % 2}")
        (root / f"{folder}_label.txt").write_text("\r\n".join(lines))
    return root


@pytest.fixture
def make_catalog(root, tmp_path, make_shipped_catalog, make_params):
    def make(**changes):
        values = {"data.root": str(root), "data.test_labels": "testset_label.txt"}
        values |= {"data.val_labels": "valset_label.txt", "ingestion.max_rejected": 0.1}
        values |= {"ingestion.num_workers": 2, "ingestion.check": "pixels"}
        return make_shipped_catalog(BOTH, tmp_path, make_params(**values | changes))

    return make


def test_rejected_images_are_on_disk_when_they_are_too_many(make_catalog, root, tmp_path):
    (root / "trainset" / "3.jpg").write_bytes(b"no picture")
    (root / "trainset" / "4.jpg").unlink()
    with pytest.raises(Exception, match=r"2 of 12 train images .*1 unreadable.*rejected\.csv"):
        SequentialRunner().run(INGESTION, make_catalog())
    rejected = pd.read_csv(tmp_path / REJECTED)
    assert list(rejected["img_name"]) == ["3.jpg", "4.jpg"]
    assert list(rejected["status"]) == ["unreadable", "missing"]


def test_a_second_run_opens_only_what_has_changed(
    make_catalog, root, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("face_forgery.data.images.inspection._UNSETTLED_NS", 0)
    caplog.set_level("INFO")
    first = make_catalog()
    SequentialRunner().run(INGESTION, first)
    facts = first.load("image_facts")
    manifest = first.load("manifest")
    assert {name: str(kind) for name, kind in manifest.dtypes.items()} == MANIFEST_COLUMNS
    assert manifest["subset"].value_counts().to_dict() == {"train": 12, "val": 6, "test": 3}
    assert manifest["target"].isna().sum() == 3
    assert (tmp_path / REJECTED).read_text() == "subset,row,img_name,status,detail\n"
    assert first.load("data_report")["images"] == 21
    Image.new("RGB", (96, 64)).save(root / "trainset" / "0.jpg")
    (root / "testset" / "2.jpg").unlink()  # which is left out and listed, and no error
    second = make_catalog()
    SequentialRunner().run(INGESTION, second)
    assert "19 of 21 images have not changed" in caplog.text
    again = second.load("image_facts")
    pd.testing.assert_frame_equal(again[1:-1], facts[1:-1])
    assert again["width"][0] == 96
    assert len(second.load("manifest")) == 20
    assert list(pd.read_csv(tmp_path / REJECTED)["subset"]) == ["test"]


@pytest.mark.parametrize("is_official", [True, False])
def test_splitting_follows_ingestion_through_files(make_catalog, is_official):
    changes = {} if is_official else {"data.val_labels": None, "data.test_labels": None}
    catalog = make_catalog(**changes, **{"splitting.val_fraction": 0.25})
    SequentialRunner().run(BOTH, catalog)
    train, val = (catalog.load(f"{side}_manifest") for side in ("train", "val"))
    assert list(val.columns) == list(MANIFEST_COLUMNS)
    assert (len(train), len(val)) == ((12, 6) if is_official else (9, 3))
    assert catalog.load("split_report")["method"] == ("official" if is_official else "fraction")


def test_a_tree_of_faceforensics_is_ingested_and_split_as_its_authors_say(
    make_catalog, root, tmp_path
):
    rng = np.random.default_rng(1)
    real, fake = (
        "original_sequences/youtube/c23/frames",
        "manipulated_sequences/FaceSwap/c23/frames",
    )
    pairs = {"train": [["000", "003"], ["010", "011"]], "val": [["020", "021"]], "test": []}
    names = []
    for split, listed in pairs.items():
        (root / f"{split}.json").write_text(json.dumps(listed))
        for a, b in listed:
            names += [f"{real}/{a}", f"{real}/{b}", f"{fake}/{a}_{b}", f"{fake}/{b}_{a}"]
    for name in names[1:]:  # the first video has no frames
        (root / name).mkdir(parents=True)
        for number in range(2):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC)
            image.save(root / name / f"{number:04}.jpg")
    (root / real / "cover.jpg").touch()
    labels = {f"data.{s}_{part}": "." for s in ("train", "val") for part in ("labels", "images")}
    for folder in ("trainset", "valset", "testset"):
        shutil.rmtree(root / folder)
    for file in root.glob("*_label.txt"):
        file.unlink()
    catalog = make_catalog(**labels, **{"data.test_labels": None})
    SequentialRunner().run(BOTH, catalog)
    rejected = pd.read_csv(tmp_path / REJECTED)
    assert rejected[["img_name", "status"]].to_numpy().tolist() == [
        ["original_sequences/youtube/c23/000", "missing"]
    ]
    unlisted = pd.read_csv(tmp_path / "data/08_reporting/unlisted.csv")
    assert list(unlisted["img_name"]) == [f"{real}/cover.jpg"]
    train, val = (catalog.load(f"{side}_manifest") for side in ("train", "val"))
    assert (len(train), len(val)) == (14, 8)
    assert train["video"].nunique() == 7
    assert set(val["frame"]) == {0, 1}
    assert catalog.load("split_report")["leaks"]["train_rows"] == 0
