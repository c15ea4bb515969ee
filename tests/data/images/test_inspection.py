"""Every image file is described once; an unusable one has a reason and stops nothing."""

import hashlib
import os
import time

import pandas as pd
import pytest
from PIL import ExifTags, Image

from face_forgery.data.images import inspection
from face_forgery.data.images.decoding import read_header
from face_forgery.data.images.inspection import (
    IMAGE_FACT_COLUMNS,
    inspect_image,
    inspect_table,
)
from face_forgery.data.labels.manifest import LABEL_COLUMNS, ManifestError


def make_table(*names):
    values = {
        "subset": "train",
        "row": range(len(names)),
        "img_name": names,
        "path": [f"images/{name}" for name in names],
        "target": 0,
        "group": names,
        "kind": "real",
        "source": "drawn",
        "video": None,
        "frame": None,
    }
    return pd.DataFrame(values).astype(LABEL_COLUMNS)


def inspect(root, *names, **how):
    folders = {"train": "images"}
    return inspect_table(make_table(*names), root=root, image_folders=folders, num_workers=0, **how)


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


@pytest.fixture
def settled(monkeypatch):
    monkeypatch.setattr("face_forgery.data.images.inspection._UNSETTLED_NS", 0)


@pytest.fixture
def opened(monkeypatch):
    """Return a list that grows by the name of each file that is opened."""
    names = []

    def inspect_and_note(path, **options):
        names.append(path.name)
        return inspect_image(path, **options)

    monkeypatch.setattr("face_forgery.data.images.inspection.inspect_image", inspect_and_note)
    return names


@pytest.mark.usefixtures("settled")
def test_known_files_are_not_opened_and_rows_may_move(image_folder, opened):
    known = inspect(image_folder, "000.jpg", "001.jpg")
    opened.clear()
    facts = inspect(image_folder, "002.jpg", "001.jpg", "000.jpg", known=known)
    assert opened == ["002.jpg"]
    expected = inspect(image_folder, "002.jpg", "001.jpg", "000.jpg")
    pd.testing.assert_frame_equal(facts, expected)


@pytest.mark.usefixtures("settled")
def test_another_content_of_the_same_size_and_date_is_seen(image_folder, opened):
    path = image_folder / "images" / "000.jpg"
    known = inspect(image_folder, "000.jpg")
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    time.sleep(0.05)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    opened.clear()
    facts = inspect(image_folder, "000.jpg", known=known)
    assert opened == ["000.jpg"]
    assert facts["sha256"][0] == hashlib.sha256(content).hexdigest()


@pytest.mark.usefixtures("settled")
def test_a_file_that_was_unusable_and_facts_of_another_version_are_tried_again(
    image_folder, opened
):
    (image_folder / "images" / "text.jpg").write_text("no image")
    names = ["text.jpg", "gone.jpg", "000.jpg"]
    known = inspect(image_folder, *names)
    inspect(image_folder, *names, known=known)
    inspect(image_folder, *names, known=known.drop(columns="jpeg_quality"))
    assert opened == [*names, "text.jpg", "gone.jpg", *names]


def test_a_file_that_has_just_changed_is_not_trusted_next_time(image_folder, opened):
    (image_folder / "images" / "000.jpg").touch()
    known = inspect(image_folder, "000.jpg")
    inspect(image_folder, "000.jpg", known=known)
    assert opened == ["000.jpg"] * 2


@pytest.mark.usefixtures("settled")
def test_what_only_the_headers_vouch_for_is_decoded_when_pixels_are_asked_for(image_folder, opened):
    by_header = inspect(image_folder, "000.jpg", check="headers")
    by_pixels = inspect(image_folder, "000.jpg", known=by_header)
    inspect(image_folder, "000.jpg", known=by_header, check="headers")
    still_by_pixels = inspect(image_folder, "000.jpg", known=by_pixels, check="headers")
    assert opened == ["000.jpg"] * 2
    assert list(still_by_pixels["checked"]) == ["pixels"]


@pytest.fixture
def every_kind(image_folder, draw):
    """Fill the image folder with files of every kind; return their names."""
    folder = image_folder / "images"
    sideways = Image.Exif()
    sideways[ExifTags.Base.Orientation] = 6
    image = draw(0).resize((96, 64))
    image.save(folder / "turned.jpg", exif=sideways, quality=70)
    image.save(folder / "turned.png", exif=sideways)
    image.save(folder / "plain.png")
    image.save(folder / "progressive.jpg", progressive=True)
    image.save(folder / "image.webp")
    whole = (folder / "progressive.jpg").read_bytes()
    (folder / "tail.jpg").write_bytes(whole + b"behind the end")
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    png = (folder / "plain.png").read_bytes()
    (folder / "cut.png").write_bytes(png[: len(png) // 2])
    (folder / "ends_well.jpg").write_bytes(b"no image\xff\xd9")
    (folder / "empty.jpg").touch()
    Image.new("1", (12_000, 12_000)).save(folder / "bomb.png")
    return [*sorted(path.name for path in folder.iterdir()), "gone.jpg"]


def test_headers_say_what_pixels_say(image_folder, every_kind):
    by_pixels, by_header = (
        inspect(image_folder, *every_kind, check=check).drop(columns="checked")
        for check in ("pixels", "headers")
    )
    assert set(by_pixels["status"]) == {"ok", "unreadable", "missing", "too_large"}
    pd.testing.assert_frame_equal(by_header, by_pixels)


def test_whole_jpegs_and_pngs_are_not_decoded_for_their_headers(image_folder, every_kind):
    decoded = [
        name
        for name in every_kind[:-1]
        if read_header((image_folder / "images" / name).read_bytes()) is None
    ]
    in_doubt = ["bomb.png", "cut.jpg", "cut.png", "empty.jpg", "ends_well.jpg"]
    assert decoded == [*in_doubt, "image.webp", "tail.jpg", "turned.png"]


def test_a_large_file_is_not_held_in_memory_for_its_header(image_folder, monkeypatch):
    def refuse(data):
        raise AssertionError(f"{len(data)} bytes were held")

    monkeypatch.setattr(inspection, "_MAX_HEADER_BYTES", 10)
    monkeypatch.setattr(inspection, "read_header", refuse)
    facts = inspection.inspect_image(image_folder / "images/000.jpg", check="headers")
    assert facts.status == "ok"


def test_links_within_the_image_folder_and_to_it_are_followed(image_folder):
    (image_folder / "images").rename(image_folder / "elsewhere")
    (image_folder / "images").symlink_to(image_folder / "elsewhere")
    (image_folder / "images" / "link.jpg").symlink_to("000.jpg")
    assert list(inspect(image_folder, "link.jpg", "000.jpg")["status"]) == ["ok", "ok"]


def link_a_folder(images, outside):
    (images / "link").symlink_to(outside)


def link_a_sibling_of_similar_name(images, outside):
    sibling = images.parent / "images2"
    outside.rename(sibling)
    (images / "link.jpg").symlink_to(sibling / "a.jpg")


def link_a_folder_that_was_inspected(images, outside):
    (images / "link").mkdir()
    (outside / "a.jpg").rename(images / "link" / "a.jpg")
    inspect(images.parent, "link/a.jpg")
    (images / "link").rename(outside / "moved")
    (images / "link").symlink_to(outside / "moved")


@pytest.mark.parametrize(
    ("link", "name"),
    [
        (link_a_folder, "link/a.jpg"),
        (link_a_sibling_of_similar_name, "link.jpg"),
        (link_a_folder_that_was_inspected, "link/a.jpg"),
    ],
)
def test_a_link_that_leads_out_is_refused_with_its_row(
    image_folder, tmp_path_factory, draw, link, name
):
    outside = tmp_path_factory.mktemp("outside") / "folder"
    outside.mkdir()
    draw(0).save(outside / "a.jpg")
    link(image_folder / "images", outside)
    with pytest.raises(ManifestError, match=rf"1 of 2 images .* lead out .*train row 1 \({name}\)"):
        inspect(image_folder, "000.jpg", name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("007.png", "007.jpg is there: do the names lack their ending, or have another one?"),
        ("007.JPG", "007.jpg is there: is the case of the letters another one?"),
        ("images/007.jpg", "007.jpg is there: do the names have a folder too many or too few?"),
        ("images/007", "007.jpg is there: are folder and ending others?"),
        ("7.0", "007.jpg is there: have leading zeros or the ending got lost?"),
        ("other.jpg", None),
    ],
)
def test_a_missing_file_is_told_with_its_folder_and_the_file_of_nearly_its_name(
    image_folder, name, said
):
    (image_folder / "images/deep").mkdir()
    (image_folder / "images/deep/b.png").touch()
    facts = inspect(image_folder, "000.jpg", name)
    where = f"no such file in {image_folder / 'images'}"
    assert list(facts["status"]) == ["ok", "missing"]
    assert facts["detail"][1].startswith(f"{where}; {said}" if said else where)


def test_links_may_lead_into_the_folder_that_is_named_and_into_no_other(image_folder, draw):
    (image_folder / "blobs").mkdir()
    draw(0).save(image_folder / "blobs/a1b2", "JPEG")
    (image_folder / "images/x.jpg").symlink_to("../blobs/a1b2")
    (image_folder / "images/folder").symlink_to("../blobs")
    names = ("x.jpg", "folder/a1b2")
    facts = inspect(image_folder, *names, links_into=str(image_folder / "blobs"))
    assert list(facts["status"]) == ["ok", "ok"]
    for other in (None, str(image_folder / "blob"), str(image_folder / "images")):
        with pytest.raises(ManifestError, match=r"2 of 2 images are links .*/blobs\. Copy .*links"):
            inspect(image_folder, *names, links_into=other)
