"""The sampling pipeline: a tree of videos becomes a set that trains and tests as the tree would."""

import json

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from kedro.runner import SequentialRunner

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import read_sources
from face_forgery.data.videos import sampling as sampling_module
from face_forgery.data.videos.sampled_set import sample_videos
from face_forgery.data.videos.sampling import Sampler
from face_forgery.datasets.labels import LabelsDataset
from face_forgery.datasets.sampled_set import SampledSetDataset
from face_forgery.pipelines.ingestion.nodes import locate_faces
from face_forgery.pipelines.sampling import create_pipeline

REAL = "original_sequences/youtube/c23/videos"
FAKE = "manipulated_sequences/Deepfakes/c23/videos"
FACE = (20, 20, 60, 60)
pytestmark = pytest.mark.usefixtures("find_red_faces")


@pytest.fixture
def tree(tmp_path, write_clip, draw_red_faces):
    """FaceForensics++ in miniature: two pairs, a forgery of each whose face nobody would find."""
    real = np.array(draw_red_faces(FACE))
    fake = real.copy()
    fake[20:80, 20:80, 2] += 180
    home = tmp_path / "FF"
    for folder, names, pixels in (
        (REAL, ("000", "003", "030", "031"), real),
        (FAKE, ("000_003", "003_000", "030_031"), fake),
    ):
        for name in names:
            (home / folder).mkdir(parents=True, exist_ok=True)
            write_clip(f"FF/{folder}/{name}.mp4", [pixels] * 6)
    (home / FAKE / "031_030.mp4").write_bytes(b"cut off")
    (home / "train.json").write_text('[["000", "003"]]')
    (home / "test.json").write_text('[["030", "031"]]')
    return home


@pytest.fixture
def make_sampling(tmp_path, make_params, make_shipped_catalog):
    """Return a builder of parameters and catalog; changes are of the section sampling."""

    def make(root, *sets, **changes):
        sets = [
            {"name": name, "labels": str(at), "images": str(images)} for name, at, images in sets
        ]
        values = {"root": str(root), "sets": sets, "frames": 3, "size": 32, "num_workers": 0}
        params = make_params(
            **{f"sampling.{name}": value for name, value in (values | changes).items()},
            **{"faces.max_blur": 1.0, "faces.min_size": 20},
        )
        catalog = make_shipped_catalog(create_pipeline(), tmp_path, params)
        catalog["face_model"] = b"any"
        return params, catalog

    return make


@pytest.fixture
def run(make_sampling):
    """Return a function that runs the pipeline and returns the catalog."""

    def run(root, *sets, **changes):
        _, catalog = make_sampling(root, *sets, **changes)
        SequentialRunner().run(create_pipeline(), catalog)
        return catalog

    return run


def contents(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_the_set_has_labels_splits_and_the_boxes_of_real_videos(run, tree, tmp_path, make_params):
    catalog = run(tmp_path / "out", ("ff", tree, tree))
    labels = pd.read_csv(tmp_path / "out/labels.csv", dtype=str, keep_default_na=False)
    assert " ".join(labels) == "img_name target group kind source video frame split"
    assert len(labels) == 7 * 3
    assert labels["target"].value_counts().to_dict() == {"0": 12, "1": 9}
    row = labels[labels["img_name"].str.contains("000_003")].iloc[0]
    assert row["img_name"] == f"images/ff/{FAKE}/000_003/000001.png"
    assert row["kind"] == "Deepfakes"
    assert (row["frame"], row["split"], row["source"]) == ("1", "train", "FaceForensics++")
    assert (tmp_path / "out" / row["img_name"]).is_file()
    rejected = catalog.load("sampling_rejected")
    assert rejected[["set", "img_name", "status"]].to_numpy().tolist() == [
        ["ff", f"{FAKE}/031_030.mp4", "unreadable"]
    ]
    for labelled in (tmp_path / "out", tmp_path / "out/labels.csv"):
        where = {"labels": str(labelled), "images": str(tmp_path / "out")}
        source = LabelsDataset(root=".", parameter="data.train_labels", **where).load()
        data = {f"data.train_{what}": value for what, value in where.items()}
        params = make_params(**data, **{"data.val_labels": None, "data.test_labels": None})
        for is_tested, number in ((False, 12), (True, 9)):
            table, unlisted = read_sources(
                {"train": source}, params.data, params.ingestion, is_tested=is_tested
            )
            assert len(table) == number
            assert unlisted.empty
            assert table["group"].nunique() == 1
            assert table["video"].nunique() == number / 3


def test_a_run_that_was_killed_goes_on_and_ends_with_the_same_bytes(
    make_sampling, run, tree, tmp_path, monkeypatch
):
    opened = []
    real_open = sampling_module.open_video
    monkeypatch.setattr(
        sampling_module, "open_video", lambda path, **k: opened.append(path) or real_open(path, **k)
    )
    whole = tmp_path / "whole"
    run(whole, ("ff", tree, tree))
    assert len(opened) == 8
    root = tmp_path / "killed"
    params, catalog = make_sampling(root, ("ff", tree, tree))
    pipeline = create_pipeline()
    SequentialRunner().run(pipeline.to_outputs("sampling_record", "video_table"), catalog)
    table = catalog.load("video_table")
    writer = SampledSetDataset(root=str(root))
    finder = sampling_module.FaceFinder(b"any", params.sampling.faces(params.faces))
    for number, done in enumerate(sample_videos(table, {}, params.sampling, finder), start=1):
        if number == 2:  # a real video is done, its forgery is not
            break
        writer.save([done])
    (root / "partial").mkdir()
    (root / "partial/000001.png").write_bytes(b"half a")
    read = LabelsDataset(root=".", labels=str(root), images=str(root), parameter="x").load()
    data = params.data.model_copy(update={"train_labels": str(root), "train_images": str(root)})
    with pytest.raises(ManifestError, match="sampling was not finished"):
        read_sources({"train": read}, data, params.ingestion)
    opened.clear()
    run(root, ("ff", tree, tree))
    assert len(opened) == 7
    recorded = json.loads((root / "sampling.json").read_text())["sampling"]["root"]
    assert recorded == str(root)
    (root / "sampling.json").unlink()
    (whole / "sampling.json").unlink()
    assert contents(root) == contents(whole)


def test_what_is_done_is_not_decoded_again_unless_settings_change(run, tree, tmp_path, monkeypatch):
    root = tmp_path / "out"
    run(root, ("ff", tree, tree))
    before = contents(root)
    sampled = []
    monkeypatch.setattr(
        Sampler, "sample", lambda *args, real=Sampler.sample: sampled.append(1) or real(*args)
    )
    run(root, ("ff", tree, tree))
    assert not sampled
    assert contents(root) == before
    run(root, ("ff", tree, tree), scale=1.0)
    assert len(sampled) == 8
    assert contents(root) != before
    (root / f"images/ff/{REAL}/000/000001.png").unlink()
    sampled.clear()
    run(root, ("ff", tree, tree), scale=1.0)
    assert len(sampled) == 1
    sampled.clear()
    next(tree.rglob("*.mp4")).touch()  # another file of the same size
    run(root, ("ff", tree, tree), scale=1.0)
    assert sampled


@pytest.mark.slow
def test_processes_leave_what_one_leaves(run, tree, tmp_path):
    roots = [tmp_path / name for name in ("one", "two")]
    for number, root in enumerate(roots):
        run(root, ("ff", tree, tree), crop="none", num_workers=2 * number)
        (root / "sampling.json").unlink()
    assert contents(roots[0]) == contents(roots[1])
    assert len(list(roots[0].rglob("*.png"))) == 7 * 3


def test_a_table_of_videos_keeps_its_columns_and_a_folder_a_class_needs_none(
    run, tree, tmp_path, write_clip, draw_red_faces
):
    pixels = np.array(draw_red_faces(FACE))
    names = [f"{kind}/{name}.mp4" for kind in ("real", "fake") for name in ("a", "a/b")]
    for name in names:
        (tmp_path / "classes" / name).parent.mkdir(parents=True, exist_ok=True)
        write_clip(f"classes/{name}", [pixels] * 4)
    table = tmp_path / "mine.csv"
    rows = [
        ("a", 0, "p1", "", "dark"),
        ("a/b", 0, "p2", "", "light"),
        ("a", 1, "p1", "real/a.mp4", ""),
    ]
    lines = [
        f"{'fake' if target else 'real'}/{name}.mp4,{target},{group},{original},{tone}"
        for name, target, group, original, tone in rows
    ]
    table.write_text("\n".join(["img_name,target,group,original,tone", *lines]))
    classes = tmp_path / "classes"
    catalog = run(tmp_path / "out", ("t", table, classes), ("c", classes, classes))
    labels = pd.read_csv(tmp_path / "out/labels.csv", dtype=str, keep_default_na=False)
    assert labels["video"].nunique() == 7
    assert set(labels["source"]) == {"t", "c"}
    assert labels.groupby("video").size().eq(3).all()
    mine = labels[labels["source"] == "t"].drop_duplicates("video")
    assert mine["tone"].tolist() == ["dark", "light", ""]
    assert mine["group"].tolist() == ["t/p1", "t/p2", "t/p1"]
    assert set(labels["split"]) == {""}
    assert catalog.load("video_table")["original"].dropna().tolist() == [0]


def test_a_folder_with_other_files_and_a_missing_face_detector_are_refused(
    make_sampling, run, tree, tmp_path
):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/diary.txt").write_text("mine")
    with pytest.raises(DatasetError, match=r"no sampled set, and is not empty: diary\.txt"):
        run(tmp_path / "notes", ("ff", tree, tree))
    _, catalog = make_sampling(tmp_path / "out", ("ff", tree, tree))
    catalog["face_model"] = None
    with pytest.raises(ValueError, match=r"sampling\.crop=aligned needs a face detector"):
        SequentialRunner().run(create_pipeline(), catalog)
    with pytest.raises(ManifestError, match="there are no videos to sample"):
        run(tmp_path / "out")


def test_what_is_trained_on_the_set_cuts_photographs_alike_and_the_set_no_more(
    run, tree, tmp_path, *, make_params, make_detector, draw_red_faces
):
    import face_forgery as ff
    from face_forgery.data.images.decoding import InputError
    from face_forgery.inference.scoring import score_files

    root = tmp_path / "out"
    run(root, ("ff", tree, tree))
    draw_red_faces(FACE).save(tmp_path / "photo.png")
    labels = pd.read_csv(root / "labels.csv")
    paths = [f"out/{labels['img_name'][0]}", "photo.png"]
    table = pd.DataFrame(
        {"subset": "train", "row": [0, 1], "img_name": paths, "path": paths, "target": [0, 1]}
    )
    facts = table[["subset", "row", "img_name"]].assign(status="ok", width=32, height=32)
    params = make_params(**{"data.root": str(tmp_path), "ingestion.num_workers": 0})
    given = {"data": params.data, "ingestion": params.ingestion}
    faces, values = locate_faces(table, facts, None, faces=params.faces, **given)
    assert values["params"]["crop"] == "aligned"
    assert values["params"]["margin"] == pytest.approx(0.15)
    assert faces[["left", "top", "side", "angle"]].iloc[0].tolist() == [0, 0, 32, 0]
    assert faces["side"][1] > 60
    with pytest.raises(InputError, match=r"faces\.crop=aligned,faces\.margin=0\.15, and others"):
        locate_faces(table, facts, b"any", faces=params.faces, **given)
    finder = ff.FaceFinder.from_values(values)
    detector = make_detector(faces=finder.params, face_model=finder.model)
    whole = make_detector()
    where = [tmp_path / path for path in paths]
    how = {"batch_size": 2, "num_workers": 0}
    cut = score_files(detector, where, **how)
    assert cut.scores[0] == pytest.approx(score_files(whole, where[:1], **how).scores[0], abs=1e-6)
    assert [len(found) for found in cut.faces] == [0, 1]
    square = make_detector(
        faces=finder.params.model_copy(update={"crop": "square"}), face_model=b"any"
    )
    with pytest.raises(InputError, match=r"with faces\.crop=aligned"):
        score_files(square, where[:1], **how)
