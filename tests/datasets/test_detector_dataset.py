"""The detector's folder is whole or not there, and only a detector is ever replaced."""

import json
from pathlib import Path

import pytest
from kedro.io import DatasetError

from face_forgery.datasets import detector as module
from face_forgery.datasets.detector import DetectorDataset, FilesDataset
from face_forgery.modeling.detector import DetectorError


class Killed(BaseException):
    """Stands for a signal that ends the process."""


@pytest.fixture
def dataset(tmp_path):
    return DetectorDataset(filepath=str(tmp_path / "models" / "detector"))


def epoch_on_disk(dataset: DetectorDataset) -> int:
    return DetectorDataset(filepath=str(dataset._filepath)).load().epoch


def test_files_that_belong_together_are_replaced_together(tmp_path, monkeypatch):
    files = FilesDataset(filepath=str(tmp_path / "openvino"))
    files.save({"detector.xml": b"old", "detector.bin": b"old", "other": b""})
    newer = {"detector.bin": b"new", "detector.xml": b"new"}
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            files.save(newer)
    assert files.load()["detector.bin"] == b"old"
    files.save(newer)
    assert files.load() == newer
    assert [path.name for path in tmp_path.iterdir()] == ["openvino"]


def test_the_newest_detector_replaces_the_one_before_and_what_a_killed_run_left(
    dataset, make_detector
):
    for epoch in (1, 2):
        dataset._staged.mkdir(parents=True)
        (dataset._staged / "model.safetensors").write_bytes(b"half")
        dataset.save(make_detector(epoch=epoch))
    assert epoch_on_disk(dataset) == 2
    assert [path.name for path in dataset._filepath.parent.iterdir()] == ["detector"]
    shown = json.loads(dataset.preview())
    assert shown["architecture"] == "test_resnet"
    assert "weights" not in shown


@pytest.mark.parametrize(("renames_before_death", "epoch"), [(0, 1), (1, 1), (2, 2)])
def test_a_run_killed_while_exchanging_folders_leaves_a_whole_detector(
    dataset, make_detector, monkeypatch, renames_before_death, epoch
):
    dataset.save(make_detector(epoch=1))
    rename, done = Path.rename, []

    def rename_or_die(self, target):
        if len(done) == renames_before_death:
            raise Killed
        done.append(target)
        return rename(self, target)

    def remove_or_die(folder, ignore_errors=False):
        if len(done) == renames_before_death:
            raise Killed

    with monkeypatch.context() as patches:
        patches.setattr(Path, "rename", rename_or_die)
        patches.setattr(module.shutil, "rmtree", remove_or_die)
        with pytest.raises(Killed):
            dataset.save(make_detector(epoch=2))
    assert dataset.exists()
    assert epoch_on_disk(dataset) == epoch

    dataset.save(make_detector(epoch=3))
    assert epoch_on_disk(dataset) == 3
    assert [path.name for path in dataset._filepath.parent.iterdir()] == ["detector"]


def test_a_detector_that_is_exchanged_while_it_is_read_is_read_again(
    dataset, make_detector, monkeypatch
):
    dataset.save(make_detector(epoch=1))
    read = module.read_detector
    reads = []

    def read_slowly(folder):
        reads.append(folder)
        if len(reads) == 1:
            DetectorDataset(filepath=str(dataset._filepath)).save(make_detector(epoch=2))
            raise DetectorError("the content is not what meta.json says")
        return read(folder)

    monkeypatch.setattr(module, "read_detector", read_slowly)
    assert dataset.load().epoch == 2


def test_reading_between_the_renames_does_not_disturb_the_writer(
    dataset, make_detector, monkeypatch
):
    dataset.save(make_detector(epoch=1))
    rename, read_epochs = Path.rename, []

    def rename_and_read(self, target):
        if self.name == ".detector.new":
            with monkeypatch.context() as patches:
                patches.setattr(module.DetectorDataset, "_restore", lambda self: None)
                read_epochs.append(epoch_on_disk(dataset))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_and_read)
    dataset.save(make_detector(epoch=2))
    assert (read_epochs, epoch_on_disk(dataset)) == ([1], 2)


def test_a_failure_while_writing_keeps_the_detector_before(dataset, make_detector, monkeypatch):
    dataset.save(make_detector(epoch=1))

    def fill_the_disk(detector, folder):
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_detector", fill_the_disk)
    with pytest.raises(DatasetError, match="No space left on device"):
        dataset.save(make_detector(epoch=2))
    assert epoch_on_disk(dataset) == 1
    assert [path.name for path in dataset._filepath.parent.iterdir()] == ["detector"]


def test_a_folder_of_other_files_or_a_file_is_not_deleted(dataset, make_detector):
    dataset._filepath.mkdir(parents=True)
    thesis = dataset._filepath / "thesis.docx"
    thesis.write_bytes(b"years of work")
    with pytest.raises(DatasetError, match=r"1 file\(s\) and none is a detector's"):
        dataset.save(make_detector())
    assert thesis.read_bytes() == b"years of work"
    with pytest.raises(DatasetError, match="a file lies where"):
        DetectorDataset(filepath=str(thesis)).save(make_detector())


def test_without_a_detector_the_error_names_the_command(dataset):
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"no detector yet; train one .pipelines training and"):
        dataset.load()
