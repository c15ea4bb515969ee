"""A frozen detector is tested on labelled sets; faults of the sets are named, nothing is fitted."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from kedro.runner import SequentialRunner
from PIL import Image

from face_forgery.data.images.inspection import inspect_image
from face_forgery.data.labels.manifest import ManifestError, fingerprint_sets
from face_forgery.data.splits.near_duplicates import hash_table
from face_forgery.datasets.testing_sets import LabelledSetsDataset
from face_forgery.hooks.declarations import read_metrics
from face_forgery.hooks.user_data import check_testing_sets
from face_forgery.inference.scoring import score_files
from face_forgery.params import ParameterError
from face_forgery.pipelines.testing import create_pipeline

_VALID = re.compile(r"[\w./ -]+")  # what MLflow takes
NUM_VIDEOS, NUM_FRAMES = 6, 4


@pytest.fixture
def write_set(tmp_path):
    """Return a function that writes a set of videos, a forged one redder; it returns its entry."""

    def write(name, *, seed, targets=(0, 1), labels=None, broken=False):
        rng = np.random.default_rng(seed)
        (tmp_path / name).mkdir()
        lines = ["img_name,target,video,kind,age"]
        for number in range(NUM_VIDEOS):
            target = targets[number % len(targets)]
            color = rng.integers(0, 200, (8, 8, 3))
            color[..., 0] += 50 * target
            for frame in range(NUM_FRAMES):
                pixels = (color + rng.integers(0, 6, color.shape)).astype(np.uint8)
                file = f"v{number}_{frame}.png"
                image = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC)
                image.save(tmp_path / name / file)
                said = target if labels is None else labels(number, frame, target)
                kind = "swap" if said else "real"
                lines.append(f"{file},{said},v{number},{kind},{'old' if number < 3 else ''}")
        if broken:
            (tmp_path / name / "v0_0.png").write_bytes(b"no image")
            lines.append("gone.png,1,v1,swap,")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
        folder = str(tmp_path / name)
        return {"name": name, "labels": f"{folder}.csv", "images": folder}

    return write


@pytest.fixture
def run(tmp_path, make_params, make_detector, make_shipped_catalog):
    """Return a function that tests a detector on sets; it returns the folder of the results."""

    def start(*sets, own=None, **changes):
        params = make_params(
            **{"testing.sets": list(sets), "evaluation.num_resamples": 100} | changes
        )
        given = {}
        fingerprint = "f" * 64
        if own is not None:
            hashes = hash_table(own, root=tmp_path, num_workers=0)
            given = {"own_train": own, "own_val": own.head(0), "own_hashes": hashes}
            fingerprint = fingerprint_sets(train=own, val=own.head(0))
        pipeline = create_pipeline()
        catalog = make_shipped_catalog(pipeline, tmp_path / "out", params, **given)
        catalog["detector"].save(replace(make_detector(), data_fingerprint=fingerprint))
        SequentialRunner().run(pipeline, catalog)
        return SimpleNamespace(
            folder=tmp_path / "out/data/08_reporting",
            found=catalog.load("testing"),
            table=catalog.load("testing_table"),
            rejected=catalog.load("testing_rejected"),
            scores=catalog.load("testing_scores"),
            params=params,
        )

    return start


def own_images(tmp_path, *paths):
    """A manifest of images that a detector was made with; targets of both classes."""
    rows = [
        {"subset": "train", "row": n, "img_name": path, "path": path, "target": n % 2}
        | {"group": f"g{n}", "kind": "real", "source": "mine", "video": None, "frame": None}
        | {"sha256": inspect_image(tmp_path / path).sha256}
        for n, path in enumerate(paths)
    ]
    return pd.DataFrame(rows).astype({"target": "Int8"})


def test_sets_are_measured_by_image_and_by_video(run, write_set):
    ran = run(write_set("one", seed=1, broken=True), write_set("two", seed=2))
    found = ran.found
    units = [(row["set"], row["unit"], row["counts"]["num"]) for row in found["rows"]]
    assert units == [
        ("one", "image", 23),
        ("one", "video", 6),
        ("two", "image", 24),
        ("two", "video", 6),
    ]
    assert found["sets"][0] == {
        "set": "one",
        "listed": 25,
        "rejected": {"unreadable": 1, "missing": 1},
        "seen": 0,
        "scored": 23,
    }
    assert ran.rejected[["set", "img_name", "status"]].values.tolist() == [
        ["one", "v0_0.png", "unreadable"],
        ["one", "gone.png", "missing"],
    ]
    row = found["rows"][0]
    assert row["promise"]["promised_fpr"] == 0.0099
    assert row["counts"]["num_groups"] == 6
    assert [part["key"] for part in row["breakdown"]][-1] == "age"
    assert {cell["name"] for cell in row["breakdown"][-1]["cells"]} == {"old", "unknown"}
    assert ran.table["set"].tolist() == ["one", "one", "two", "two", "mean", "mean"]
    mean = found["means"][0]
    assert mean["auc"]["value"] == pytest.approx(
        np.mean([found["rows"][n]["metrics"]["auc"]["value"] for n in (0, 2)])
    )
    assert (ran.folder / "testing.png").exists()
    assert json.loads((ran.folder / "testing.json").read_text()) == found


def test_the_scores_are_those_of_the_detector_with_its_own_temperature(
    run, write_set, make_detector
):
    ran = run(write_set("one", seed=1))
    detector = make_detector()
    scored = score_files(
        detector, [Path(path) for path in ran.scores["path"]], batch_size=5, num_workers=0
    )
    np.testing.assert_allclose(ran.scores["y_pred"], scored.scores, atol=1e-6)
    assert ran.found["operating_points"]["fake_threshold"] == 0.6
    assert ran.found["detector"] == detector.identity()


def test_no_node_that_measures_reads_anything_of_training_or_validation():
    measuring = [
        n for n in create_pipeline().nodes if n.name in {"score_testing_images", "judge_sets"}
    ]
    for node in measuring:
        assert {name.partition("_")[0] for name in node.inputs} <= {
            "detector",
            "testing",
            "params:scoring",
            "params:evaluation",
        }


@pytest.mark.parametrize("copy", ["bytes", "near_copy"])
def test_what_the_detector_has_seen_is_refused_or_left_out(run, write_set, tmp_path, copy):
    one = write_set("one", seed=1)
    (tmp_path / "own").mkdir()
    seen = tmp_path / "one/v1_2.png"
    if copy == "bytes":
        (tmp_path / "own/0.png").write_bytes(seen.read_bytes())
    else:
        Image.open(seen).resize((128, 128), Image.Resampling.BICUBIC).save(tmp_path / "own/0.png")
    pixels = np.random.default_rng(9).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((64, 64)).save(tmp_path / "own/1.png")
    own = own_images(tmp_path, "own/0.png", "own/1.png")
    with pytest.raises(ManifestError, match=r"of 24 images of the sets were seen.*drop_from_train"):
        run(one, own=own)
    ran = run(one, own=own, **{"splitting.leaks": "drop_from_train"})
    counts = ran.found["sets"][0]
    assert ran.found["overlaps"]["is_checked"]
    assert counts["seen"] + counts["scored"] == counts["listed"] == 24
    assert "v1_2.png" not in set(ran.scores["img_name"])
    if copy == "bytes":
        assert ran.found["overlaps"]["by_reason"]["content"] == 1


def test_a_set_that_was_seen_whole_is_refused(run, write_set, tmp_path):
    one = write_set("one", seed=1)
    paths = [f"one/v{v}_{f}.png" for v in range(NUM_VIDEOS) for f in range(NUM_FRAMES)]
    with pytest.raises(ManifestError, match="has seen every image of 1 set"):
        run(one, own=own_images(tmp_path, *paths), **{"splitting.leaks": "drop_from_train"})


def test_without_the_images_of_the_detector_the_test_says_that_it_has_not_looked(
    run, write_set, caplog
):
    ran = run(write_set("one", seed=1))
    assert not ran.found["overlaps"]["is_checked"]
    assert "whether the sets overlap with them is not checked" in caplog.text


def test_videos_of_one_name_in_two_sets_stay_two_and_shared_images_are_told(
    run, write_set, tmp_path
):
    one, two = write_set("one", seed=1), write_set("two", seed=2)
    for frame in range(NUM_FRAMES):
        name = f"v0_{frame}.png"
        (tmp_path / "two" / name).write_bytes((tmp_path / "one" / name).read_bytes())
    found = run(one, two).found
    numbers = [row["counts"]["num"] for row in found["rows"] if row["unit"] == "video"]
    assert numbers == [NUM_VIDEOS, NUM_VIDEOS]
    assert found["overlaps"]["between_sets"] == [{"sets": ["one", "two"], "num_images": 4}]


def test_a_video_with_both_targets_is_refused_with_its_set(run, write_set):
    torn = write_set("torn", seed=1, labels=lambda number, frame, target: frame % 2)
    with pytest.raises(ManifestError, match=r"the set torn: .*real and forged images: v0, v1"):
        run(torn)


def test_a_set_of_one_class_is_measured_as_far_as_it_goes(run, write_set):
    found = run(write_set("real_only", seed=1, targets=(0,))).found
    assert found["rows"][0]["metrics"]["auc"]["value"] is None
    assert found["rows"][0]["verdicts"]["fpr"]["value"] is not None


def test_without_a_set_nothing_is_tested_unless_it_is_asked_for(
    run, make_params, make_shipped_catalog, tmp_path
):
    ran = run()
    assert (ran.found["rows"], ran.found["sets"], len(ran.table)) == ([], [], 0)
    assert (ran.folder / "testing.png").exists()
    params = make_params()
    catalog = make_shipped_catalog(create_pipeline(), tmp_path / "out", params)
    check_testing_sets(["training"], catalog, params)
    words = r"no labelled set to test on: name one by --params testing"
    with pytest.raises(ManifestError, match=words):
        check_testing_sets(["training", "testing"], catalog, params)


def test_a_labelled_test_set_of_the_data_is_tested_without_being_named(run, write_set, tmp_path):
    write_set("own", seed=1)
    data = {"data.root": str(tmp_path), "data.test_labels": "own.csv", "data.test_images": "own"}
    assert [row["set"] for row in run(**data).found["rows"]] == ["test", "test"]
    seen = own_images(tmp_path, "own/v0_0.png", "own/v1_0.png")
    assert run(own=seen, **data).found["sets"][0]["seen"] > 0  # left out and not refused
    every = [f"own/v{v}_{f}.png" for v in range(NUM_VIDEOS) for f in range(NUM_FRAMES)]
    assert run(own=own_images(tmp_path, *every), **data).found["rows"] == []
    (tmp_path / "own.csv").write_text("img_name\nv0_0.png\n")
    assert run(**data).found["rows"] == []


def test_a_folder_of_classes_or_of_a_layout_is_a_labelled_test_set_and_one_of_images_is_not(
    run, write_set, tmp_path
):
    write_set("own", seed=1)
    data = {"data.root": str(tmp_path), "data.test_labels": "own", "data.test_images": "own"}
    assert run(**data).found["rows"] == []
    for number in range(NUM_VIDEOS):
        kind = ("original_sequences/youtube", "manipulated_sequences/Deepfakes")[number % 2]
        name = f"{number:03d}" if number % 2 == 0 else f"{number:03d}_{number - 1:03d}"
        frames = tmp_path / "ff" / kind / "c23/frames" / name
        classes = tmp_path / "classes" / ("real", "fake")[number % 2]
        classes.mkdir(parents=True, exist_ok=True)
        frames.mkdir(parents=True)
        for frame in range(NUM_FRAMES):
            pixels = (tmp_path / f"own/v{number}_{frame}.png").read_bytes()
            (frames / f"{frame:04d}.png").write_bytes(pixels)
            (classes / f"v{number}_{frame}.png").write_bytes(pixels)
    for folder in ("classes", "ff"):
        data |= {"data.test_labels": folder, "data.test_images": folder}
        found = run(**data).found
        assert [row["set"] for row in found["rows"]][:1] == ["test"], folder
        assert found["rows"][0]["counts"]["num_real"] == 12


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("celeb", "Celeb"), r"2 name\(s\) stand for several sets: Celeb, celeb"),
        (("test",), "a set is called test"),
        (("a/b",), "testing.sets.0.name"),
        (("-x",), "testing.sets.0.name"),
    ],
)
def test_names_of_sets_are_unique_and_fit_into_names_of_files(make_params, names, words):
    sets = [{"name": name, "labels": "a.csv", "images": "a"} for name in names]
    with pytest.raises(ParameterError, match=words):
        make_params(**{"testing.sets": sets})


def test_sets_are_a_list_in_files_and_may_be_named_on_the_command_line(make_params):
    where = {"labels": "a.csv", "images": "a"}
    listed = make_params(**{"testing.sets": [{"name": "celeb", **where}]}).testing
    assert make_params(**{"testing.sets": {"celeb": where}}).testing == listed
    assert listed.sets[0].layout == "auto"
    assert make_params().testing.sets == ()


def test_a_set_that_is_not_there_is_named_with_all_others(tmp_path):
    sets = [
        {"name": name, "labels": str(tmp_path / f"{name}.csv"), "images": str(tmp_path)}
        for name in ("one", "two")
    ]
    with pytest.raises(DatasetError, match=r"set one: labels=.*\n.*set two: labels=.*not there"):
        LabelledSetsDataset(sets=sets, root=".", test_labels=None).load()


def test_a_set_without_an_image_that_can_be_read_is_refused(run, write_set, tmp_path):
    one = write_set("one", seed=1)
    for path in (tmp_path / "one").iterdir():
        path.unlink()
    with pytest.raises(ManifestError, match=r"set one: none of its 24 images .*24 missing"):
        run(one)


def test_a_set_without_an_image_that_got_a_score_is_refused_after_the_list_is_written(
    run, write_set, tmp_path, monkeypatch
):
    def score_none(detector, paths, **how):
        statuses = np.array(["no_face"] * len(paths), dtype=object)
        return SimpleNamespace(
            scores=np.full(len(paths), np.nan), statuses=statuses, details=statuses
        )

    monkeypatch.setattr("face_forgery.pipelines.testing.nodes.ff.score_files", score_none)
    with pytest.raises(ManifestError, match=r"set one: none of its 24 images .*24 no_face"):
        run(write_set("one", seed=1))
    rejected = pd.read_csv(tmp_path / "out/data/08_reporting/testing_rejected.csv")
    assert rejected["status"].tolist() == ["no_face"] * 24


def test_numbers_are_tracked_by_set_and_unit(run, write_set):
    found = run(write_set("one", seed=1)).found
    numbers = read_metrics(found, "testing")
    auc = found["rows"][0]["metrics"]["auc"]
    assert numbers["testing/one/image/auc"] == auc["value"]
    assert numbers["interval/testing/one/image/auc_low"] == auc["low"]
    assert "testing/one/video/fpr" in numbers
    assert all(_VALID.fullmatch(name) for name in numbers)
