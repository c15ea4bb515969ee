"""Sets of videos: labels, official splits, groups, and what is missing, by their own lists."""

import json

import pytest

from face_forgery.data.labels.layouts.reading import LAYOUTS, read_layout
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import read_labels


def facts_of(table, *columns):
    """Return the name of a video -> its values, if all its frames agree."""
    rows = table.dropna(subset="video").drop_duplicates(["video", *columns])
    assert rows["video"].is_unique
    return {
        video.rpartition("/")[2]: values if len(columns) > 1 else values[0]
        for video, *values in rows[["video", *columns]].itertuples(index=False)
    }


FF_REAL = "original_sequences/youtube/c23/frames"
FF_FAKE = "manipulated_sequences/Deepfakes/c23/frames"
PAIRS = {
    "train.json": '[["000", "003"], ["010", "011"]]',
    "val.json": '[["020", "021"]]',
    "test.json": '[["030", "031"]]',
}


@pytest.fixture(scope="module")
def faceforensics(frames):
    """A tree with four pairs of videos, and a method of each of them."""
    pairs = [pair for text in PAIRS.values() for pair in json.loads(text)]
    names = frames(*(f"{FF_REAL}/{video}" for pair in pairs for video in pair))
    for method in ("Deepfakes", "FaceShifter"):
        for a, b in pairs:
            home = FF_FAKE.replace("Deepfakes", method)
            names += frames(f"{home}/{a}_{b}", f"{home}/{b}_{a}")
    return names


def test_faceforensics_has_its_official_splits_and_pairs_stay_together(read_tree, faceforensics):
    table, unlisted = read_tree(faceforensics, PAIRS, subsets=("train", "val", "test"))
    assert len(table) == len(faceforensics) == 48
    assert unlisted.empty
    assert table["subset"].value_counts().to_dict() == {"train": 24, "val": 12, "test": 12}
    assert table.loc[table["subset"] == "test", "target"].isna().all()
    groups = table.groupby("group")["video"].agg(lambda names: {n[-7:-4] for n in names})
    assert len(groups) == 4  # a pair each, with its forgeries of both methods
    row = table[table["img_name"] == f"{FF_FAKE}/000_003/0030.png"].iloc[0]
    assert row[["target", "kind", "source", "frame"]].tolist() == [
        *(1, "Deepfakes", "FaceForensics++", 30)
    ]
    assert row["video"] == "FaceForensics++/manipulated_sequences/Deepfakes/c23/000_003"
    assert set(table.loc[table["img_name"].str.contains("youtube"), "kind"]) == {"real"}


def test_a_set_to_test_on_is_its_official_test_set_with_targets(
    make_folder, make_params, faceforensics
):
    params = make_params(**{"data.train_labels": "set", "data.train_images": "set"})
    for texts, number in ((PAIRS, 12), ({}, 48)):
        sources = {"train": make_folder(faceforensics, texts)}
        table = read_labels(sources, params.data, params.ingestion, is_tested=True)
        assert len(table) == number
        assert set(table["target"]) == {0, 1}


def test_without_a_validation_set_training_has_all_that_is_not_tested(read_tree, faceforensics):
    table, _ = read_tree(faceforensics, PAIRS)
    assert len(table) == 36
    table, _ = read_tree(faceforensics)  # no official split at all
    assert len(table) == 48


def test_two_compressions_of_a_pair_are_one_group_and_other_videos(read_tree, faceforensics):
    both = [name.replace("c23", c) for name in faceforensics for c in ("c23", "c40")]
    table, _ = read_tree(both)
    assert table["group"].nunique() == 4
    assert table["video"].nunique() == 48


def test_what_faceforensics_lists_and_lacks_is_a_row_whose_file_is_missing(
    read_tree, faceforensics, caplog
):
    lacking = [name for name in faceforensics if "/003_000/" not in name and "/010/" not in name]
    table, _ = read_tree(lacking, PAIRS)
    missing = set(table["img_name"]) - set(lacking)
    assert missing == {
        "original_sequences/youtube/c23/010",
        "manipulated_sequences/Deepfakes/c23/003_000",
        "manipulated_sequences/FaceShifter/c23/003_000",
    }
    assert "3 files or videos are listed and do not lie there: manipulated" in caplog.text


def test_google_s_videos_are_another_source_without_an_official_split(read_tree, frames):
    names = frames(
        "original_sequences/actors/c23/frames/02__walking",
        "original_sequences/actors/c23/frames/07__hugging",
        "manipulated_sequences/DeepFakeDetection/c23/frames/02_06__walking__ABCD1234",
        f"{FF_REAL}/000",
        f"{FF_REAL}/003",
    )
    table, _ = read_tree(names, {"train.json": PAIRS["train.json"].replace(", [", ",[")})
    of_google = facts_of(table[table["source"] == "DeepFakeDetection"], "target", "kind", "group")
    assert of_google["02_06__walking__ABCD1234"][:2] == [1, "DeepFakeDetection"]
    assert of_google["02_06__walking__ABCD1234"][2] == of_google["02__walking"][2]
    assert of_google["07__hugging"][2] != of_google["02__walking"][2]


def test_a_split_file_that_is_no_list_of_pairs_is_refused(read_tree, faceforensics):
    for text, message in (
        ("[", r"train\.json is no JSON"),
        ('["000"]', r"""train\.json holds '000'; expected pairs of videos"""),
        ('{"a": 1}', "expected pairs of videos"),
        ("[" * 100_000, "is no JSON"),
    ):
        with pytest.raises(ManifestError, match=message):
            read_tree(faceforensics, {"train.json": text})
    with pytest.raises(ManifestError, match="video 000 stands in the official splits"):
        read_tree(faceforensics, PAIRS | {"test.json": '[["000", "030"]]'})


def test_videos_without_frames_are_refused_with_the_remedy_and_can_be_listed(
    read_tree, make_folder, make_params, faceforensics
):
    videos = sorted(
        {n.replace("/frames/", "/videos/").rpartition("/")[0] + ".mp4" for n in faceforensics}
    )
    with pytest.raises(ManifestError, match="24 video files and no frames of them; sample frames"):
        read_tree(videos, PAIRS)
    folder = make_folder(videos, PAIRS)
    found = read_layout(folder, LAYOUTS["faceforensics"], make_params().ingestion, videos=True)
    assert sorted(found.rows["img_name"]) == videos
    assert found.rows["split"].value_counts().to_dict() == {"train": 12, "val": 6, "test": 6}
    table, unlisted = read_tree([*faceforensics[2:], *videos])
    assert len(table) == 46
    assert unlisted["detail"].to_list() == ["a video without frames"]
    assert unlisted["img_name"].to_list() == ["original_sequences/youtube/c23/videos/000.mp4"]


CELEB = (
    *("Celeb-real/id0_0000", "Celeb-real/id1_0000", "Celeb-real/id1_0001"),
    *("YouTube-real/00170", "YouTube-real/00171", "Celeb-synthesis/id1_id0_0007"),
    "Celeb-synthesis/id0_id1_0000",
)
LISTED = "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id1_id0_0007.mp4\n1 Celeb-real/id9_0000.mp4\n"


def test_in_the_list_of_celeb_df_1_means_real_and_persons_stay_together(read_tree, frames):
    names = frames(*(name.replace("/", "/frames/") for name in CELEB))
    table, _ = read_tree(
        names,
        {"List_of_testing_videos.txt": LISTED},
        subsets=("train", "test"),
        where="Celeb-DF-v2",
    )
    assert len(table) == len(names) + 1  # and the tested video that does not lie there
    assert set(table["img_name"]) - set(names) == {"Celeb-real/id9_0000"}
    assert set(table["source"]) == {"Celeb-DF-v2"}
    train = facts_of(table[table["subset"] == "train"], "target", "kind", "group")
    assert train["id1_0000"] == [0, "real", "Celeb-DF-v2/id1"]
    assert train["id1_0001"][2] == "Celeb-DF-v2/id1"
    assert train["id0_id1_0000"] == [1, "Celeb-synthesis", "Celeb-DF-v2/id0"]
    assert set(facts_of(table[table["subset"] == "test"], "kind")) == {
        *("00170", "id1_id0_0007", "id9_0000")
    }
    with pytest.raises(
        ManifestError, match=r"holds '0 YouTube-real/00170\.mp4'; expected 1 before re"
    ):
        read_tree(names, {"List_of_testing_videos.txt": LISTED.replace("1 You", "0 You")})
    with pytest.raises(ManifestError, match=r"official val set.*set data\.val_labels=null"):
        read_tree(names, {"List_of_testing_videos.txt": LISTED}, subsets=("train", "val"))


def dfdc(**videos):
    """Return metadata: name=original, or name=None for a real video."""
    return json.dumps(
        {
            f"{name}.mp4": {"label": "FAKE", "split": "train", "original": f"{original}.mp4"}
            if original
            else {"label": "REAL", "split": "train"}
            for name, original in videos.items()
        }
    )


def test_a_forgery_of_dfdc_stays_with_its_original_in_another_part(read_tree, frames):
    texts = {
        "dfdc_train_part_0/metadata.json": dfdc(made="far", near=None, swap="near", gone="away"),
        "dfdc_train_part_1/metadata.json": dfdc(far=None, near=None, more="near", lost=None),
        "test/labels.csv": "filename,label\nx.mp4,1\ny.mp4,0\n",
    }
    names = frames(
        *(f"dfdc_train_part_0/frames/{name}" for name in ("made", "near", "swap", "gone")),
        *(f"dfdc_train_part_1/{name}" for name in ("far", "near", "more", "stray")),
        *("test/frames/x", "test/frames/y"),
    )
    table, unlisted = read_tree(names, texts, subsets=("train", "test"))
    of = {
        name.replace("/frames", "").rpartition("/")[0] or name: group
        for name, group in zip(table["img_name"], table["group"], strict=True)
    }
    assert of["dfdc_train_part_0/made"] == of["dfdc_train_part_1/far"]
    assert of["dfdc_train_part_0/swap"] == of["dfdc_train_part_0/near"]
    assert of["dfdc_train_part_1/more"] == of["dfdc_train_part_1/near"]
    assert of["dfdc_train_part_0/near"] != of["dfdc_train_part_1/near"]  # of one name, two videos
    assert table["video"].nunique() == 10
    assert table.groupby("subset").size().to_dict() == {"test": 4, "train": 15}
    assert "dfdc_train_part_1/lost" in set(table["img_name"])
    assert set(unlisted["img_name"]) == set(frames("dfdc_train_part_1/stray"))
    alone = ["frames/x/1.png", "labels.csv"]
    tested, _ = read_tree(alone, {"labels.csv": "filename,label\nx.mp4,1\n"}, subsets=("test",))
    assert tested["kind"].to_list() == ["DFDC"]
    with pytest.raises(ManifestError, match="none of 1 images are of an official train set"):
        read_tree(alone, {"labels.csv": "filename,label\nx.mp4,1\n"})
    with pytest.raises(
        ManifestError, match=r"holds \{'a.mp4': 'FAKE'\}; expected a label, REAL or"
    ):
        read_tree(names, {"dfdc_train_part_0/metadata.json": '{"a.mp4": "FAKE"}'})


def test_the_preview_of_dfdc_is_split_and_grouped_by_its_own_list(read_tree, frames):
    entries = {
        "original_videos/1/1_A_001.mp4": {"label": "real", "set": "train", "target_id": 1},
        "method_A/1/1_A/2_1_A_001.mp4": {"label": "fake", "set": "train", "target_id": 1},
        "method_B/3/3_A/2_3_A_001.mp4": {"label": "fake", "set": "test", "target_id": 3},
        "method_B/3/3_A/2_3_A_002.mp4": {"label": "fake", "set": "test", "target_id": 3},
    }
    names = frames("original_videos/1/1_A_001", "method_A/frames/2_1_A_001")
    names += frames("method_B/videos/3/3_A/2_3_A_001")
    table, _ = read_tree(names, {"dataset.json": json.dumps(entries)}, subsets=("train", "test"))
    assert len(table) == 7
    assert table.groupby(["subset", "kind"]).size().to_dict() == {
        ("test", "method_B"): 3,  # one of them is not there
        ("train", "method_A"): 2,
        ("train", "real"): 2,
    }
    assert table["group"].value_counts().to_dict() == {"DFDC-preview/1": 4, "DFDC-preview/3": 3}


def test_ffiw_and_wild_deepfake_are_what_their_folders_say(read_tree, frames):
    names = frames(
        *(f"x/{side}/{split}/a" for side in ("source", "target") for split in ("train", "val"))
    )
    table, _ = read_tree(names, subsets=("train", "val"))
    assert table.groupby(["subset", "target"]).size().to_dict() == {
        (subset, target): 2 for subset in ("train", "val") for target in (0, 1)
    }
    assert table["group"].nunique() == 2
    names = frames("real_train/0/real/1", "real_train/0/real/2", "fake_train/0/fake/1")
    names += frames("fake test/7/fake/1", "real test/7/real/1")
    table, _ = read_tree(names, subsets=("train", "test"))
    train = table[table["subset"] == "train"]
    assert train.groupby("target")[["video", "group"]].nunique().to_numpy().tolist() == [
        *([2, 1], [1, 1])
    ]
    assert set(table["source"]) == {"WildDeepfake"}
    assert len(table) == 10
