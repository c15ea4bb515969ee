"""Numbers about whole images do not tell real from forged."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from face_forgery.evaluation.audits.image_statistics import global_statistics

SHIPPED = Path(__file__).parents[3] / "data/01_raw/demo"
LARGEST_AUC = 0.65


@pytest.fixture(scope="module")
def numbers_and_labels():
    """Numbers about the images of the shipped set, and what its label files say of them."""
    tables = [
        pd.read_csv(SHIPPED / f"{subset}_label.txt").assign(folder=subset)
        for subset in ("trainset", "valset")
    ]
    labels = pd.concat(tables, ignore_index=True)
    paths = [SHIPPED / row.folder / row.img_name for row in labels.itertuples()]
    numbers = [global_statistics(np.asarray(Image.open(one)), one.stat().st_size) for one in paths]
    return pd.DataFrame(numbers), labels


@pytest.mark.slow
def test_global_statistics_do_not_tell_the_classes(numbers_and_labels, auc_of_statistics):
    numbers, labels = numbers_and_labels
    assert auc_of_statistics(numbers, labels["target"], labels["group"]) <= LARGEST_AUC


@pytest.mark.slow
def test_forgeries_that_are_a_little_brighter_would_be_told(numbers_and_labels, auc_of_statistics):
    numbers, labels = numbers_and_labels
    levels = [name for name in numbers if name.startswith(("mean", "percentile"))]
    brighter = numbers.copy()
    brighter.loc[labels["target"] == 1, levels] += 12
    assert auc_of_statistics(brighter, labels["target"], labels["group"]) > LARGEST_AUC


def test_every_pair_shares_format_size_and_compression():
    labels = pd.read_csv(SHIPPED / "trainset_label.txt")
    facts = []
    for name in labels["img_name"].head(120):
        with Image.open(SHIPPED / "trainset" / name) as image:
            facts.append((image.format, image.size, image.mode, str(image.quantization)))
            assert not image.getexif()
    assert len({fact[:3] for fact in facts}) == 1
    assert len({fact[3] for fact in facts}) > 3
    assert all(one == other for one, other in list(pairwise(facts))[::2])
