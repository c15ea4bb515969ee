"""Where labels lie: a file, a folder, nothing; what is absent is explained."""

from pathlib import Path

import pytest

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import LabelFile, LabelFolder
from face_forgery.datasets.labels import LabelsDataset


def make_dataset(root, labels):
    return LabelsDataset(root=str(root), labels=labels, parameter="data.train_labels")


def load_or_cause(dataset):
    """Kedro wraps what a dataset raises; return the cause."""
    with pytest.raises(Exception, match="label") as caught:
        dataset.load()
    return caught.value.__cause__ or caught.value


def test_no_labels_load_as_none(tmp_path):
    assert make_dataset(tmp_path, None).load() is None


def test_a_file_loads_as_its_bytes(tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"a.jpg,0\r\n")
    assert make_dataset(tmp_path, "labels.txt").load() == LabelFile(
        str(tmp_path / "labels.txt"), b"a.jpg,0\r\n"
    )


def test_a_folder_loads_as_the_sorted_names_of_its_files_and_of_those_behind_links(tmp_path):
    for name in ("faces/real/b.jpg", "faces/real/deep/a.jpg", "blobs/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "faces/fake").symlink_to(tmp_path / "blobs")
    (tmp_path / "faces/real/again").symlink_to(tmp_path / "faces")
    assert make_dataset(tmp_path, "faces").load() == LabelFolder(
        str(tmp_path / "faces"), ("fake/c.png", "real/b.jpg", "real/deep/a.jpg")
    )


def test_a_missing_file_is_explained_by_the_other_spelling_beside_it(tmp_path):
    for name in ("train_label.txt", "val_label.txt", "notes.md"):
        (tmp_path / name).touch()
    error = load_or_cause(make_dataset(tmp_path, "trainset_label.txt"))
    assert "trainset_label.txt: no such label file" in str(error)
    assert "similar: train_label.txt" in str(error)
    assert "notes.md" not in str(error)
    assert "set data.train_labels" in str(error)


def test_a_missing_root_is_explained_with_the_place_it_is_relative_to():
    error = load_or_cause(make_dataset("no/such/root", "labels.txt"))
    assert "the folder data.root=no/such/root does not exist" in str(error)
    assert str(Path.cwd()) in str(error)


def test_an_empty_root_is_told(tmp_path):
    error = load_or_cause(make_dataset(tmp_path, "labels.txt"))
    assert isinstance(error, ManifestError)
    assert "it holds no .txt, .csv or .tsv" in str(error)
