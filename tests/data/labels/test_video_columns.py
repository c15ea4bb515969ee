"""Videos and frames in the label table, and columns of label files that nobody has asked for."""

import io

import pandas as pd
import pytest

from face_forgery.data.labels.manifest import ManifestError, assemble_manifest
from face_forgery.data.labels.readers import LabelFile, read_labels


def table_of(*rows, header="img_name,target,kind,source,video,frame"):
    return "\n".join([header, *rows, ""])


def test_label_files_give_videos_and_frames_and_further_columns_are_kept_as_texts(read_sets):
    train = "a.jpg,0,v1,0007,31,dark\nb.jpg,1,v2,8.0,,light\nc.jpg,1,,,40,\n"
    train = f"img_name,target,video,frame,age,skin tone\n{train}"
    table = read_sets(train=train, val="img_name,target\nd.jpg,0\n")
    assert list(table.columns)[-4:] == ["video", "frame", "age", "skin tone"]
    assert list(table["video"].fillna("-")) == ["v1", "v2", "-", "-"]
    assert list(table["frame"].fillna(-1)) == [7, 8, -1, -1]
    assert list(table["age"].fillna("-")) == ["31", "-", "40", "-"]
    assert {str(table[name].dtype) for name in ("age", "skin tone", "video")} == {"string"}
    assert list(table["group"]) == ["v1", "v2", "train:c.jpg", "val:d.jpg"]


def test_a_parquet_table_keeps_further_texts_and_numbers_and_names_what_it_cannot_keep(
    make_params, caplog
):
    caplog.set_level("INFO")
    buffer = io.BytesIO()
    pd.DataFrame(
        {
            "img_name": ["a", "b"],
            "target": [0, 1],
            "age": [3, None],
            "box": [[1, 2], [3]],
            "i": b"x",
        }
    ).to_parquet(buffer)
    params = make_params(**{"data.train_labels": "x", "data.train_images": "x"})
    source = LabelFile("x", buffer.getvalue())
    table = read_labels({"train": source}, params.data, params.ingestion)
    assert list(table["age"].fillna("-")) == ["3", "-"]
    assert list(table.columns)[-1] == "age"
    assert "columns not used: box, i" in caplog.text


def test_folders_that_count_as_videos_name_them_and_their_frames(read_sets):
    folders = [f"{kind}/{video}" for kind in ("real", "fake/swap") for video in ("v1", "v2", "v3")]
    names = [f"{folder}/frames/{folder[-1]}_{i:04}.png" for folder in folders for i in (0, 30)]
    table = read_sets(train=names, val=names)
    assert table["video"].nunique() == 12  # those of train and of val are not the same
    assert table.loc[0, ["video", "frame"]].tolist() == ["train:real/v1", 0]
    assert table.loc[23, ["video", "frame"]].tolist() == ["val:fake/swap/v3", 30]
    twins = read_sets(train=[name.replace("_0000", "_0030a") for name in names])
    assert twins["frame"].isna().all()  # the number tells no two images apart
    certain = read_sets("folder", train=names, val=names)
    assert certain["video"].nunique() == 6
    assert set(read_sets(None, train=names)["video"].dropna()) == set()


def test_a_pattern_names_videos_and_frames(read_sets):
    names = [f"real/v{i}-{i}7.png" for i in range(3)] + ["fake/v0_v1-9.png", "fake/9_8-x.png"]
    table = read_sets(r"/(?P<video>[^-]+)-(?P<frame>\w+)\.png", train=names)
    assert list(table["video"]) == ["v0", "v1", "v2", "v0_v1", "9_8"]
    assert list(table["frame"].fillna(-1)) == [7, 17, 27, 9, -1]
    assert list(table["group"]) == list(table["video"])


def test_videos_of_one_name_in_several_kinds_or_sets_are_several(read_sets, caplog):
    rows = [
        f"{s}{k}{v}.png,{int(k != 'real')},{k},{s},{v},1"
        for s in "AB"
        for k, v in (
            ("real", "000"),
            ("real", "003"),
            ("swap", "000_003"),
            ("lips", "000_003"),
            *[("lips", name) for name in "56789"],
        )
    ]
    table = read_sets(train=table_of(*rows))
    assert table["video"].nunique() == 18
    assert set(table["video"]) >= {"A/swap/000_003", "B/lips/000_003", "A/real/000"}
    assert "8 name(s) of videos stand for several" in caplog.text
    of_a = table[table["source"] == "A"]
    assert of_a["group"].nunique() == 6  # 000, 003 and both 000_003; each other one
    assert not set(of_a["group"]) & set(table.loc[table["source"] == "B", "group"])


def test_a_video_has_one_target_and_lies_in_one_group_and_one_that_crosses_sets_is_seen(read_sets):
    header = "img_name,target,video,group"
    with pytest.raises(ManifestError, match=r"1 video\(s\) have real and forged images: v1;"):
        read_sets(train=table_of("a,0,v1,", "b,1,v1,", header=header))
    with pytest.raises(ManifestError, match=r"1 video\(s\) have images in several groups: v1;"):
        read_sets(train=table_of("a,0,v1,x", "b,0,v1,y", header=header))
    both = read_sets(
        train=table_of("a,0,v1,", "b,1,v2,", header=header),
        val=table_of("c,0,v1,", "d,1,v3,", header=header),
    )
    assert list(both["group"]) == ["v1", "v2", "v1", "v3"]  # a leak, which splitting refuses


def test_a_column_that_cannot_be_kept_is_left_out(read_sets, caplog):
    caplog.set_level("INFO")
    table = read_sets(train="img_name,target,,path,age\na,0,7,x,3\nb,1,8,y,4\n")
    assert list(table["path"]) == ["train/a", "train/b"]
    assert list(table.columns)[-1] == "age"
    assert "the manifest has its own or they have no name: (no name), path" in caplog.text


def test_a_frame_is_a_whole_number(read_sets):
    with pytest.raises(ManifestError, match=r"1 of 1 rows hold no whole number.*frame.*: line 2"):
        read_sets(train="img_name,target,frame\na,0,x7\n")


def test_a_manifest_keeps_further_columns_and_an_old_label_table_is_refused(read_sets):
    table = read_sets(train="img_name,target,age\na,0,3\nb,1,4\n")
    facts = table[["subset", "row"]].assign(
        width=8,
        height=8,
        format="PNG",
        num_bytes=9,
        jpeg_quality=pd.NA,
        sha256=["0", "1"],
        status="ok",
    )
    manifest = assemble_manifest(table, facts)
    assert list(manifest.columns)[-2:] == ["sha256", "age"]
    with pytest.raises(
        ManifestError, match=r"label_table has no column video and none frame.*again"
    ):
        assemble_manifest(table.drop(columns=["video", "frame"]), facts)
