"""A drawn set on disk."""

import pandas as pd
import pytest
from kedro.io import DatasetError

from face_forgery.datasets.image_set import ImageSetDataset
from face_forgery.forgery.made_images import MadeImage
from face_forgery.forgery.rendering.demo_set import plan_row


def rows(subset, start, stop, seed=0):
    return [made(seed, subset, row, f"image {row}".encode()) for row in range(start, stop)]


def made(seed, subset, row, content):
    plan = plan_row(seed, subset, row)
    columns = (plan.img_name, plan.target, plan.group, plan.kind, plan.source)
    return MadeImage(subset, *columns, content)


def images(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*.jpg")}


def test_batches_add_up_to_one_set(tmp_path):
    dataset = ImageSetDataset(root=str(tmp_path / "drawn"))
    for batch in (rows("train", 0, 3), rows("train", 3, 5), rows("val", 0, 2), rows("test", 0, 2)):
        dataset.save(batch)
    table = dataset.load()
    assert table["subset"].tolist() == ["train"] * 5 + ["val"] * 2 + ["test"] * 2
    assert images(tmp_path / "drawn") == {
        f"{subset}set/{name}"
        for subset, name in zip(table["subset"], table["img_name"], strict=True)
    }
    preview = dataset.preview(nrows=3)
    assert preview["columns"][:3] == ["subset", "img_name", "target"]
    assert len(preview["data"]) == 3
    first = plan_row(0, "train", 0)
    assert (tmp_path / "drawn/trainset" / first.img_name).read_bytes() == b"image 0"


def test_label_files_are_the_challenges_with_more_columns(tmp_path):
    dataset = ImageSetDataset(root=str(tmp_path))
    dataset.save(rows("train", 0, 4) + rows("test", 0, 2))
    labels = pd.read_csv(tmp_path / "trainset_label.txt")
    assert list(labels.columns) == ["img_name", "target", "group", "kind", "source"]
    assert labels["target"].tolist() == [plan_row(0, "train", row).target for row in range(4)]
    assert (labels["source"] == "drawn").all()
    assert b"\r" not in (tmp_path / "trainset_label.txt").read_bytes()
    unlabelled = (tmp_path / "testset_nolabel.txt").read_text().splitlines()
    assert unlabelled == ["img_name", *(plan_row(0, "test", row).img_name for row in range(2))]


def test_images_are_written_before_the_rows_that_name_them(tmp_path):
    dataset = ImageSetDataset(root=str(tmp_path))
    broken = [*rows("train", 0, 2), made(0, "train", 2, None)]
    with pytest.raises(DatasetError):
        dataset.save(broken)
    assert not (tmp_path / "trainset_label.txt").exists()


def test_drawing_again_replaces_the_older_set(tmp_path):
    first = ImageSetDataset(root=str(tmp_path))
    first.save(rows("train", 0, 5, seed=1))
    first.save(rows("val", 0, 5, seed=1))
    ImageSetDataset(root=str(tmp_path)).save(rows("train", 0, 2, seed=2))
    names = {plan_row(2, "train", row).img_name for row in range(2)}
    assert images(tmp_path) == {f"trainset/{name}" for name in names}
    assert set(ImageSetDataset(root=str(tmp_path)).load()["img_name"]) == names


@pytest.mark.parametrize("name", ["notes.txt", "trainset_label.txt", "trainset/me.jpg"])
def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(DatasetError, match=r"demo_data has not written: .*Set demo_data\.root"):
        ImageSetDataset(root=str(tmp_path)).save(rows("train", 0, 2))
    assert (tmp_path / name).read_text() == "mine"
    assert not images(tmp_path) - {"trainset/me.jpg"}


def test_a_drawn_set_with_a_photograph_in_it_is_refused(tmp_path):
    ImageSetDataset(root=str(tmp_path)).save(rows("train", 0, 2))
    for number in range(5):
        (tmp_path / "trainset" / f"photo{number}.jpg").write_text("mine")
    with pytest.raises(DatasetError, match=r"5 file\(s\) .*photo0.jpg, .*photo2.jpg, \.\.\."):
        ImageSetDataset(root=str(tmp_path)).save(rows("train", 0, 2))
    assert (tmp_path / "trainset/photo0.jpg").exists()


def test_a_file_in_place_of_the_folder_is_refused_and_loading_nothing_says_how_to_draw(tmp_path):
    (tmp_path / "root").write_text("mine")
    with pytest.raises(DatasetError, match="demo_data has not written"):
        ImageSetDataset(root=str(tmp_path / "root")).save(rows("train", 0, 2))
    with pytest.raises(DatasetError, match="kedro run --pipelines demo_data"):
        ImageSetDataset(root=str(tmp_path)).load()
