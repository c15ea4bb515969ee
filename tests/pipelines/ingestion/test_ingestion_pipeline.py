"""Ingestion as Kedro runs it: every file is written, rejected images before the error."""

import json

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from PIL import Image

from face_forgery.data.labels.manifest import MANIFEST_COLUMNS, check_manifest
from face_forgery.params import (
    DataParams,
    FacesParams,
    IngestionParams,
)
from face_forgery.pipelines import ingestion, splitting

PARQUET = ("label_table", "image_facts", "manifest", "face_table")


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
def make_catalog(root, tmp_path):
    def make(face_model=None, **changes):
        data = {
            "root": str(root),
            "train_labels": "trainset_label.txt",
            "train_images": "trainset",
            "val_labels": "valset_label.txt",
            "val_images": "valset",
            "test_labels": "testset_label.txt",
            "test_images": "testset",
        } | changes
        names = ("img_name", "target", "group", "kind", "source")
        entries = {
            f"{subset}_labels": {
                "type": "face_forgery.datasets.labels.LabelsDataset",
                "root": str(root),
                "labels": data[f"{subset}_labels"],
                "parameter": f"data.{subset}_labels",
            }
            for subset in ("train", "val", "test")
        }
        of_splitting = ("image_hashes", "holdout_groups", "train_manifest", "val_manifest")
        for name in (*PARQUET, *of_splitting, "val_holdout"):
            entries[name] = {
                "type": "face_forgery.datasets.atomic.AtomicDataset",
                "dataset": {
                    "type": "pandas.ParquetDataset",
                    "filepath": str(tmp_path / f"{name}.parquet"),
                },
            }
        entries["known_facts"] = entries["image_facts"] | {"optional": True}
        entries["rejected"] = {
            "type": "face_forgery.datasets.tables.QuotedCSVDataset",
            "filepath": str(tmp_path / "rejected.csv"),
            "load_args": {"dtype": {"subset": "string", "img_name": "string"}},
        }
        entries["face_model"] = {
            "type": "face_forgery.datasets.user_files.FaceModelDataset",
            "filepath": None if face_model is None else str(face_model),
        }
        for name in ("data_report", "split_report", "face_finder"):
            entries[name] = {
                "type": "json.JSONDataset",
                "filepath": str(tmp_path / f"{name}.json"),
            }
        catalog = DataCatalog.from_config(entries)
        catalog["params:data"] = DataParams.model_validate(data)
        catalog["params:faces"] = FacesParams(
            detector=None, min_confidence=0.7, margin=0.3, min_size=8, max_blur=1.0
        )
        catalog["params:ingestion"] = IngestionParams.model_validate(
            {
                "max_rejected": 0.1,
                "num_workers": 2,
                "check": "pixels",
                "columns": {name: name for name in names},
                "class_folders": {"real": 0, "fake": 1},
            }
        )
        return catalog

    return make


def test_ingestion_leaves_manifest_report_and_an_empty_list_of_rejected(make_catalog, tmp_path):
    catalog = make_catalog()
    SequentialRunner().run(ingestion.create_pipeline(), catalog)
    manifest = check_manifest(catalog.load("manifest"))
    assert manifest["subset"].value_counts().to_dict() == {"train": 12, "val": 6, "test": 3}
    assert manifest["target"].isna().sum() == 3
    assert (tmp_path / "rejected.csv").read_text() == "subset,row,img_name,status,detail\n"
    assert json.loads((tmp_path / "data_report.json").read_text())["images"] == 21


def test_rejected_images_are_on_disk_when_they_are_too_many(make_catalog, root, tmp_path):
    (root / "trainset" / "3.jpg").write_bytes(b"no picture")
    (root / "trainset" / "4.jpg").unlink()
    with pytest.raises(Exception, match=r"2 of 12 train images .*1 unreadable.*rejected\.csv"):
        SequentialRunner().run(ingestion.create_pipeline(), make_catalog())
    rejected = pd.read_csv(tmp_path / "rejected.csv")
    assert list(rejected["img_name"]) == ["3.jpg", "4.jpg"]
    assert list(rejected["status"]) == ["unreadable", "missing"]


def test_a_rejected_test_image_is_left_out_and_listed_and_no_error(make_catalog, root, tmp_path):
    (root / "testset" / "1.jpg").unlink()
    catalog = make_catalog()
    SequentialRunner().run(ingestion.create_pipeline(), catalog)
    manifest = catalog.load("manifest")
    assert list(manifest.loc[manifest["subset"] == "test", "row"]) == [0, 2]
    assert list(pd.read_csv(tmp_path / "rejected.csv")["subset"]) == ["test"]


def test_a_second_run_opens_only_what_has_changed(make_catalog, root, monkeypatch, caplog):
    monkeypatch.setattr("face_forgery.data.images.inspection._UNSETTLED_NS", 0)
    caplog.set_level("INFO")
    first = make_catalog()
    SequentialRunner().run(ingestion.create_pipeline(), first)
    facts = first.load("image_facts")
    Image.new("RGB", (96, 64)).save(root / "trainset" / "0.jpg")
    second = make_catalog()
    SequentialRunner().run(ingestion.create_pipeline(), second)
    assert "20 of 21 images have not changed" in caplog.text
    again = second.load("image_facts")
    pd.testing.assert_frame_equal(again.iloc[1:], facts.iloc[1:])
    assert again["width"][0] == 96


@pytest.mark.parametrize("is_official", [True, False])
def test_splitting_follows_ingestion_through_files(make_catalog, make_params, is_official):
    changes = {} if is_official else {"val_labels": None, "test_labels": None}
    catalog = make_catalog(**changes)
    params = make_params(**{"splitting.val_fraction": 0.25})
    for section in ("splitting", "augmentation", "model", "preprocessing", "scoring", "training"):
        catalog[f"params:{section}"] = getattr(params, section)
    SequentialRunner().run(ingestion.create_pipeline() + splitting.create_pipeline(), catalog)
    train, val = (check_manifest(catalog.load(f"{side}_manifest")) for side in ("train", "val"))
    assert list(val.columns) == list(MANIFEST_COLUMNS)
    assert (len(train), len(val)) == ((12, 6) if is_official else (9, 3))
    assert catalog.load("split_report")["method"] == ("official" if is_official else "fraction")


def test_every_node_is_called_like_its_function():
    for node in (ingestion.create_pipeline() + splitting.create_pipeline()).nodes:
        assert node.name == node.func.__name__
