"""What a user brings is an input of the catalog, wherever it lies."""

import json

import fsspec
import pytest
from kedro.io import AbstractDataset, DatasetError

from face_forgery.datasets.user_files import ImageListDataset


def test_the_preview_shows_the_first_names_and_nothing_there_is_an_error_of_the_catalog(tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    shown = json.loads(json.dumps(ImageListDataset(filepath=str(tmp_path)).preview(nrows=2)))
    assert (shown["columns"], shown["data"]) == (["img_name"], [["a.jpg"], ["b.jpg"]])
    with pytest.raises(DatasetError, match="no such file or folder"):
        ImageListDataset(filepath=str(tmp_path / "gone")).load()


@pytest.mark.parametrize(
    "name",
    [
        *("train_labels", "images", "videos", "landmark_file", "face_model", "member_detectors"),
        *("score_sets", "code_version", "predictions_begun"),
    ],
)
def test_an_input_of_the_user_is_never_written(catalog_entry, name):
    with pytest.raises(DatasetError, match="only read"):
        AbstractDataset.from_config(name, catalog_entry(name)).save("a value")


def test_images_of_a_bucket_are_an_input_of_the_catalog():
    bucket = fsspec.filesystem("memory")
    bucket.pipe_file("/bucket/photos/a.jpg", b"x")
    dataset = ImageListDataset(filepath="memory://bucket/photos")
    assert dataset.exists()
    assert dataset.load()["img_name"].tolist() == ["a.jpg"]
    assert not ImageListDataset(filepath="memory://bucket/gone").exists()
    bucket.rm("/bucket", recursive=True)
