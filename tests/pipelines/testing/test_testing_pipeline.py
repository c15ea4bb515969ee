"""A frozen detector is tested on labelled sets; faults of the sets are named, nothing is fitted."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from kedro.runner import SequentialRunner
from PIL import Image

from face_forgery.data.labels.manifest import fingerprint_sets
from face_forgery.data.splits.near_duplicates import hash_table
from face_forgery.pipelines.testing import create_pipeline

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
    from face_forgery.data.images.inspection import inspect_image

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
