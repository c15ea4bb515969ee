"""Sets of videos: which real video a forgery was made of, its mask, and folders of their own."""

import pytest

from face_forgery.data.labels.layouts.reading import label_files
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import LabelFile, LabelFolder
from face_forgery.data.labels.video_sets import VIDEO_COLUMNS, read_videos
from face_forgery.params import LabelSet

FF_REAL = "original_sequences/youtube/c23/videos"
FF_FAKE = "manipulated_sequences/Deepfakes"


@pytest.fixture
def read(make_params):
    """Names of files and texts of label files, or a label file -> the table of videos."""

    def run(names=(), texts=None, *, table=None):
        texts = {name: text.encode() for name, text in (texts or {}).items()}
        there = tuple(sorted({*names, *texts}))
        source = LabelFolder("v", there, {n: texts[n] for n in label_files("v", there)})
        if table is not None:
            source = LabelFile("v.csv", table.encode())
        one = LabelSet(name="s", labels="v", images="v")
        return read_videos([one], {"s": source}, make_params().ingestion)

    return run


def made_of(table):
    named = table["img_name"]
    real = table["original"].dropna()
    return {named[row]: named[int(index)] for row, index in real.items()}


def test_faceforensics_has_originals_masks_and_splits_for_each_compression(read):
    fakes = [f"{FF_FAKE}/{c}/videos/000_003.mp4" for c in ("c23", "c40")]
    names = [f"{FF_REAL}/000.mp4", f"{FF_REAL}/003.mp4", *fakes]
    mask = f"{FF_FAKE}/masks/videos/000_003.mp4"
    table = read([*names, mask, f"{FF_REAL}/notes.png"], {"test.json": '[["000", "003"]]'})
    table = table[table["img_name"].isin(names)].reset_index(drop=True)
    assert len(table) == 4  # beside what is listed and not there
    assert set(table["split"]) == {"test"}
    assert set(table["group"]) == {"s/FaceForensics++/000"}
    row = table[table["img_name"] == fakes[0]].iloc[0]
    assert row["folder"] == f"s/{FF_FAKE}/c23/videos/000_003"
    assert row["path"] == f"v/{fakes[0]}"
    assert set(table["mask"].dropna()) == {f"v/{mask}"}
    assert table["mask"].notna().sum() == 2
    again = read([*names, mask])
    assert made_of(again) == {fakes[0]: names[0]}  # there is no real video in c40


def test_celeb_df_and_dfdc_say_what_a_forgery_was_made_of(read):
    names = ["Celeb-real/id0_0000.mp4", "Celeb-real/id1_0000.mp4"]
    names += ["Celeb-synthesis/id0_id1_0000.mp4", "YouTube-real/00000.mp4"]
    table = read(names)
    assert made_of(table) == {names[2]: names[0]}
    assert set(table["split"].dropna()) == set()
    entries = '{"a.mp4": {"label": "REAL", "split": "train"}, "b.mp4": {"label": "FAKE", "split": '
    entries += '"train", "original": "a.mp4"}, "c.mp4": {"label": "FAKE", "original": "gone.mp4"}}'
    table = read(["p/a.mp4", "p/b.mp4", "p/c.mp4"], {"p/metadata.json": entries})
    assert made_of(table) == {"p/b.mp4": "p/a.mp4"}


def test_a_label_file_may_say_it_and_its_further_columns_are_kept(read):
    lines = ["r/a.mp4,0,,test,9", "f/a.mp4,1,r/a.mp4,train,", "f/b.mp4,1,f/a.mp4,,7"]
    table = read(table="\n".join(["img_name,target,original,split,age", *lines]))
    assert made_of(table) == {"f/a.mp4": "r/a.mp4"}  # a forgery is nobody's real video
    assert table["split"].fillna("-").tolist() == ["test", "train", "-"]
    assert set(table) == {*VIDEO_COLUMNS, "age"}
    with pytest.raises(ManifestError, match=r"1 video\(s\) have a split that is none of .*: dev;"):
        read(table="img_name,target,split\na.mp4,0,dev\n")


def test_no_video_shares_its_folder_or_lies_in_that_of_another(read):
    names = ["real/a.mp4", "real/a.avi", "real/a/b.mp4", "fake/A.mp4", "fake/b.mp4"]
    folders = read(names)["folder"].str.removeprefix("s/").tolist()
    assert sorted(folders[2:]) == ["real/a/b", "real/a_avi", "real/a_mp4"]
    with pytest.raises(ManifestError, match="2 videos have names that differ in points or case"):
        read([*names, "fake/a.mp4"])
