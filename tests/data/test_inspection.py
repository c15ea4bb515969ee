"""Every image file is described once; an unusable one has a reason and stops nothing."""

import hashlib

import pandas as pd
import pytest
from PIL import ExifTags, Image

from face_forgery.data.inspection import (
    IMAGE_FACT_COLUMNS,
    REJECTED_COLUMNS,
    inspect_table,
    list_unusable,
)
from face_forgery.data.manifest import LABEL_COLUMNS, ManifestError


def make_table(*names, subset="train"):
    values = {
        "subset": subset,
        "row": range(len(names)),
        "img_name": names,
        "path": [f"images/{name}" for name in names],
        "target": 0,
        "group": names,
        "kind": "real",
        "source": "drawn",
    }
    return pd.DataFrame(values).astype(LABEL_COLUMNS)


def inspect(root, *names, num_workers=0):
    folders = {"train": "images"}
    return inspect_table(
        make_table(*names), root=root, image_folders=folders, num_workers=num_workers
    )


def test_facts_are_those_of_the_file(image_folder, draw):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 8
    path = image_folder / "images" / "turned.jpg"
    draw(0).resize((96, 64)).save(path, exif=exif, quality=83)
    facts = inspect(image_folder, "turned.jpg")
    assert {name: str(dtype) for name, dtype in facts.dtypes.items()} == IMAGE_FACT_COLUMNS
    (row,) = facts.to_dict("records")
    assert (row["width"], row["height"], row["format"]) == (64, 96, "JPEG")
    assert (row["num_bytes"], row["jpeg_quality"]) == (path.stat().st_size, 83)
    assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (row["status"], row["detail"]) == ("ok", "")


def test_unusable_images_are_listed_with_their_reasons(image_folder):
    folder = image_folder / "images"
    whole = (folder / "000.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no picture")
    (folder / "folder.jpg").mkdir()
    Image.new("1", (12_000, 12_000)).save(folder / "bomb.png")
    names = ["cut.jpg", "empty.jpg", "text.jpg", "folder.jpg", "bomb.png", "gone.jpg", "001.jpg"]
    rejected = list_unusable(inspect(image_folder, *names))
    assert list(rejected.columns) == list(REJECTED_COLUMNS)
    assert list(rejected["img_name"]) == names[:-1]
    assert list(rejected["status"]) == ["unreadable"] * 4 + ["too_large", "missing"]
    for detail, reason in zip(
        rejected["detail"],
        ["truncated", "empty", "not a picture", "a folder", "pixels", "no such file"],
        strict=True,
    ):
        assert reason in detail


def test_threads_do_not_change_the_facts_or_their_order(image_folder):
    names = [f"{number % 8:03}.jpg" for number in range(200)]
    table = make_table(*names)
    facts = [
        inspect_table(table, root=image_folder, image_folders={"train": "images"}, num_workers=n)
        for n in (0, 3)
    ]
    pd.testing.assert_frame_equal(*facts)


def test_links_within_the_image_folder_are_followed(image_folder):
    (image_folder / "images" / "link.jpg").symlink_to(image_folder / "images" / "000.jpg")
    assert list(inspect(image_folder, "link.jpg")["status"]) == ["ok"]


def test_an_image_folder_may_be_a_link_itself(image_folder):
    (image_folder / "images").rename(image_folder / "elsewhere")
    (image_folder / "images").symlink_to(image_folder / "elsewhere")
    assert list(inspect(image_folder, "000.jpg")["status"]) == ["ok"]


def test_a_file_link_that_leads_out_is_refused_with_its_row(image_folder, tmp_path_factory, draw):
    outside = tmp_path_factory.mktemp("outside") / "secret.jpg"
    draw(0).save(outside)
    (image_folder / "images" / "link.jpg").symlink_to(outside)
    with pytest.raises(
        ManifestError, match=r"1 of 2 images .* lead out .*train row 1 \(link.jpg\)"
    ):
        inspect(image_folder, "000.jpg", "link.jpg")


def test_a_folder_link_that_leads_out_is_refused(image_folder, tmp_path_factory, draw):
    outside = tmp_path_factory.mktemp("outside")
    draw(0).save(outside / "secret.jpg")
    (image_folder / "images" / "sub").symlink_to(outside)
    with pytest.raises(ManifestError, match="lead out of their image folder"):
        inspect(image_folder, "sub/secret.jpg")


def test_a_folder_that_has_become_a_link_since_the_last_inspection_is_refused(
    image_folder, tmp_path_factory, draw
):
    folder = image_folder / "images" / "sub"
    folder.mkdir()
    draw(0).save(folder / "a.jpg")
    inspect(image_folder, "sub/a.jpg")
    outside = tmp_path_factory.mktemp("outside") / "sub"
    folder.rename(outside)
    folder.symlink_to(outside)
    with pytest.raises(ManifestError, match="lead out"):
        inspect(image_folder, "sub/a.jpg")


def test_a_sibling_folder_of_similar_name_is_outside(image_folder, draw):
    (image_folder / "images2").mkdir()
    draw(0).save(image_folder / "images2" / "a.jpg")
    (image_folder / "images" / "link.jpg").symlink_to(image_folder / "images2" / "a.jpg")
    with pytest.raises(ManifestError, match="lead out"):
        inspect(image_folder, "link.jpg")


def test_a_missing_image_folder_is_one_error_and_not_a_list_of_missing_images(tmp_path):
    with pytest.raises(ManifestError, match=r"images does not exist .*data.train_images=images"):
        inspect(tmp_path, "000.jpg")
