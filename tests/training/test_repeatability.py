"""One seed, one result: neither workers, threads nor a restart change what comes out.

What makes it so, and what it costs (docs/reliability.md has the numbers):

- ``torch.manual_seed`` and cuDNN's deterministic kernels (`training.run.seed_torch`);
- every random draw of an image follows from (seed, epoch, index) (`data.loading.rng`);
- images are made in one thread of torch and OpenCV, in workers and without them, because
  ``interpolate`` of floats rounds otherwise in several (`data.loading.workers`);
- k-means, boosting, extremely randomized trees and the bootstrap's products are summed in one
  thread, because their sums over threads follow from the number of cores.

What is not: training in another number of torch's threads gives other last bits of the weights.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from threadpoolctl import threadpool_info, threadpool_limits

from face_forgery.data.degradation.operations import list_degradations
from face_forgery.data.splits.holdout import cluster_groups
from face_forgery.evaluation.audits import shortcuts
from face_forgery.evaluation.audits.shortcuts import measure_statistics, probe_shortcuts
from face_forgery.evaluation.metrics.bootstrap import Bootstrap, GroupResampler, bootstrap_metrics
from face_forgery.evaluation.metrics.proportions import measure_proportion
from face_forgery.evaluation.metrics.weighted import WeightedScores
from face_forgery.inference.degraded_scoring import score_degraded
from face_forgery.training.run import train

WORKERS = (1, 2, 4)
EVERYTHING = {
    "model.options": {"drop_rate": 0.3},
    "preprocessing.image_size": 48,
    "augmentation.forgeries.proportion": 0.5,
    "augmentation.horizontal_flip": 0.5,
    "augmentation.vertical_flip": 0.5,
    "augmentation.crop_scale": 0.5,
    "augmentation.color_jitter": 0.3,
    "augmentation.degradation": 1.0,
    "augmentation.blur": 0.5,
    "augmentation.noise": 0.5,
    "augmentation.jpeg": 0.5,
    "training.sampling": "balanced",
    "training.mixup_alpha": 0.4,
    "training.cutmix_alpha": 0.4,
    "training.label_smoothing": 0.1,
    "training.ema_decay": 0.9,
    "training.checkpoint_steps": 1,
}


@pytest.fixture
def paths(photographs):
    root, manifest, _ = photographs
    return [Path(root) / path for path in manifest["path"]]


@pytest.fixture
def threads():
    """Have torch work in four threads, as it does on a machine with four cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield 4
    torch.set_num_threads(before)


@pytest.fixture
def train_with(make_run):
    """Return a function that trains with a number of workers and gives all states."""

    def run(num_workers, **changes):
        workers = {"training.num_workers": num_workers, "scoring.num_workers": num_workers}
        run = make_run(**EVERYTHING | workers | changes)
        torch.manual_seed(num_workers)  # what was drawn before is another matter
        return [copy_state() for copy_state in train(run, torch.device("cpu"))]

    return run


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_training_is_the_same_with_any_number_of_workers_and_after_a_restart(
    train_with, assert_same_state
):
    alone = train_with(0)
    assert len(alone) > 6  # several saves an epoch
    for number in WORKERS:
        assert_same_state(train_with(number)[-1], alone[-1])
        going_on = {"training.resume": True}
        rest = train_with(number, resume_from=alone[number], **going_on)
        assert_same_state(rest[-1], alone[-1])
    other_seed = train_with(0, **{"training.seed": 1})
    assert other_seed[-1].history[-1]["train_loss"] != alone[-1].history[-1]["train_loss"]


@pytest.mark.usefixtures("threads")
def test_degraded_images_are_the_same_with_any_number_of_workers(make_detector, tmp_path):
    paths = []
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (196, 196, 3)).astype(np.uint8)
        paths.append(tmp_path / f"{seed}.png")
        Image.fromarray(pixels).save(paths[-1])
    states = [
        state for state in list_degradations(["deeper_forensics"]) if state.name == "pixelation"
    ]
    scores = [
        score_degraded(make_detector(image_size=196), paths, states, num_workers=number)
        for number in (0, *WORKERS)
    ]
    assert all(np.array_equal(scores[0], others) for others in scores[1:])


def test_images_are_made_in_one_thread_and_the_others_are_given_back(
    train_with, threads, monkeypatch
):
    seen = set()
    resize = torch.nn.functional.interpolate

    def look(*args, **options):
        seen.add(torch.get_num_threads())
        return resize(*args, **options)

    monkeypatch.setattr("torchvision.transforms.v2.functional._geometry.interpolate", look)
    train_with(0)
    assert seen == {1}
    assert torch.get_num_threads() == threads


def in_threads(measure, numbers=(1, 2, 4)):
    """Return what is measured in one thread, after comparing it with that in several."""
    found = []
    for number in numbers:
        with threadpool_limits(number):
            found.append(measure())
    assert all(one == found[0] for one in found)
    return found[0]


@pytest.fixture
def many_scores():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 120_000)
    ranked = WeightedScores(rng.random(len(targets)), targets)
    return ranked, GroupResampler(np.arange(len(targets)), targets, seed=0, order=ranked.order)


def test_intervals_do_not_depend_on_the_threads_of_a_product(many_scores):
    def resample():
        metrics, _ = bootstrap_metrics(*many_scores, max_fprs=np.array([0.01]), num_resamples=8)
        return {name: values.tobytes() for name, values in metrics.items()}

    in_threads(resample)


def test_a_proportion_does_not_depend_on_the_threads_of_a_product():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        groups = rng.integers(0, 60_000, 120_000)
        hits = rng.random(60_000)[groups] < 0.3  # alike within a group
        in_threads(partial(measure_proportion, hits, groups, confidence=0.95))


def test_clusters_do_not_depend_on_the_number_of_threads(monkeypatch):
    from sklearn.cluster import KMeans

    centers = []

    class Watched(KMeans):
        def predict(self, points):
            centers.append(self.cluster_centers_.tobytes())
            return super().predict(points)

    monkeypatch.setattr("face_forgery.data.splits.holdout.KMeans", Watched)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(1500, 64)).astype("<f4")
    groups = pd.Series([f"g{n}" for n in range(len(points))])
    in_threads(lambda: cluster_groups(groups, points, num_clusters=4, seed=0).tolist())
    assert centers[0] == centers[1] == centers[2]


def test_the_audit_does_not_depend_on_the_number_of_threads(paths, monkeypatch):
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

    statistics = [measure_statistics(paths, num_workers=number) for number in (0, *WORKERS)]
    assert all(statistics[0].equals(others) for others in statistics[1:])

    seen = []

    class Trees(ExtraTreesClassifier):
        def predict_proba(self, values):
            seen.append(("trees", self.n_jobs))
            return super().predict_proba(values)

    class Boosting(HistGradientBoostingClassifier):
        def fit(self, *data):
            seen.extend(("boosting", pool["num_threads"]) for pool in threadpool_info())
            return super().fit(*data)

    monkeypatch.setattr(shortcuts, "ExtraTreesClassifier", Trees)
    monkeypatch.setattr(shortcuts, "HistGradientBoostingClassifier", Boosting)
    monkeypatch.setattr(shortcuts, "_NUM_TREES", 10)
    rng = np.random.default_rng(0)
    values = {"source": "one", "format": "PNG", "width": 96, "height": 96}
    values |= {"target": np.arange(60) % 2, "group": [f"g{n}" for n in range(60)]}
    values |= {"num_bytes": rng.integers(9000, 11000, 60)}
    facts = pd.DataFrame(values | {"jpeg_quality": pd.array([None] * 60, dtype="Int64")})
    numbers = pd.DataFrame({f"n{n}": rng.normal(size=60) for n in range(12)})
    how = Bootstrap(num_resamples=20, confidence=0.9, seed=0)
    probe = partial(probe_shortcuts, facts, numbers, limit=0.65, num_folds=2, bootstrap=how)
    in_threads(probe, (2, 4))
    assert {what for what, _ in seen} == {"trees", "boosting"}
    assert {number for _, number in seen} == {1}
