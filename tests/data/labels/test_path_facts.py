"""Frames of one video are one group, by their folder; kinds and sources come from paths, too."""

from functools import partial

import pytest

from face_forgery.data.labels.manifest import ManifestError


@pytest.fixture(scope="module")
def read_classes(read_sets):
    return partial(read_sets, layout="class_folders")


def frames_of(*folders, count=4):
    return [f"{folder}/{frame:04}.png" for folder in folders for frame in range(count)]


def groups_of(table):
    """Return group -> the folders of its images, without the class folder."""
    folders = table["img_name"].str.rpartition("/")[0].str.partition("/")[2]
    return sorted({tuple(sorted(set(names))) for _, names in folders.groupby(table["group"])})


def ff_frames(*pairs, real=("000", "003", "007", "011", "012")):
    originals = [f"original_sequences/youtube/c23/frames/{name}" for name in real]
    return frames_of(*originals, *(f"manipulated_sequences/{pair}" for pair in pairs))


FF_PAIRS = ("Deepfakes/c23/frames/000_003", "FaceSwap/c23/frames/003_000", "FaceSwap/c40/007_009")


def test_a_forgery_of_faceforensics_stays_with_both_its_videos_and_other_forgeries(read_classes):
    table = read_classes(train=ff_frames(*FF_PAIRS))
    first = ("Deepfakes/c23/frames/000_003", "FaceSwap/c23/frames/003_000")
    youtube = "youtube/c23/frames/"
    assert groups_of(table) == [
        (*first, f"{youtube}000", f"{youtube}003"),
        ("FaceSwap/c40/007_009", f"{youtube}007"),
        (f"{youtube}011",),
        (f"{youtube}012",),
    ]
    kinds = table.groupby("kind").size().to_dict()
    assert kinds == {"Deepfakes": 4, "FaceSwap": 8, "real": 20}


@pytest.mark.parametrize(
    ("forged", "original"),
    [
        ("id1_id0_0007", "id1_0007"),
        ("01_02__walking__ABCD1234", "01__walking"),
        ("0_3", "000"),
        ("anna", "anna"),
    ],
)
def test_a_forgery_stays_with_the_video_that_its_name_names(read_classes, forged, original):
    real = ("real/x1", "real/x2", f"real/{original}")
    table = read_classes(train=frames_of(*real, "fake/y1", "fake/y2", f"fake/{forged}"))
    together = table[table["img_name"].str.startswith((f"real/{original}/", f"fake/{forged}/"))]
    assert len(together) == 8
    assert together["group"].nunique() == 1
    assert table["group"].nunique() == 5


def test_forgeries_that_chain_a_whole_set_together_stay_with_the_first_video(read_classes, caplog):
    ring = [f"Deepfakes/{a}_{b}" for a, b in ("01", "12", "23", "30")]
    table = read_classes(train=ff_frames(*ring, real="0123"))
    assert table["group"].nunique() == 4
    assert "chain 32 of 32 images together" in caplog.text


FLAT = [f"{name}/{i}.png" for name in ("real", "fake") for i in range(9)]
KINDS = [f"real/{i}.png" for i in range(9)] + frames_of("fake/Sty", "fake/PG", "fake/SD", count=3)


@pytest.mark.parametrize("names", [FLAT, KINDS, frames_of("real/a", "real/b", "fake/c", "fake/d")])
def test_images_of_class_folders_and_of_a_few_kinds_are_groups_of_their_own(read_classes, names):
    table = read_classes(train=names)
    assert table["group"].nunique() == len(names)


def test_kinds_of_forgery_are_the_folders_below_the_class_folder(read_classes):
    table = read_classes(train=KINDS)
    assert table["kind"].value_counts().to_dict() == {"real": 9, "Sty": 3, "PG": 3, "SD": 3}


VIDEOS = frames_of(*(f"{c}/v{i}" for c in ("real", "fake") for i in range(3)))


def test_sub_folders_that_are_taken_for_videos_are_said_and_can_be_given_back(read_classes, caplog):
    assert read_classes(train=VIDEOS)["group"].nunique() == 3
    assert "6 sub-folders, such as fake/v0, fake/v1, fake/v2, ..., are taken for" in caplog.text
    assert read_classes(None, train=VIDEOS)["group"].nunique() == len(VIDEOS)


def test_a_group_column_wins_and_folders_of_both_classes_are_no_videos(read_classes):
    rows = [f"{i % 5:02}/{i}.jpg,{(i // 5) % 2}" for i in range(60)]
    assert read_classes(train="\n".join(rows))["group"].nunique() == 60
    given = [f"{name},{int('fake' in name)},g{i % 2}" for i, name in enumerate(VIDEOS)]
    table = read_classes("folder", train="img_name,target,group\n" + "\n".join(given))
    assert set(table["group"]) == {"g0", "g1"}
    named = [row.rpartition(",")[0] for row in given]
    assert read_classes(train="img_name,target\n" + "\n".join(named))["group"].nunique() == 3


def test_a_video_in_train_and_val_by_its_name_is_warned_of_and_with_folder_shared(
    read_classes, caplog
):
    table = read_classes(train=VIDEOS, val=VIDEOS)
    assert table.groupby("group")["subset"].nunique().max() == 1
    assert "3 of 3 sub-folders of validation have their name" in caplog.text
    shared = read_classes("folder", train=VIDEOS, val=VIDEOS)
    assert (shared.groupby("group")["subset"].nunique() == 2).all()


def test_a_pattern_names_groups_kinds_and_sources(read_classes):
    names = frames_of("real/mine/clip1_a", "fake/yours/swap_clip1_b", count=2)
    pattern = r"(real|fake)/(?P<source>\w+)/(?P<kind>swap_)?(?P<group>clip\d+)"
    table = read_classes(pattern, train=names)
    assert set(table["group"]) == {"clip1"}
    assert list(table["source"]) == ["mine"] * 2 + ["yours"] * 2
    assert list(table["kind"]) == ["real"] * 2 + ["swap_"] * 2


def test_a_pattern_that_fits_nothing_is_refused_and_one_that_misses_some_is_said(
    read_classes, caplog
):
    with pytest.raises(ManifestError, match=r"fits none of 18 image names: real/0.png"):
        read_classes(r"(?P<group>clip)", train=FLAT)
    read_classes(r"(?P<group>real)", train=FLAT)
    assert "does not fit 9 of 18 image names: fake/0.png" in caplog.text


@pytest.mark.parametrize(("train", "val"), [("7", "007"), ("7", "7.0"), ("007", "7.0")])
def test_groups_that_differ_in_how_a_number_is_written_are_one(read_classes, caplog, train, val):
    table = read_classes(
        train=f"img_name,target,group\na.jpg,0,{train}\nb.jpg,1,8\n",
        val=f"img_name,target,group\nc.jpg,0,{val}\nd.jpg,1,v8\n",
    )
    assert table["group"].nunique() == 3
    assert "1 group(s) differ only in how a number is written" in caplog.text
