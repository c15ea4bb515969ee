"""Where labels lie: a file, a folder, nothing; what is absent is explained."""

import pytest
from kedro.io import DatasetError

from face_forgery.data.labels.readers import LabelFile, LabelFolder, LabelSets
from face_forgery.datasets.labels import LabelsDataset


def make_dataset(root, labels):
    return LabelsDataset(root=str(root), labels=labels, parameter="data.train_labels")


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


def test_a_folder_loads_with_the_label_files_of_its_layout_alone(tmp_path):
    for name in ("original_sequences/youtube/c23/frames/000/0.png", "train.json", "notes.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"[]")
    folder = make_dataset(tmp_path, ".").load()
    assert folder.texts == {"train.json": b"[]"}
    assert len(folder.names) == 3
    classes = LabelsDataset(
        root=str(tmp_path), labels=".", parameter="data.train_labels", layout="class_folders"
    )
    assert classes.load().texts == {}


def test_a_label_file_in_json_loads_with_the_names_of_the_images(tmp_path):
    (tmp_path / "rgb/a").mkdir(parents=True)
    (tmp_path / "rgb/a/0.png").touch()
    (tmp_path / "set.json").write_bytes(b"{}")
    dataset = LabelsDataset(
        root=str(tmp_path), labels="set.json", images="rgb", parameter="data.train_labels"
    )
    file = str(tmp_path / "set.json")
    assert dataset.load() == LabelFolder(file, ("a/0.png",), {"set.json": b"{}"})


def test_sets_load_in_place_of_labels(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"x")
    (tmp_path / "b/real").mkdir(parents=True)
    sets = [{"name": n, "labels": f, "images": "b"} for n, f in (("a", "a.csv"), ("b", "b"))]
    dataset = LabelsDataset(
        root=str(tmp_path), labels="not there", sets=sets, parameter="data.train_labels"
    )
    assert dataset.exists()
    assert dataset.load() == LabelSets(
        {"a": LabelFile(str(tmp_path / "a.csv"), b"x"), "b": LabelFolder(str(tmp_path / "b"), ())}
    )


def test_label_files_that_are_too_many_or_too_large_are_refused_unread(tmp_path, monkeypatch):
    for part in range(3):
        (tmp_path / f"part_{part}").mkdir()
        (tmp_path / f"part_{part}/metadata.json").write_bytes(b"{}" * 10)
    monkeypatch.setattr("face_forgery.datasets.labels.MAX_LABEL_BYTES", 10)
    with pytest.raises(DatasetError, match=r"metadata\.json: a label file of more than 10 bytes"):
        make_dataset(tmp_path, ".").load()
    monkeypatch.setattr("face_forgery.datasets.labels.MAX_LABEL_FILES", 2)
    with pytest.raises(DatasetError, match="3 label files, more than the 2 that are read"):
        make_dataset(tmp_path, ".").load()


@pytest.mark.parametrize(
    ("there", "near"),
    [
        (("train_label.txt", "notes.md"), "similar: train_label.txt"),
        ((), "it holds no .txt, .csv or .tsv"),
    ],
)
def test_a_missing_file_is_explained_by_what_is_beside_it(tmp_path, there, near):
    for name in there:
        (tmp_path / name).touch()
    message = rf"trainset_label.txt: no such label file .*\({near}\); set data.train_labels"
    with pytest.raises(DatasetError, match=message):
        make_dataset(tmp_path, "trainset_label.txt").load()
