"""Several sets that are joined for training keep their videos, groups and sources apart."""

import pytest

from face_forgery.data.labels.locations import check_sources
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import LabelFile, LabelFolder, LabelSets, read_sources
from face_forgery.params import ParameterError

FF = "original_sequences/youtube/c23/frames"
FAKE = "manipulated_sequences/Deepfakes/c23/frames"
SETS = [
    {"name": "ff", "labels": "FF", "images": "FF"},
    {"name": "mine", "labels": "mine.csv", "images": "mine"},
    {"name": "yours", "labels": "yours.csv", "images": "yours"},
    {"name": "faces", "labels": "faces", "images": "faces", "layout": "class_folders"},
]
NAMES = (f"{FF}/000/1.png", f"{FF}/003/1.png", f"{FAKE}/000_003/1.png", f"{FF}/stray.png")
MINE = b"img_name,target,video,age\nx.png,0,000,7\ny.png,1,000_003,8\n"
SOURCES = {
    "ff": LabelFolder("FF", NAMES),
    "mine": LabelFile("mine.csv", MINE),
    "yours": LabelFile("yours.csv", MINE),
    "faces": LabelFolder("faces", ("real/x.png", "fake/y.png")),
}


@pytest.fixture(scope="module")
def read(make_params):
    def read_all(sets=SETS, val=None):
        data = {f"data.val_{part}": val and "val.csv" for part in ("labels", "images")}
        params = make_params(**data, **{"data.sets": sets, "data.test_labels": None})
        sources = {"train": LabelSets(SOURCES), "val": val}
        return read_sources(sources, params.data, params.ingestion)

    return read_all


def test_sets_are_joined_and_equal_names_stay_apart(read):
    val = LabelFile("val.csv", b"img_name,target\na.png,0\nb.png,1\n")
    table, unlisted = read(val=val)
    train = table[table["subset"] == "train"]
    assert list(train["row"]) == list(range(9))
    assert list(train["path"][:1]) == list(train["img_name"][:1]) == [f"FF/{NAMES[0]}"]
    sources = {"FaceForensics++": 3, "mine": 2, "yours": 2, "faces": 2}
    assert train["source"].value_counts().to_dict() == sources
    assert list(train["age"].fillna("-")) == ["-"] * 3 + ["7", "8"] * 2 + ["-"] * 2
    groups = train.groupby("group")["source"].agg(list)
    assert sorted(map(len, groups)) == [1, 1, 2, 2, 3]  # a pair of each set but that of faces
    assert train["video"].nunique() == 7
    assert list(table["path"][9:]) == ["val.csv/a.png", "val.csv/b.png"]
    assert list(unlisted["img_name"]) == [f"FF/{FF}/stray.png"]


def test_an_image_in_two_sets_is_refused(read):
    sets = [SETS[0], SETS[0] | {"name": "mine", "labels": "m.csv"}]
    again = dict(SOURCES, mine=LabelFile("m.csv", f"img_name,target\n{NAMES[0]},0\n".encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SOURCES, "mine", again["mine"])
        with pytest.raises(
            ManifestError, match=r"1 image\(s\) of the set mine stand in another one"
        ):
            read(sets)


def test_sets_that_are_not_there_or_have_one_name_are_named(make_params, tmp_path):
    (tmp_path / "FFF").mkdir()
    values = {"data.sets": SETS[:1], "data.root": str(tmp_path)}
    nothing = {"data.val_labels": None, "data.test_labels": None}
    with pytest.raises(ManifestError, match=r"data\.sets, ff: no labels=FF in .*similar: FFF"):
        check_sources(make_params(**values, **nothing).data)
    with pytest.raises((ParameterError, ValueError), match=r"sets: ff stand\(s\) for several"):
        make_params(**values | {"data.sets": SETS[:1] * 2})
