"""Label files that name images: DeepfakeBench and DF40, image folders, the challenge."""

import io
import json

import pandas as pd
import pytest

from face_forgery.data.labels.layouts.reading import LAYOUTS, find_layout
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.params.data import DataParams


def bench(sets, root="/data/home/me/datasets"):
    """{set: {label: {split: {folder: frames}}}} -> the JSON, with paths of another machine."""
    return json.dumps(
        {
            source: {
                label: {
                    split: {
                        folder.rpartition("/")[2]: {
                            "label": label,
                            "frames": [f"{root}/{folder}/{number:03}.png" for number in numbers],
                        }
                        for folder, numbers in videos.items()
                    }
                    for split, videos in splits.items()
                }
                for label, splits in labels.items()
            }
            for source, labels in sets.items()
        }
    )


CELEB = {
    "Celeb-DF-v2": {
        "CelebDFv2_real": {
            "train": {"Celeb-DF-v2/Celeb-real/frames/id0_0000": [0, 1],
                      "Celeb-DF-v2/Celeb-real/frames/id1_0000": [0, 1]},
            "val": {"Celeb-DF-v2/Celeb-real/frames/id1_0000": [0, 1]},
            "test": {"Celeb-DF-v2/Celeb-real/frames/id1_0000": [0, 1]},
        },
        "CelebDFv2_fake": {
            "train": {"Celeb-DF-v2/Celeb-synthesis/frames/id0_id1_0000": [0, 1, 2]},
            "val": {},
            "test": {"Celeb-DF-v2/Celeb-synthesis/frames/id1_id0_0000": [0]},
        },
    }
}  # fmt: skip
THERE = [
    *(f"Celeb-DF-v2/Celeb-real/frames/id{i}_0000/00{n}.png" for i in (0, 1) for n in (0, 1)),
    *(f"Celeb-DF-v2/Celeb-synthesis/frames/id0_id1_0000/00{n}.png" for n in (0, 1)),
    "Celeb-DF-v2/Celeb-synthesis/frames/id1_id0_0000/000.png",
]


@pytest.mark.parametrize("root", ["/data/home/me/datasets", r"D:\\rgb", "./datasets/rgb", "."])
def test_frames_of_deepfakebench_are_found_whatever_machine_listed_them(read_tree, root):
    text = bench(CELEB, root)
    text = text.replace("/", r"\\") if "\\" in root else text
    table, unlisted = read_tree(
        THERE, {"x.json": text}, subsets=("train", "test"), where="dataset_json/x.json"
    )
    assert unlisted.empty
    assert set(THERE) - set(table["img_name"]) == set()
    assert set(table["img_name"]) - set(THERE) == {
        "Celeb-DF-v2/Celeb-synthesis/frames/id0_id1_0000/002.png"
    }
    assert table.groupby(["subset", "kind"]).size().to_dict() == {
        ("test", "celebdfv2"): 1,
        ("test", "real"): 2,  # listed for training, too
        ("train", "celebdfv2"): 3,
        ("train", "real"): 2,
    }
    train = table[table["subset"] == "train"].set_index("img_name")
    assert train.loc[THERE[4], ["target", "frame"]].tolist() == [1, 0]
    assert train.loc[THERE[4], "group"] == train.loc[THERE[0], "group"]
    assert set(table["source"]) == {"Celeb-DF-v2"}


def test_equal_names_of_two_sets_of_deepfakebench_stay_two_videos(read_tree):
    sets = {
        name: {
            f"{name}_Real": {"train": {f"{name}/real/frames/001": [0]}},
            f"{name}_FakeA": {"train": {f"{name}/fake/frames/001": [0]}},
        }
        for name in ("DFDCP", "UADFV")
    }
    names = [f"{name}/{side}/frames/001/000.png" for name in sets for side in ("real", "fake")]
    table, _ = read_tree(names, {"dataset_json/all.json": bench(sets)})
    assert len(table) == 4
    assert table["video"].nunique() == 4
    assert table.groupby("group")["source"].nunique().max() == 1
    # A set that does not lie here is missing, and not taken from one of the same folders.
    table, _ = read_tree(names[:2], {"dataset_json/all.json": bench(sets)})
    assert set(table["img_name"]) == set(names)


def test_compressions_and_labels_of_deepfakebench_are_understood_or_asked_for(read_tree):
    inner = {"label": "FF-DF", "frames": ["/a/FF/Deepfakes/c23/frames/000_003/1.png"]}
    real = {"label": "FF-real", "frames": ["/a/FF/youtube/c23/frames/000/1.png"]}
    sets = {
        "FF-DF": {
            "FF-DF": {"train": {"c23": {"000_003": inner}, "c40": {}}},
            "FF-real": {"train": {"c23": {"000": real}}},
        }
    }
    names = ["FF/Deepfakes/c23/frames/000_003/1.png", "FF/youtube/c23/frames/000/1.png"]
    table, _ = read_tree([*names, "FF/stray.png"], {"dataset_json/a.json": json.dumps(sets)})
    assert table.groupby("kind")["target"].first().to_dict() == {"Deepfakes": 1, "real": 0}
    assert table["group"].nunique() == 1
    text = json.dumps(sets).replace("FF-real", "FF-youtube")
    with pytest.raises(ManifestError, match="'FF-youtube' says neither real nor fake; say which"):
        read_tree(names, {"dataset_json/a.json": text})
    targets = {"ingestion.targets": {"real": 0, "fake": 1, "ff-youtube": 0}}
    table, _ = read_tree(names, {"dataset_json/a.json": text}, **targets)
    assert sorted(table["target"]) == [0, 1]
    both = json.dumps({"x": {"a_fake": {"train": real}, "a_real": {"train": real}}})
    with pytest.raises(ManifestError, match=r"1 frame\(s\) are listed as real and as forged"):
        read_tree(names, {"dataset_json/a.json": both})
    with pytest.raises(ManifestError, match="list no frame"):
        read_tree(names, {"dataset_json/a.json": '{"a": {"b": {"train": {}}}}'})


def parquet(**columns):
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ("csv", "file_name,label,age\na.png,REAL,3\nb/c.png,fake,4\n"),
        ("jsonl", '{"file_name": "a.png", "label": "real", "age": 3}\n\n'
                  '{"file_name": "b/c.png", "label": "fake", "age": 4, "box": [1]}\n'),
        ("parquet", parquet(file_name=["a.png", "b/c.png"], label=["real", "fake"], age=[3, 4])),
    ],
)  # fmt: skip
def test_an_image_folder_is_read_with_its_splits_and_further_columns(read_tree, ending, text):
    texts = {f"{split}/metadata.{ending}": text for split in ("train", "validation", "test")}
    names = [f"{s}/{n}.png" for s in ("train", "validation", "test") for n in ("a", "b/c", "d")]
    table, unlisted = read_tree(names, texts, subsets=("train", "val"))
    assert list(table["img_name"]) == [
        *("train/a.png", "train/b/c.png", "validation/a.png", "validation/b/c.png")
    ]
    assert list(table["target"]) == [0, 1, 0, 1]
    assert list(table["age"]) == ["3", "4", "3", "4"]
    assert sorted(unlisted["img_name"]) == ["test/d.png", "train/d.png", "validation/d.png"]


def test_a_class_that_is_a_number_has_to_be_named(read_tree):
    texts = {"metadata.csv": "file_name,label\na.png,0\nb.png,1\n"}
    with pytest.raises(
        ManifestError, match=r"2 of 2 labels may mean either class: .'0', '1'.; say"
    ):
        read_tree(["a.png", "b.png"], texts)
    table, _ = read_tree(["a.png", "b.png"], texts, **{"ingestion.targets": {"1": 0, "0": 1}})
    assert list(table["target"]) == [1, 0]
    with pytest.raises(ManifestError, match="line 2 or a blank line before it, is no JSON"):
        read_tree(["a.png"], {"metadata.jsonl": '{"file_name": "a.png", "label": "real"}\n{'})


def test_both_spellings_of_the_challenge_are_read(read_tree):
    for train, val in (("trainset", "valset"), ("train", "val")):
        texts = {
            f"{home}_label.txt": "img_name,target\na.jpg,1\nb.jpg,0\n" for home in (train, val)
        }
        names = [f"{home}/{name}.jpg" for home in (train, val) for name in "ab"]
        table, unlisted = read_tree(names, texts, subsets=("train", "val"))
        assert list(table["img_name"]) == names
        assert list(table["target"]) == [1, 0, 1, 0]
        assert unlisted.empty


def test_a_folder_of_two_layouts_is_refused_and_one_of_none_is_a_folder_a_class(read_tree, frames):
    names = frames("original_sequences/youtube/c23/frames/000")
    with pytest.raises(ManifestError, match="laid out as faceforensics or as deepfakebench; say"):
        read_tree(names, {"dataset_json/a.json": "{}"})
    assert find_layout("x", ["real/a.png", "fake/b.png", "labels.csv", "info.json"]) is None
    assert find_layout("x", ["manipulated_sequences/a.png", "original_sequences/a.png"]) is None
    for file in ("metadata.json", "metadata.csv"):
        assert find_layout("x", ["train/0_real/a.png", "train/1_fake/b.png", file]) is None
        assert find_layout("x", ["a.png", file]) is not None
    by_method = ["manipulated_sequences/a/0_1/0.png", "original_sequences/youtube/c23/0/0.png"]
    assert find_layout("x", by_method) is None
    table, _ = read_tree(["real/a.png", "fake/b.png"])
    assert list(table["target"]) == [1, 0]
    with pytest.raises(
        ManifestError, match=r"layout ffiw: none of 2 files belongs to it: fake/b\.png"
    ):
        read_tree(["real/a.png", "fake/b.png"], **{"data.layout": "ffiw"})


def test_the_parameters_name_every_layout():
    names = DataParams.model_fields["layout"].annotation.__args__
    assert set(names) == {"auto", "class_folders", *LAYOUTS}
