"""Images at URLs: listed and read as those on a disk are."""

import fsspec
import numpy as np
import pytest
from fsspec.registry import known_implementations

from face_forgery.data.images import remote
from face_forgery.data.images.decoding import ImageError, InputError, read_rgb
from face_forgery.data.images.listing import LISTING_COLUMNS, list_images
from face_forgery.data.images.remote import read_rgb_at


@pytest.fixture
def bucket():
    """A bucket in memory with files of one byte."""
    system = fsspec.filesystem("memory")
    for name in ("b.jpg", "a.PNG", "trip/c.jpg", "trip/.hidden.jpg", ".cache/d.jpg", "täuschung"):
        system.pipe_file(f"/bucket/photos/{name}", b"x")
    yield system
    system.rm("/bucket", recursive=True)


def names_at(url):
    return list_images(url)["img_name"].tolist()


def test_a_folder_at_a_url_is_listed_as_one_on_a_disk(bucket):
    images = list_images("memory://bucket/photos/")
    assert images["img_name"].tolist() == ["a.PNG", "b.jpg", "trip/c.jpg", "täuschung"]
    assert images["path"].iloc[2] == "memory:///bucket/photos/trip/c.jpg"
    assert images["problem"].isna().all()
    assert {name: str(kind) for name, kind in images.dtypes.items()} == LISTING_COLUMNS


def test_a_pattern_and_one_file_at_a_url(bucket):
    assert names_at("memory://bucket/photos/**/*.jpg") == ["b.jpg", "trip/c.jpg"]
    assert names_at("memory://bucket/pho*/trip/*.jpg") == ["photos/trip/c.jpg"]
    assert names_at("memory://bucket/photos/b.jpg") == ["b.jpg"]
    bucket.pipe("/bucket/odd/=1+1.jpg", b"x")
    assert names_at("memory://bucket/odd") == ["./=1+1.jpg"]  # no formula


def test_a_table_at_a_url_names_files_beside_it_and_other_urls(bucket):
    table = "note,img_name\n1,photos/b.jpg\n2,s3://other/e.jpg\n3,/mnt/f.jpg\n"
    bucket.pipe_file("/bucket/list.csv", table.encode("utf-8-sig"))
    images = list_images("memory://bucket/list.csv")
    assert images["img_name"].tolist() == ["photos/b.jpg", "s3://other/e.jpg", "/mnt/f.jpg"]
    paths = ["memory:///bucket/photos/b.jpg", "s3://other/e.jpg", "/mnt/f.jpg"]
    assert images["path"].tolist() == paths


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memory://bucket/gone", "there is no such file or folder"),
        ("memory://bucket/photos/*.webp", "no file is there"),
        ("memory://bucket/list.csv", "no column 'img_name'"),
    ],
)
def test_nothing_at_a_url_is_an_error_that_names_it(bucket, url, message):
    bucket.pipe_file("/bucket/list.csv", b"name\na.jpg\n")
    with pytest.raises(InputError, match=message) as raised:
        list_images(url)
    assert url in str(raised.value)


def test_an_image_at_a_url_has_the_pixels_of_the_file(bucket, tmp_path, make_picture, encode):
    data = encode(make_picture())
    (tmp_path / "a.jpg").write_bytes(data)
    bucket.pipe_file("/bucket/a.jpg", data)
    pixels = read_rgb_at("memory://bucket/a.jpg")
    np.testing.assert_array_equal(pixels, read_rgb(tmp_path / "a.jpg"))
    np.testing.assert_array_equal(read_rgb_at((tmp_path / "a.jpg").as_uri()), pixels)
    np.testing.assert_array_equal(read_rgb_at(str(tmp_path / "a.jpg")), pixels)


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("gone.jpg", "missing", "no such file"),
        ("photos/b.jpg", "unreadable", "not an image in one of"),
        ("empty.jpg", "unreadable", "it is empty"),
    ],
)
def test_a_bad_image_at_a_url_has_the_status_of_a_bad_file(bucket, tmp_path, name, status, detail):
    bucket.pipe_file("/bucket/empty.jpg", b"")
    with pytest.raises(ImageError, match=f"memory://bucket/{name}: {detail}") as raised:
        read_rgb_at(f"memory://bucket/{name}")
    assert raised.value.status == status
    with pytest.raises(ImageError, match="a folder, not an image"):
        read_rgb_at(tmp_path.as_uri())


def test_more_bytes_than_an_image_can_have_are_not_read(bucket, monkeypatch):
    monkeypatch.setattr(remote, "MAX_DOWNLOAD", 100)
    bucket.pipe_file("/bucket/huge.jpg", b"x" * 1000)
    with pytest.raises(ImageError, match="more than 100 bytes") as raised:
        read_rgb_at("memory://bucket/huge.jpg")
    assert raised.value.status == "too_large"


def test_a_missing_library_is_named(monkeypatch):
    known = {"class": "no_such_package.FileSystem", "err": "install no_such_package"}
    monkeypatch.setitem(known_implementations, "protocol", known)
    with pytest.raises(InputError, match="install no_such_package; in the environment of every"):
        list_images("protocol://bucket/a.jpg")


@pytest.mark.parametrize("error", [ValueError, RuntimeError, ConnectionError])
def test_whatever_a_store_raises_for_one_image_is_its_status(bucket, monkeypatch, error):
    def fail(*arguments, **options):
        raise error("no answer from https://me:hunter2@host/")

    monkeypatch.setattr(type(bucket), "cat_file", fail)
    with pytest.raises(ImageError, match=r"cannot be read: .*https://\*\*\*@host") as raised:
        read_rgb_at("memory://bucket/photos/b.jpg")
    assert raised.value.status == "unreadable"
