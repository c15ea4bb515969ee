"""Packed sets become folders of images that ingestion reads, and their traps are met by name."""

import io
import json
import tarfile

import pyarrow as pa
import pytest
from pyarrow import parquet

from face_forgery.__main__ import main
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import read_sources
from face_forgery.data.packed import unpacking
from face_forgery.data.packed.samples import PackedError
from face_forgery.data.packed.unpacking import unpack_set
from face_forgery.datasets.labels import LabelsDataset

ClassLabel = {"names": ["fake", "real"], "_type": "ClassLabel"}


@pytest.fixture
def jpegs(make_picture, encode):
    return [encode(make_picture(seed)) for seed in range(4)]


@pytest.fixture
def write_parquet(tmp_path):
    """Name, columns, features of the hub's schema -> a shard below `packed`."""

    def write(name, columns, features=None, **options):
        table = pa.table(columns)
        if features is not None:
            described = json.dumps({"info": {"features": features}})
            table = table.replace_schema_metadata({"huggingface": described})
        path = tmp_path / "packed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, path, **options)
        return path

    return write


@pytest.fixture
def write_tar(tmp_path):
    """Name, members -> a shard below `packed`; a member is a name with bytes, or a TarInfo."""

    def write(name, *members):
        path = tmp_path / "packed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w") as archive:
            for member, data in members:
                if isinstance(member, str):
                    member = tarfile.TarInfo(member)
                    member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return path

    return write


@pytest.fixture
def unpack(tmp_path):
    def do(image=None):
        return list(unpack_set(tmp_path / "packed", tmp_path / "images", image))

    return do


@pytest.fixture
def ingest(tmp_path, make_params):
    """Read the unpacked set as training and official validation do; return rows and unlisted."""

    def read(*subsets, **changes):
        data = {f"data.{s}_labels": None for s in ("val", "test") if s not in subsets}
        for subset in subsets:
            data |= {f"data.{subset}_{what}": "images" for what in ("labels", "images")}
        params = make_params(**{"data.root": str(tmp_path)}, **data, **changes)
        source = LabelsDataset(root=str(tmp_path), labels="images", parameter="data.train_labels")
        return read_sources(dict.fromkeys(subsets, source.load()), params.data, params.ingestion)

    return read


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_tables_of_the_hub_are_unpacked_with_the_names_of_their_classes_and_their_splits(
    tmp_path, jpegs, write_parquet, unpack, ingest
):
    features = {"image": {"_type": "Image"}, "label": ClassLabel}
    for split in ("train", "validation"):
        columns = {
            "image": [
                {"bytes": data, "path": name} for data, name in zip(jpegs, PATHS, strict=True)
            ],
            "label": [0, 1, 1, -1],
            "video": ["a", "b", "b", "c"],
            "box": [[1, 2]] * 4,
        }
        write_parquet(f"data/{split}-00000-of-00001.parquet", columns, features)
    shards = unpack()
    assert [(one.num_samples, one.num_images, one.num_labelled) for one in shards] == [
        (4, 4, 3)
    ] * 2
    table, unlisted = ingest("train", "val")
    home = "data/train/train-00000-of-00001"
    assert list(table["img_name"][:3]) == [
        f"{home}/0000000_1.png", f"{home}/clips/b/0000001_2.jpg", f"{home}/0000002.jpg"
    ]  # fmt: skip
    assert list(table["target"]) == [1, 0, 0] * 2  # the number 0 means fake there
    assert list(table["subset"]) == ["train"] * 3 + ["val"] * 3
    assert set(table["video"]) == {"a", "b"}
    assert len(unlisted) == 2  # -1: nobody knows
    for name, data in zip(table["img_name"][:3], jpegs[:3], strict=True):
        assert (tmp_path / "images" / name).read_bytes() == data


PATHS = ["/home/me/faces/1.png", "clips/b/2.jpg", None, "..\\..\\etc\\a b.jpg"]


def test_plain_bytes_without_names_of_classes_ask_what_a_number_means(
    jpegs, write_parquet, unpack, ingest
):
    write_parquet("one.parquet", {"image": jpegs[:2], "label": [0, 1]})
    unpack()
    with pytest.raises(ManifestError, match=r"may mean either class: .'0', '1'.; say which"):
        ingest("train")
    table, _ = ingest("train", **{"ingestion.targets": {"0": 1, "1": 0}})
    assert list(table["target"]) == [1, 0]


def test_a_table_without_images_or_with_several_columns_of_them_is_asked_about(
    jpegs, write_parquet, unpack
):
    path = write_parquet("a.parquet", {"label": [1], "name": ["x"]})
    with pytest.raises(PackedError, match=r"nothing in it is an image; there are: label, name"):
        unpack()
    images = [{"bytes": jpegs[0], "path": "a"}]
    write_parquet("a.parquet", {"image": images, "mask": images, "target": ["real"]})
    with pytest.raises(PackedError, match="image, mask; say which: --image image"):
        unpack()
    with pytest.raises(PackedError, match=r"no face; there are: image, mask, target"):
        unpack("face")
    assert unpack("image")[0].num_labelled == 1
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PackedError, match=r"a\.parquet: a Parquet table that cannot be read"):
        unpack("image")
    write_parquet("a.parquet", {"image": images, "label": [7]}, {"label": ClassLabel})
    with pytest.raises(PackedError, match="7 in the column label, whose 2 classes are fake, real"):
        unpack()


def test_rows_without_bytes_are_left_out_and_listed(tmp_path, jpegs, write_parquet, unpack):
    images = [{"bytes": jpegs[0], "path": None}, {"bytes": None, "path": "elsewhere.jpg"}, None]
    write_parquet("a.parquet", {"image": images, "label": ["real", "fake", "fake"]})
    (shard,) = unpack()
    assert (shard.num_samples, shard.num_images, shard.num_left_out) == (3, 1, 2)
    assert "0000001_elsewhere.jpg: a row without image bytes" in shard.left_out
    assert (tmp_path / "images/a/left_out.csv").read_text().count("without image bytes") == 2


def test_samples_of_a_tar_are_unpacked_with_what_stands_beside_them(
    tmp_path, jpegs, write_tar, unpack, ingest
):
    write_tar(
        "train/0.tar",
        ("v1/a.jpg", jpegs[0]), ("v1/a.cls", b"0\n"),
        ("v1/b.JPG", jpegs[1]), ("v1/b.cls", b"1"),
        ("v1/b.json", b'{"label": "fake", "age": 3, "box": [1]}'),
        ("c.jpg", jpegs[2]), ("c.txt", b"two\nlines\x00,"), ("c.cls", b"1"),
        ("d.jpg", jpegs[3]),
        ("v1/.hidden", b""),
    )  # fmt: skip
    (shard,) = unpack()
    assert (shard.num_samples, shard.num_images, shard.num_labelled) == (5, 4, 3)
    table, unlisted = ingest("train", **{"ingestion.targets": {"0": 0, "1": 1, "fake": 1}})
    assert list(table["img_name"]) == [
        f"train/0/{name}" for name in ("v1/a.jpg", "v1/b.jpg", "c.jpg")
    ]
    assert list(table["target"]) == [0, 1, 1]
    assert list(table["txt"].fillna("")) == ["", "", "two lines ,"]
    assert list(table["cls"].fillna("")) == ["", "1", ""]
    assert list(unlisted["img_name"]) == ["train/0/d.jpg"]
    assert (tmp_path / "images/train/0/c.jpg").read_bytes() == jpegs[2]


def link(name, target="/etc/passwd", kind=tarfile.SYMTYPE):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


STRANGE = {  # members, of which none is unpacked -> what is said
    "parent": ([("../x.jpg", b"1")], "leads out"),
    "absolute": ([("/tmp/x.jpg", b"1")], "leads out"),
    "drive": ([("C:\\x.jpg", b"1")], "leads out"),
    "inner parent": ([("a/../../x.jpg", b"1")], "leads out"),
    "control": ([("x\x1b[2J.jpg", b"1")], "leads out"),
    "not UTF-8": ([("x\udcff.jpg", b"1")], "leads out"),
    "long": ([("x" * 300 + ".jpg", b"1")], "a name of more than 200 bytes"),
    "link": ([link("x.jpg")], "a link"),
    "hard link": ([link("x.jpg", "good.jpg", tarfile.LNKTYPE)], "a link"),
    "device": ([link("x.jpg", "", tarfile.CHRTYPE)], "a link, a device"),
    "link to a folder": ([link("x.d"), ("x/y.jpg", b"")], "a link"),
    "no ending": ([("README", b"1")], "without an ending"),
    "no image": ([("x.cls", b"1"), ("x.mask.png", b"1")], "no image beside cls, mask.png"),
    "twice": ([("x.jpg", b"1"), ("x.jpg", b"2")], "the key stands there twice"),
    "once more": ([("good.jpg", b"1")], "another image of the shard has its name"),
    "below a file": ([("good.jpg/x.jpg", b"1")], "another image of the shard has its name"),
    "json": ([("x.jpg", b"1"), ("x.json", b"{")], "is damaged"),
    "list": ([("x.jpg", b"1"), ("x.json", b"[1]")], "its json is no object"),
    "empty": ([("x.jpg", b"")], "an empty image"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_what_strangers_put_into_a_tar_is_left_out_by_name_and_nothing_lies_elsewhere(
    case, tmp_path, jpegs, write_tar, unpack
):
    members, said = STRANGE[case]
    write_tar("0.tar", ("good.jpg", jpegs[0]), ("good.cls", b"1"), ("z.cls", b"1"), *members)
    (shard,) = unpack()
    assert shard.num_images == 1
    assert said in shard.left_out
    assert files(tmp_path / "images") == [
        "0/good.jpg", "0/left_out.csv", "0/metadata.csv", "unpacked.csv"
    ]  # fmt: skip
    assert files(tmp_path) == [
        *(f"images/{name}" for name in files(tmp_path / "images")), "packed/0.tar"
    ]  # fmt: skip


def test_a_key_with_two_images_is_asked_about(tmp_path, jpegs, write_tar, unpack):
    write_tar("0.tar", ("a.jpg", jpegs[0]), ("a.png", jpegs[1]), ("a.cls", b"1"))
    with pytest.raises(PackedError, match=r"0\.tar, a: several may be the image: jpg, png; say"):
        unpack()
    unpack("png")
    assert (tmp_path / "images/0/a.png").read_bytes() == jpegs[1]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda data: data[: -2 * 512 - 10], "cannot be read"),  # within the last member
        (lambda data: data.rstrip(b"\0")[:-700], "cannot be read"),
        (lambda data: data[:1024] + b"\xff" * 512 + data[1536:], "damage lies before it"),
        (lambda data: b"\x1f\x8b" + data, "unpack it first if it is compressed"),
        (lambda data: b"", "cannot be read"),
    ],
)
def test_an_archive_that_is_cut_or_damaged_stops_and_leaves_no_half_shard(
    tmp_path, write_tar, unpack, harm, said
):
    path = write_tar("0.tar", ("a.jpg", b"1" * 500), ("b.jpg", b"2" * 500), ("c.jpg", b"3" * 500))
    whole = path.read_bytes()[:4096]  # the end is two blocks of zeros
    path.write_bytes(harm(whole))
    with pytest.raises(PackedError, match=said) as caught:
        unpack()
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "images/0").exists()
    path.write_bytes(whole)
    assert unpack()[0].num_images == 3


def test_what_is_too_large_is_not_written(tmp_path, write_tar, write_parquet, unpack, monkeypatch):
    monkeypatch.setattr("face_forgery.data.packed.tar_shards.MAX_PACKED_IMAGE", 100)
    write_tar("0.tar", ("a.jpg", b"1"), ("b.jpg", b"2" * 101), ("c.jpg", b"3"))
    assert "jpg of 101 bytes, more than 100" in unpack()[0].left_out
    images = pa.array([bytes(10**6)] * 90)
    for repeated in (True, False):  # one image in a dictionary; each of its own, packed to nothing
        write_parquet(
            "bomb.parquet", {"image": images}, compression="zstd", use_dictionary=repeated
        )
        with pytest.raises(
            PackedError, match=r"bomb\.parquet: [\d,]+ bytes that unpack to more th"
        ):
            unpack()
        assert bool(files(tmp_path / "images/bomb.partial")) == repeated  # else none is read
    hole = tarfile.TarInfo("a.jpg")
    hole.type, hole.size = tarfile.GNUTYPE_SPARSE, 0
    (tmp_path / "packed/bomb.parquet").unlink()
    write_tar("1.tar", (hole, b""), ("b.jpg", b"1"))
    assert "a file with holes" in unpack()[1].left_out


def test_a_stopped_call_goes_on_with_the_shards_that_are_not_done(
    tmp_path, jpegs, write_tar, unpack, monkeypatch
):
    for number in range(3):
        write_tar(f"{number}.tar", ("a.jpg", jpegs[number]), ("a.cls", b"1"))
    read, opened = unpacking.read_tar_shard, []

    def fail(path, image):
        opened.append(path.name)
        yield from read(path, image)
        if path.name == "1.tar" and len(opened) == 2:
            raise KeyboardInterrupt

    monkeypatch.setitem(unpacking._READERS, ".tar", fail)
    with pytest.raises(KeyboardInterrupt):
        unpack()
    assert not (tmp_path / "images/1").exists()
    assert [one.num_images for one in unpack()] == [1, 1, 1]
    assert opened == ["0.tar", "1.tar", "1.tar", "2.tar"]
    assert not list((tmp_path / "images").rglob("*.partial"))
    before = files(tmp_path / "images")
    write_tar("2.tar", ("a.jpg", jpegs[0] * 2000), ("a.cls", b"1"))  # another one of this name
    assert [one.num_images for one in unpack()] == [1, 1, 1]
    assert opened[4:] == ["2.tar"]
    assert files(tmp_path / "images") == before


@pytest.mark.parametrize(
    ("shard", "home"),
    [
        ("train-00000-of-00002.parquet", "train/train-00000-of-00002"),
        ("data/test.tar", "data/test/test"),
        ("default/partial-test/0000.parquet", "default/test/0000"),
        ("val/train-0.tar", "val/train-0"),
        ("training.tar", "training"),
    ],
)
def test_a_shard_goes_where_its_official_split_is_read(shard, home):
    assert unpacking._home_of(shard).as_posix() == home


def test_folders_that_would_be_mixed_and_sets_that_are_not_packed_are_refused(
    tmp_path, jpegs, write_tar, write_parquet, unpack
):
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed/a.arrow").write_bytes(b"ARROW1")
    with pytest.raises(PackedError, match=r"no \.parquet or \.tar; there are a\.arrow\. Unpack"):
        unpack()
    write_tar("train-0.tar", ("a.jpg", jpegs[0]))
    (tmp_path / "images").mkdir()
    (tmp_path / "images/mine.jpg").write_bytes(jpegs[0])
    with pytest.raises(PackedError, match=r"it holds mine\.jpg; name a new or an empty folder"):
        unpack()
    (tmp_path / "images/mine.jpg").unlink()
    write_parquet("train/train-0.parquet", {"image": jpegs})
    with pytest.raises(
        PackedError, match=r"several shards would go to .*train/train-0; rename one"
    ):
        unpack()


def test_the_command_counts_and_ingestion_names_it(tmp_path, jpegs, write_tar, capsys, ingest):
    write_tar("0.tar", ("a.jpg", jpegs[0]), ("a.cls", b"1"), ("b.jpg", jpegs[1]), ("c.cls", b"1"))
    main(["unpack", str(tmp_path / "packed"), str(tmp_path / "new")])
    assert capsys.readouterr().out.endswith(
        f"3 samples in 1 shard(s): 2 images in {tmp_path / 'new'}, 1 of them with a label\n"
        "0.tar: 1 left out: c: no image beside cls\n"
    )
    with pytest.raises(SystemExit, match=r"face-forgery unpack: .*nowhere: no \.parquet or \.tar"):
        main(["unpack", str(tmp_path / "nowhere"), str(tmp_path / "new")])
    (tmp_path / "packed").rename(tmp_path / "images")
    with pytest.raises(ManifestError, match="a packed set; unpack it first: face-forgery unpack"):
        ingest("train")
