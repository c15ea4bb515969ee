"""Numbers about whole images do not tell a forgery from its original."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from face_forgery.data.images.decoding import decode_rgb, read_rgb
from face_forgery.evaluation.audits.image_statistics import global_statistics
from face_forgery.forgery.making.forger import Forger, image_rng
from face_forgery.forgery.making.kinds import FORGING_KINDS
from face_forgery.forgery.making.landmarks import five_of
from face_forgery.forgery.rendering.camera import encode_jpeg
from face_forgery.forgery.rendering.demo_set import face_of, plan_row
from face_forgery.forgery.rendering.portraits import render

SHIPPED = Path(__file__).parents[3] / "data/01_raw/demo/trainset"
LARGEST_AUC = 0.75
SIDE, SMALL = 160, 64


@pytest.fixture(scope="module")
def faces():
    """Pixels and five points of 150 real images of the shipped set."""
    plans = [plan for plan in (plan_row(0, "train", row) for row in range(300)) if not plan.target]
    found = []
    for plan in plans:
        points = five_of(render(face_of(plan), SMALL).landmarks)
        pixels = read_rgb(SHIPPED / plan.img_name)
        found.append((pixels, (points + 0.5) * SIDE / SMALL - 0.5))
    return found


def describe(pixels):
    small = cv2.resize(pixels, (144, 144), interpolation=cv2.INTER_AREA)
    jpeg = encode_jpeg(small, 85)
    return global_statistics(decode_rgb(jpeg), len(jpeg))


def auc_of(auc_of_statistics, faces, forge):
    numbers = [describe(pixels) for pixels, _ in faces]
    numbers += [describe(forge(index)) for index in range(len(faces))]
    targets = np.repeat([0, 1], len(faces))
    groups = np.tile(np.arange(len(faces)), 2)
    return auc_of_statistics(numbers, targets, groups)


@pytest.mark.slow
def test_global_statistics_do_not_tell_forgeries_from_their_originals(faces, auc_of_statistics):
    forger = Forger(dict.fromkeys(FORGING_KINDS, 1.0), 1.0)

    def forge(index):
        own, partner = faces[index], faces[(index + 1) % len(faces)]
        return forger.forge(*own, partner, image_rng(0, 1, index)).pixels

    assert auc_of(auc_of_statistics, faces, forge) <= LARGEST_AUC


@pytest.mark.slow
def test_the_same_measure_sees_forgeries_that_are_all_a_little_smoother(faces, auc_of_statistics):
    def forge(index):
        return cv2.GaussianBlur(faces[index][0], (0, 0), 0.8)

    assert auc_of(auc_of_statistics, faces, forge) > LARGEST_AUC
