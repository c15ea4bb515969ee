"""Whatever a user points at becomes a table of images, or an error that says what was sought."""

import os
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest

from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.listing import LISTING_COLUMNS, list_images


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name in ("b.jpg", "a.PNG", "notes.txt", "trip/c.jpg", "trip/day 2/d", ".hidden.jpg"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "e.jpg").write_bytes(b"x")
    return folder


def names_of(location) -> list[str]:
    return list_images(Path(location))["img_name"].tolist()


def test_a_folder_gives_every_visible_file_below_it_and_dead_ends_in_order(photos):
    (photos / "trip" / "empty").mkdir()
    (photos / "only_hidden").mkdir()
    (photos / "only_hidden" / ".a.jpg").write_bytes(b"x")
    images = list_images(photos)
    expected = ["a.PNG", "b.jpg", "notes.txt", "only_hidden", "trip/c.jpg", "trip/day 2/d"]
    assert images["img_name"].tolist() == [*expected, "trip/empty"]
    assert images["path"].tolist()[:6] == [str(photos / name) for name in expected]
    empty = images["problem"] == "a folder with no file in it"
    assert images["img_name"][empty.fillna(False)].tolist() == ["only_hidden", "trip/empty"]
    assert images["problem"].isna().sum() == 5
    assert {name: str(kind) for name, kind in images.dtypes.items()} == LISTING_COLUMNS


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\rb.jpg", r"a\rb.jpg"),
        ("a\n=1.jpg", r"a\n=1.jpg"),
        ("\x1b[31m.jpg", r"\x1b[31m.jpg"),
        ("a\x85b.jpg", r"a\x85b.jpg"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2066x.jpg", r"\u2066x.jpg"),
        ("=cmd|'x'!A0.jpg", "./=cmd|'x'!A0.jpg"),
        ("+1.jpg", "./+1.jpg"),
        ("-1.jpg", "./-1.jpg"),
        ("@SUM(1).jpg", "./@SUM(1).jpg"),
        ("\t=1.jpg", r"\t=1.jpg"),
    ],
)
def test_a_name_neither_hides_anything_nor_is_a_formula(tmp_path, name, shown):
    (tmp_path / name).write_bytes(b"x")
    for location in (tmp_path, tmp_path / name, tmp_path / "*[xeb1)]*"):
        (row,) = list_images(location).to_dict("records")
        assert row["img_name"] == shown
        assert Path(row["path"]).read_bytes() == b"x"


def test_links_to_folders_are_followed_once(photos, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "z.jpg").write_bytes(b"x")
    (photos / "link").symlink_to(tmp_path / "elsewhere")
    (photos / "same").symlink_to(tmp_path / "elsewhere")
    (photos / "trip" / "loop").symlink_to(photos)
    assert [name for name in names_of(photos) if name.endswith("z.jpg")] == ["link/z.jpg"]
    assert len(names_of(photos)) == 6


def test_a_folder_that_cannot_be_listed_is_a_row_with_a_reason(photos, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("trip"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root, who runs containers, may list anything
    images = list_images(photos).set_index("img_name")
    assert images.loc["trip", "problem"] == "a folder that cannot be listed: Permission denied"
    assert "b.jpg" in images.index


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_file_name_that_is_no_text_is_shown_escaped_and_still_found(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    (tmp_path / name).write_bytes(b"x")
    images = list_images(tmp_path)
    assert images["img_name"].tolist() == [r"caf\xe9.jpg"]
    assert Path(images["path"].iloc[0]).read_bytes() == b"x"


def test_a_folder_with_nothing_in_it_but_itself_is_an_error(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(InputError, match="photos: a folder with no file in it"):
        list_images(tmp_path / "photos")
    (tmp_path / "photos" / "self").symlink_to(tmp_path / "photos")
    with pytest.raises(InputError, match="photos: a folder with no file in it"):
        list_images(tmp_path / "photos")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["b.jpg"]),
        ("**/*.jpg", ["b.jpg", "trip/c.jpg"]),
        ("tr?p/**/*", ["trip/c.jpg", "trip/day 2/d"]),
        ("trip/*", ["c.jpg"]),
        ("[ab].*", ["a.PNG", "b.jpg"]),
        ("trip/c.jpg", ["c.jpg"]),
        ("../[2024]", ["e.jpg"]),  # a folder of that name
    ],
)
def test_a_pattern_gives_the_files_that_match_and_a_name_one_file(photos, pattern, expected):
    (photos / ".cache").rename(photos.parent / "[2024]")
    assert names_of(photos / pattern) == expected


@pytest.mark.parametrize(
    ("file_name", "text"),
    [
        ("list.csv", "img_name,target\nb.jpg,1\ntrip/c.jpg,0\n"),
        ("list.csv", "\ufeffimg_name\r\nb.jpg\r\ntrip/c.jpg\r\n\r\n"),
        ("list.CSV", "id,img_name\n1, b.jpg \n2,trip/c.jpg"),
        ("list.tsv", "img_name\tnote\nb.jpg\tx\ntrip/c.jpg\ty, z\n"),
        ("list.txt", "img_name\nb.jpg\ntrip/c.jpg\n"),
    ],
)
def test_a_table_gives_its_rows_in_its_order(photos, file_name, text):
    (photos / file_name).write_bytes(text.encode())
    images = list_images(photos / file_name)
    assert images["img_name"].tolist() == ["b.jpg", "trip/c.jpg"]
    assert images["path"].tolist() == [str(photos / "b.jpg"), str(photos / "trip/c.jpg")]


def test_a_table_keeps_absolute_paths_and_odd_and_repeated_names(photos, tmp_path):
    names = [str(photos / "b.jpg"), "NA", "007", "no,comma.jpg", "NA", "-1.jpg", "=2.jpg"]
    pd.DataFrame({"img_name": names}).to_csv(tmp_path / "list.csv", index=False)
    images = list_images(tmp_path / "list.csv")
    assert images["img_name"].tolist() == names
    assert images["path"].iloc[0] == str(photos / "b.jpg")


@pytest.mark.parametrize(
    "name",
    [
        "reference://x.jpg::file:///srv/map.json",
        "zip://x.jpg::https://host/a.zip",
        "github://owner:repository@main/x.jpg",
        "smb://host/x.jpg",
        "https://host/x.jpg::file:///srv/x",
        "REFERENCE://x.jpg",
    ],
)
def test_a_table_may_not_name_what_would_be_interpreted_or_connected_to(tmp_path, name):
    (tmp_path / "list.csv").write_text(f"img_name\n{name}\nb.jpg\nHTTPS://host/c.jpg\n")
    local = list_images(tmp_path / "list.csv")
    remote = list_images((tmp_path / "list.csv").as_uri())
    for images in (local, remote):
        assert images["img_name"].tolist() == [name, "b.jpg", "HTTPS://host/c.jpg"]
        assert "not of this kind" in images["problem"][0]
        assert images["problem"].isna().tolist() == [False, True, True]


def test_names_that_lead_out_of_the_folder_of_a_table_are_mentioned(photos, tmp_path, caplog):
    (photos / "list.csv").write_text("img_name\na.jpg\nx/../b.jpg\n../c.jpg\n/etc/d.jpg\n")
    list_images(photos / "list.csv")
    assert "2 of 4 names lead out of its folder, the first to '../c.jpg'" in caplog.text
    caplog.clear()
    (photos / "list.csv").write_text("img_name\na.jpg\ns3://bucket/b.jpg\n")
    list_images(photos / "list.csv")
    assert caplog.text == ""


def test_litter_of_file_managers_is_left_out_and_that_is_said(tmp_path, caplog):
    caplog.set_level("INFO")
    for name in ("a.jpg", "Thumbs.db", "x/desktop.ini", "x/._a.jpg", "__MACOSX/a.jpg", ".DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files = list_images(tmp_path)
    assert list(files["img_name"]) == ["a.jpg", "x"]  # the second: a folder with no file in it
    assert "5 hidden or system file(s) left out: .DS_Store, ._a.jpg, Thumbs.db" in caplog.text


@pytest.mark.parametrize("name", ["photos.zip", "list.csv", "list.xlsx"])
def test_an_archive_or_a_workbook_is_called_by_its_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(30))
    with pytest.raises(InputError, match=rf"{name}: a ZIP archive, not a folder, .*; unpack it"):
        list_images(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("img_name" + ",a" * 600_000 + "\nx\n", "line 1 has 1,048,576 characters or more"),
        ("img_name" + "," * 100_000 + "\nx\n", "100,001 columns, more than the 1,000"),
        ("img_name,b\n" + "x\n" * 200_000, "200000 of 200000 rows .* first: line 2, 3, 4[.]"),
        ("y" * 100_000 + ",\x1b[31m\n", "no column 'img_name'; .* ..yyy"),
        ("img_name,img_name" + ",\u202e" * 900 + "\n", "twice: .* and 892 more"),
        ("img_name\na\0b\n", "line 2 holds a NUL byte"),
    ],
)
def test_a_table_that_is_refused_costs_little_and_is_named_in_a_printable_line(
    tmp_path, text, message
):
    (tmp_path / "list.csv").write_text(text)
    tracemalloc.start()
    with pytest.raises(InputError, match=message) as refused:
        list_images(tmp_path / "list.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1000
    assert peak < 2**24
