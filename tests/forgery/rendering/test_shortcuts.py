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
def fresh_set(make_rows):
    """Numbers, targets and groups of images of another seed and size than the shipped ones."""
    drawn = make_rows(range(480), seed=2024, size=96)
    numbers = pd.DataFrame([global_statistics(pixels, size) for _, pixels, size in drawn])
    plans = [plan for plan, _, _ in drawn]
    return numbers, [plan.target for plan in plans], [plan.group for plan in plans]


@pytest.mark.slow
def test_global_statistics_do_not_tell_a_fresh_sets_classes(fresh_set, auc_of_statistics):
    assert auc_of_statistics(*fresh_set) <= LARGEST_AUC


@pytest.mark.slow
def test_the_audit_would_see_forgeries_that_are_a_little_brighter(fresh_set, auc_of_statistics):
    numbers, targets, groups = fresh_set
    levels = [name for name in numbers if name.startswith(("mean", "percentile"))]
    brighter = numbers.copy()
    brighter.loc[np.equal(targets, 1), levels] += 12
    assert auc_of_statistics(brighter, targets, groups) > LARGEST_AUC


@pytest.mark.slow
def test_global_statistics_do_not_tell_the_shipped_sets_classes(auc_of_statistics):
    labels = pd.concat(
        [
            pd.read_csv(SHIPPED / f"{subset}_label.txt").assign(folder=subset)
            for subset in ("trainset", "valset")
        ]
    )
    numbers = []
    for folder, name in zip(labels["folder"], labels["img_name"], strict=True):
        path = SHIPPED / folder / name
        numbers.append(global_statistics(np.asarray(Image.open(path)), path.stat().st_size))
    auc = auc_of_statistics(pd.DataFrame(numbers), labels["target"], labels["group"])
    assert auc <= LARGEST_AUC


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
