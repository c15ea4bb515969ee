"""Numbers about whole pictures do not tell a forgery from its original."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from face_forgery.data.images.decoding import decode_rgb, read_rgb
from face_forgery.evaluation.audits.image_statistics import global_statistics
from face_forgery.forgery.making.contact_sheet import five_of_drawn
from face_forgery.forgery.making.draw import Forger, picture_rng
from face_forgery.forgery.making.kinds import FORGING_KINDS
from face_forgery.forgery.rendering.camera import encode_jpeg
from face_forgery.forgery.rendering.demo_set import face_of, plan_row
from face_forgery.forgery.rendering.render import render

SHIPPED = Path(__file__).parents[3] / "data/01_raw/demo/trainset"
LARGEST_AUC = 0.75
SIDE, SMALL = 160, 64


@pytest.fixture(scope="module")
def faces():
    """Pixels and five points of 150 real pictures of the shipped set."""
    plans = [plan for plan in (plan_row(0, "train", row) for row in range(300)) if not plan.target]
    found = []
    for plan in plans:
        points = five_of_drawn(render(face_of(plan), SMALL).landmarks)
        pixels = read_rgb(SHIPPED / plan.img_name)
        found.append((pixels, (points + 0.5) * SIDE / SMALL - 0.5))
    return found


def describe(pixels):
    small = cv2.resize(pixels, (144, 144), interpolation=cv2.INTER_AREA)
    jpeg = encode_jpeg(small, 85)
    return global_statistics(decode_rgb(jpeg), len(jpeg))


def auc_of(faces, forge):
    numbers = [describe(pixels) for pixels, _ in faces]
    numbers += [describe(forge(index)) for index in range(len(faces))]
    targets = np.repeat([0, 1], len(faces))
    groups = np.tile(np.arange(len(faces)), 2)
    scores = cross_val_predict(
        HistGradientBoostingClassifier(random_state=0),
        pd.DataFrame(numbers),
        targets,
        groups=groups,
        cv=GroupKFold(5),
        method="predict_proba",
    )
    return roc_auc_score(targets, scores[:, 1])


@pytest.mark.slow
def test_global_statistics_do_not_tell_forgeries_from_their_originals(faces):
    forger = Forger(dict.fromkeys(FORGING_KINDS, 1.0), 1.0)

    def forge(index):
        own, partner = faces[index], faces[(index + 1) % len(faces)]
        return forger.forge(*own, partner, picture_rng(0, 1, index)).pixels

    assert auc_of(faces, forge) <= LARGEST_AUC


@pytest.mark.slow
def test_the_same_measure_sees_forgeries_that_are_all_a_little_smoother(faces):
    def forge(index):
        return cv2.GaussianBlur(faces[index][0], (0, 0), 0.8)

    assert auc_of(faces, forge) > LARGEST_AUC
