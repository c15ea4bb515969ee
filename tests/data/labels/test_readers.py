"""Label files become label tables, or errors that name the file and the line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face_forgery.data.labels.manifest import LABEL_COLUMNS, ManifestError
from face_forgery.data.labels.readers import LabelFile, LabelFolder, read_label_source

CLASS_FOLDERS = {"real": 0, "fake": 1}
ALPHABET = st.characters(categories=["L", "N", "Zs"], include_characters="-_.,'()&")


@pytest.fixture
def read(columns):
    def read(data, *, subset="train", images="trainset", **changes):
        data = data.encode() if isinstance(data, str) else data
        names = columns.model_copy(update=changes)
        return read_label_source(
            LabelFile("root/labels.txt", data),
            subset=subset,
            labels="labels.txt",
            images=images,
            columns=names,
            class_folders=CLASS_FOLDERS,
        )

    return read


@pytest.fixture
def read_folder(columns):
    def read(*names, subset="train", labels="faces", images="faces"):
        return read_label_source(
            LabelFolder("root/faces", names),
            subset=subset,
            labels=labels,
            images=images,
            columns=columns,
            class_folders=CLASS_FOLDERS,
        )

    return read


@settings(max_examples=40)
@given(
    rows=st.dictionaries(
        st.text(ALPHABET, min_size=1, max_size=12).map(str.strip).filter(bool),
        st.integers(0, 1),
        min_size=1,
        max_size=8,
    ),
    has_header=st.booleans(),
    has_bom=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n"]),
    blank=st.sampled_from(["", "\n", "\r\n\r\n", "  \n\t\r\n"]),
    space=st.sampled_from(["", " ", "\t"]),
)
def test_names_and_targets_survive_any_way_of_writing_them(
    columns, *, rows, has_header, has_bom, ending, blank, space
):
    lines = [f'"{name}.jpg"{space},{space}{target}{space}' for name, target in rows.items()]
    header = [f"img_name{space},target"] if has_header else []
    text = blank + ending.join([*header, *lines, ""]) + blank
    table = read_label_source(
        LabelFile("labels", b"\xef\xbb\xbf" * has_bom + text.encode()),
        subset="train",
        labels="labels",
        images="trainset",
        columns=columns,
        class_folders=CLASS_FOLDERS,
    )
    assert (
        dict(zip(table["img_name"].str.removesuffix(".jpg"), table["target"], strict=True)) == rows
    )
    assert list(table["row"]) == list(range(len(rows)))


def test_a_label_table_has_the_columns_of_the_contract(read):
    table = read("img_name,target\na.jpg,0\nb.jpg,1\n")
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == LABEL_COLUMNS
    assert list(table["path"]) == ["trainset/a.jpg", "trainset/b.jpg"]


def test_images_beside_the_label_file_have_no_folder_in_their_path(read):
    assert list(read("x/a.jpg,0\n", images=".")["path"]) == ["x/a.jpg"]


def test_a_real_image_without_kind_is_real_and_a_forgery_unknown(read):
    table = read("img_name,target,kind\na.jpg,0,\nb.jpg,1,\nc.jpg,1,swap\nd.jpg,0,photo\n")
    assert list(table["kind"]) == ["real", "unknown", "swap", "photo"]
    assert set(table["source"]) == {"unknown"}


def test_images_without_a_group_are_groups_that_no_other_file_can_hit(read):
    train = read("img_name,target,group\na.jpg,0,\nb.jpg,1,video\n")
    val = read("img_name,target,group\na.jpg,0,\nb.jpg,1,video\n", subset="val")
    assert set(train["group"]) & set(val["group"]) == {"video"}


def test_columns_may_have_other_names_and_stand_in_any_order(read):
    text = "label,quality,video,file\n1,9,v1,a.jpg\n0,8,v2,b.jpg\n"
    table = read(text, img_name="file", target="label", group="video")
    assert list(table["img_name"]) == ["a.jpg", "b.jpg"]
    assert list(table["target"]) == [1, 0]
    assert list(table["group"]) == ["v1", "v2"]


def test_a_foreign_column_called_like_ours_is_not_taken_for_it(read):
    table = read(
        "file,label,kind,type\na.jpg,1,x,swap\n", img_name="file", target="label", kind="type"
    )
    assert list(table["kind"]) == ["swap"]


@pytest.mark.parametrize("header", ["img_name\n", ""])
def test_a_test_file_is_a_list_of_names_with_or_without_header(read, header):
    table = read(f"{header}a.jpg\nb.jpg\n", subset="test")
    assert list(table["img_name"]) == ["a.jpg", "b.jpg"]
    assert table["target"].isna().all()
    assert set(table["kind"]) == {"unknown"}


def test_targets_of_a_test_file_are_ignored_and_that_is_said(read, caplog):
    table = read("img_name,target\na.jpg,1\nb.jpg,?\n", subset="test")
    assert table["target"].isna().all()
    assert "'target' is ignored" in caplog.text


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("clip", r"missing column 'clip', which ingestion.columns.group"),
        ("target", "one name to two columns"),
    ],
)
def test_a_column_that_the_user_named_must_be_there_once(read, group, message):
    with pytest.raises(ManifestError, match=message):
        read("img_name,target,video\na.jpg,0,v\n", group=group)


def test_a_folder_a_class_gives_targets(read_folder):
    table = read_folder("Fake/deep/b.png", "real/a.jpg")
    assert list(table["target"]) == [1, 0]
    assert list(table["path"]) == ["faces/Fake/deep/b.png", "faces/real/a.jpg"]


def test_a_test_folder_needs_no_classes(read_folder):
    table = read_folder("a.jpg", "b.jpg", subset="test")
    assert table["target"].isna().all()


@pytest.mark.parametrize(
    ("names", "images", "message"),
    [
        (["real/a.jpg"], "images", r"data.train_images=images; set both to the same"),
        (["fake/b.jpg", "odd/a.jpg"], "faces", "1 of 2 files lie in no class folder: odd/a.jpg"),
        (["fake/b.jpg", "real"], "faces", "1 of 2 files lie in no class folder: real; "),
    ],
)
def test_a_folder_that_does_not_say_its_classes_is_refused(read_folder, names, images, message):
    with pytest.raises(ManifestError, match=message):
        read_folder(*names, images=images)
