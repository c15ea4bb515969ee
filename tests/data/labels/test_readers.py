"""Label files become label tables, or errors that name the file and the line."""

import csv
import io
import tracemalloc

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face_forgery.data.labels.manifest import LABEL_COLUMNS, ManifestError
from face_forgery.data.labels.readers import LabelFile, LabelFolder, read_labels

NAMES = st.text(
    st.characters(
        exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="/\\\ufeff"
    ),
    min_size=1,
    max_size=8,
).map(lambda name: f"{name}.jpg")
ALPHABET = st.characters(categories=["L", "N", "Zs"], include_characters="-_.,'()&")


@pytest.fixture(scope="module")
def read_source(make_params):
    """Source, subset, its names in ``data``, changes of ``ingestion`` -> the label table."""

    def read(source, subset, labels, images, **changes):
        names = {f"data.{subset}_labels": labels, f"data.{subset}_images": images}
        names["data.layout"] = "class_folders"  # other layouts have tests of their own
        params = make_params(**names, **{f"ingestion.{name}": v for name, v in changes.items()})
        return read_labels({subset: source}, params.data, params.ingestion)

    return read


@pytest.fixture
def read(read_source):
    def read(data, *, subset="train", images="trainset", targets=None, **changes):
        data = data.encode() if isinstance(data, str) else data
        changes = {f"columns.{name}": value for name, value in changes.items()}
        if targets is not None:
            changes["targets"] = targets
        source = LabelFile("root/labels.txt", data)
        return read_source(source, subset, "labels.txt", images, **changes)

    return read


@pytest.fixture
def read_folder(read_source):
    def read(*names, subset="train", labels="faces", images="faces", **changes):
        return read_source(LabelFolder("root/faces", names), subset, labels, images, **changes)

    return read


@settings(max_examples=25)
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
    read_source, *, rows, has_header, has_bom, ending, blank, space
):
    lines = [f'"{name}.jpg"{space},{space}{target}{space}' for name, target in rows.items()]
    header = [f"img_name{space},target"] if has_header else []
    text = blank + ending.join([*header, *lines, ""]) + blank
    source = LabelFile("labels", b"\xef\xbb\xbf" * has_bom + text.encode())
    table = read_source(source, "train", "labels", "trainset")
    assert (
        dict(zip(table["img_name"].str.removesuffix(".jpg"), table["target"], strict=True)) == rows
    )
    assert list(table["row"]) == list(range(len(rows)))


@settings(max_examples=30)
@given(
    rows=st.lists(st.tuples(NAMES, st.text(max_size=6)), min_size=1, max_size=6),
    wrong=st.integers(0, 5),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_a_wrong_target_is_found_on_its_line_whatever_stands_before_it(
    read_source, *, rows, wrong, ending
):
    wrong %= len(rows)
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerow(["img_name", "target", "note"])
    line = 0
    for number, (name, note) in enumerate(rows):
        if number == wrong:
            line = len(file.getvalue().encode().splitlines()) + 1
        note = note.replace("\0", "").encode(errors="ignore").decode()
        writer.writerow([name, "7" if number == wrong else "1", note])
    with pytest.raises(ManifestError, match=rf"line {line}: '7'"):
        read_source(LabelFile("x", file.getvalue().encode()), "train", "x", "trainset")


def test_a_label_table_has_the_columns_of_the_contract(read):
    table = read("img_name,target\na.jpg,0\nb.jpg,1\n")
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == LABEL_COLUMNS
    assert list(table["path"]) == ["trainset/a.jpg", "trainset/b.jpg"]
    assert list(read("x/a.jpg,0\n", images=".")["path"]) == ["x/a.jpg"]  # beside the label file


def test_a_real_image_without_kind_is_real_and_a_forgery_unknown(read):
    table = read("img_name,target,kind\na.jpg,0,\nb.jpg,1,\nc.jpg,1,swap\nd.jpg,0,photo\n")
    assert list(table["kind"]) == ["real", "unknown", "swap", "photo"]
    assert set(table["source"]) == {"unknown"}


def test_images_without_a_group_are_groups_that_no_other_file_can_hit(read):
    train = read("img_name,target,group\na.jpg,0,\nb.jpg,1,video\n")
    val = read("img_name,target,group\na.jpg,0,\nb.jpg,1,video\n", subset="val")
    assert set(train["group"]) & set(val["group"]) == {"video"}


def test_columns_may_have_other_names_and_stand_in_any_order(read):
    text = "label,video,file,type\n1,v1,a.jpg,swap\n0,v2,b.jpg,photo\n"
    names = {"img_name": "file", "target": "label", "group": "video", "kind": "type"}
    table = read(text, **names)
    assert list(table["img_name"]) == ["a.jpg", "b.jpg"]
    assert list(table["target"]) == [1, 0]
    assert list(table["group"]) == ["v1", "v2"]
    assert list(table["kind"]) == ["swap", "photo"]
    assert table["video"].isna().all()  # the column of that name has been given to another use
    other = read(text.replace(",type", ",group"), **names | {"kind": "kind"})
    assert list(other["group"]) == ["v1", "v2"]  # the other column so called is left out


@pytest.mark.parametrize(
    "text", ["img_name\na.jpg\nb.jpg\n", "a.jpg\nb.jpg\n", "img_name,target\na.jpg,1\nb.jpg,?\n"]
)
def test_a_test_file_is_a_list_of_names_whose_targets_are_ignored(read, caplog, text):
    table = read(text, subset="test")
    assert list(table["img_name"]) == ["a.jpg", "b.jpg"]
    assert table["target"].isna().all()
    assert set(table["kind"]) == {"unknown"}
    assert ("'target' is ignored" in caplog.text) == ("target" in text)


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


def test_a_folder_a_class_gives_targets_and_a_test_folder_needs_no_classes(read_folder):
    table = read_folder("Fake/deep/b.png", "real/a.jpg")
    assert list(table["target"]) == [1, 0]
    assert list(table["path"]) == ["faces/Fake/deep/b.png", "faces/real/a.jpg"]
    assert read_folder("a.jpg", "b.jpg", subset="test")["target"].isna().all()


def test_a_folder_whose_images_are_said_to_be_elsewhere_is_refused(read_folder):
    with pytest.raises(ManifestError, match=r"data.train_images=images; set both to the same"):
        read_folder("real/a.jpg", images="images")


@pytest.mark.parametrize(
    ("name", "target", "class_folders"),
    [
        ("REAL/a.png", 0, {}),
        ("progan/airplane/0_real/a.png", 0, {}),
        ("progan/airplane/1_fake/a.png", 1, {}),
        ("sdv4/train/nature/a.png", 0, {}),
        ("sdv4/train/ai/a.png", 1, {}),
        ("real_images/a.png", 0, {}),
        ("train/Training_Fake/a.png", 1, {}),
        ("Celeb-real/x/0.png", 0, {}),
        ("Celeb-synthesis/x/0.png", 1, {}),
        ("FF/original_sequences/youtube/c23/frames/000/0.png", 0, {}),
        ("FF/manipulated_sequences/Deepfakes/c23/frames/000_003/0.png", 1, {}),
        ("sets/live/a.png", 0, {"live": 0}),
        ("sets/Spoof/a.png", 1, {"SPOOF": 1}),
    ],
)
def test_class_folders_lie_anywhere_in_any_case_and_known_names_say_it(
    read_folder, caplog, name, target, class_folders
):
    caplog.set_level("INFO")
    table = read_folder(name, class_folders={"real": 0, "fake": 1} | class_folders)
    assert list(table["target"]) == [target]
    assert f"= {('real', 'forged')[target]} (1 images)" in caplog.text


@pytest.mark.parametrize("name", ["real_vs_fake/a.png", "0/a.png", "method_A/a.png", "nature/ai/a"])
def test_a_folder_that_may_be_either_class_is_not_guessed(read_folder, name):
    with pytest.raises(ManifestError, match=r"1 of 1 files lie in .* say in ingestion\.class_fold"):
        read_folder(name)


def test_the_outermost_class_folder_counts_and_that_is_said(read_folder, caplog):
    table = read_folder("fake/real/a.png", "real/b.png")
    assert list(table["target"]) == [1, 0]
    assert "1 folder(s) lie in class folders of both classes: fake/real" in caplog.text


LITTER = ("masks/a.png", "landmarks/a.npy", "a_mask.png", "Thumbs.db", "desktop.ini", ".DS_Store")


@pytest.mark.parametrize("name", [*LITTER, "._a.png", "__MACOSX/a.png", "MASK/a.png", "notes.txt"])
@pytest.mark.parametrize("subset", ["train", "test"])
def test_litter_and_masks_are_no_images_and_that_is_said(read_folder, caplog, name, subset):
    assert len(read_folder("real/a.png", f"real/{name}", subset=subset)) == 1
    assert "1 file(s) do not count as images: 1 " in caplog.text
    assert "(ingestion.exclude)" in caplog.text


def test_what_is_left_out_is_the_users_choice(read_folder):
    table = read_folder("real/masks/a.png", "real/a.webp", exclude=["*.webp"])
    assert list(table["img_name"]) == ["real/masks/a.png"]


@pytest.mark.parametrize("pair", [("REAL", "FAKE"), ("0.0", "1.0"), ("False", "True"), ("real", 1)])
def test_labels_by_name_as_floats_and_booleans_mean_what_they_say(read, pair):
    table = read(f"img_name,target\na.jpg,{pair[0]}\nb.jpg,{pair[1]}\n")
    assert list(table["target"]) == [0, 1]


@pytest.mark.parametrize("labels", ["0,1", "0.0,1.0", "false,TRUE"])
def test_in_a_set_where_1_is_real_the_parameters_say_so(read, labels):
    text = "img_name,target\n" + "".join(f"{name}.jpg,{name}\n" for name in labels.split(","))
    assert list(read(text, targets={1: 0, 0: 1})["target"]) == [1, 0]


def test_a_column_that_seems_to_say_1_for_real_is_refused_unless_that_is_said(read):
    text = "file,is_real\na.jpg,1\nb.jpg,0\n"
    named = {"img_name": "file", "target": "is_real"}
    with pytest.raises(ManifestError, match=r"seems to mean a real image.*ingestion\.targets"):
        read(text, **named)
    assert list(read(text, targets={"1": 0, "0": 1}, **named)["target"]) == [0, 1]


def test_unknown_labels_are_named_with_the_parameter_that_explains_them(read):
    text = "img_name,target\na.jpg,bonafide\nb.jpg,spoof\n"
    with pytest.raises(ManifestError, match=r"line 2: 'bonafide'.*'bonafide' and 'spoof' means in"):
        read(text)
    assert list(read(text, targets={"Bonafide": 0, "SPOOF": 1})["target"]) == [0, 1]


def as_parquet(**columns):
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("targets", [[0, 1], [0.0, 1.0], [False, True], ["REAL", "fake"]])
def test_a_parquet_table_is_read_like_any_label_file(read, targets):
    table = read(as_parquet(img_name=[7, 8], target=targets, group=["v", None], more=[1, 2]))
    assert list(table["img_name"]) == ["7", "8"]
    assert list(table["target"]) == [0, 1]
    assert list(table["group"]) == ["v", "train:8"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (as_parquet(image=[b"x"], label=[0]), r"'image,label' is neither a header"),
        (as_parquet(img_name=[], target=[]), "holds no row"),
        (as_parquet(img_name=["a"], target=[0])[:50], "a Parquet table whose columns cannot be"),
    ],
)
def test_a_parquet_table_without_labels_is_refused(read, data, message):
    with pytest.raises(ManifestError, match=rf"^root/labels.txt: .*{message}"):
        read(data)


LONG = "y" * 100_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("img_name,target" + "," * 300_000, "300,002 columns, more than the 1,000"),
        ("img_name,target," + ",".join(map(str, range(2000))), "2,002 columns"),
        (
            "img_name,target\n" + "a\n" * 150_000,
            "100,001 or more row.* line 4: 1 .'a'.*, \\.\\.\\.",
        ),
        ("img_name,target\n" + " \n" * 200_000 + "x\n", "line 200002: 1 "),
        ("img_name,target\n" + '"a"\n' * 100_000, "100,000 row.*line 2: 1"),
        (f"img_name,{LONG}\na,0", "found ..img_name., 'yyy"),
        (f"img_name,target\na,{LONG}\n", "line 2: 'yyy.* say what 'yyy"),
        (f"img_name,target,{LONG},{LONG}\na,0,0,0\n", "twice: yyy"),
        (f"img_name,target\n{LONG},1\n{LONG},1\n", "more than once: line 2: 'yyy"),
        ("img_name,target,\x1b[31m\u202e,\x1b[31m\u202e\na,0,0,0\n", "twice"),
    ],
)
def test_a_label_file_that_is_refused_costs_little_and_is_named_in_a_printable_line(
    read, text, message
):
    data = text.encode()
    read("img_name,target\na,0\n")  # what is imported on the way counts for nothing
    tracemalloc.start()
    with pytest.raises(ManifestError, match=message) as refused:
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    said = str(refused.value)
    assert said.isprintable()
    assert len(said) < 1000
    assert peak < 10 * len(data) + 2**20


def test_a_table_of_a_thousand_columns_is_read_and_others_are_named_printably(read, caplog):
    caplog.set_level("INFO")
    header = ",".join(["img_name", "target", "\x1b[31m", *map(str, range(997))])
    assert len(read(f"{header}\na,0{',' * 998}\n")) == 1
    assert all(record.getMessage().isprintable() for record in caplog.records)
    assert "columns not used, they hold control characters: \\x1b[31m" in caplog.text
    assert "further columns: 0, 1" in caplog.text
