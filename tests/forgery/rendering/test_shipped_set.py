"""The set in data/01_raw/demo is what the default parameters draw."""

import io
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from face_forgery.config_loader import read_parameters
from face_forgery.data.splits.near_duplicates import MAX_BITS
from face_forgery.forgery.rendering.demo_set import draw_row, plan_row

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "data/01_raw/demo"
PARAMS = read_parameters(ROOT / "conf")
DEMO = PARAMS["demo_data"]
FILES = {
    "train": ("trainset", "trainset_label.txt"),
    "val": ("valset", "valset_label.txt"),
    "test": ("testset", "testset_nolabel.txt"),
}


def test_the_default_parameters_draw_into_the_shipped_folder():
    assert DEMO["root"] == "data/01_raw/demo"
    assert DEMO["image_size"] == PARAMS["preprocessing"]["image_size"]


@pytest.mark.parametrize("subset", FILES)
def test_the_label_files_say_what_the_generator_plans(subset):
    folder, label_file = FILES[subset]
    plans = [plan_row(DEMO["seed"], subset, row) for row in range(DEMO[f"{subset}_images"])]
    labels = pd.read_csv(SHIPPED / label_file)
    for column in labels.columns:
        assert labels[column].tolist() == [getattr(plan, column) for plan in plans]
    assert {path.name for path in (SHIPPED / folder).iterdir()} == set(labels["img_name"])


@pytest.mark.parametrize("subset", FILES)
def test_images_are_drawn_again(subset):
    """Byte for byte where they are real; forging rounds by the processor, so nearly where not."""
    last = DEMO[f"{subset}_images"] - 1
    for row in (0, 1, 2, 3, 5, 7, last - 1, last):
        plan = plan_row(DEMO["seed"], subset, row)
        shipped = (SHIPPED / FILES[subset][0] / plan.img_name).read_bytes()
        drawn = draw_row(plan, DEMO["image_size"]).jpeg
        is_same = drawn == shipped
        if plan.target and not is_same:
            old, new = (np.asarray(Image.open(io.BytesIO(one)), int) for one in (shipped, drawn))
            is_same = np.abs(new - old).mean() < 0.05
        assert is_same, (
            f"row {row} of {subset}: the generator changed; draw the set again "
            "(kedro run --pipelines demo_data) and commit it"
        )


def test_the_shipped_set_is_small():
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) <= 8_000_000


def test_no_image_of_one_subset_resembles_one_of_another():
    """The splitting pipeline refuses such pairs as near-duplicates."""
    hashes = {
        folder: np.stack(
            [
                imagehash.phash(Image.open(path)).hash.ravel()
                for path in (SHIPPED / folder).iterdir()
            ]
        )
        for folder, _ in FILES.values()
    }
    for one, other in (("trainset", "valset"), ("trainset", "testset"), ("valset", "testset")):
        distances = (hashes[one][:, None] != hashes[other][None]).sum(axis=2)
        assert distances.min() > MAX_BITS
