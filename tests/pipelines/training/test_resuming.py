"""A run that was stopped, at any moment, is continued to the same weights."""

import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CONSTANT = {
    "training.schedule": {"name": "constant", "step_epochs": None, "gamma": None},
    "training.warmup_epochs": 0,
}
EVERYTHING = {
    "model.options": {"drop_rate": 0.3},
    "augmentation.noise": 0.5,
    "training.batch_size": 2,
    "training.accumulate": 2,
    "training.sampling": "balanced",
    "training.mixup_alpha": 0.4,
    "training.cutmix_alpha": 0.4,
    "training.label_smoothing": 0.1,
    "training.ema_decay": 0.9,
    "training.optimizer.layer_decay": 0.7,
    "training.checkpoint_steps": 1,
}


def test_a_run_that_ends_anywhere_is_continued_by_another_number_of_workers(
    train, resume, assert_same_end
):
    whole = list(train(**EVERYTHING))
    assert len(whole) == 6  # three steps an epoch
    for num_yields in (1, 3):
        workers = {"training.num_workers": num_yields // 3}
        rest = resume(whole[num_yields - 1][2], **EVERYTHING | workers)
        assert [one[0].epoch for one in rest] == [one[0].epoch for one in whole[num_yields:]]
        assert_same_end(rest, whole)


def test_a_run_may_be_lengthened_where_the_schedule_does_not_mind(train, assert_same_weights):
    *_, last = train(**CONSTANT)
    (first,) = train(**CONSTANT | {"training.epochs": 1})
    (second,) = train(first[2], **CONSTANT, **{"training.resume": True})
    assert_same_weights(second[0].weights, last[0].weights)
    assert [one[0].epoch for one in train(first[2], **CONSTANT)] == [1, 2]  # without resume anew


def test_a_run_killed_within_an_epoch_leaves_whole_epochs_and_is_continued(
    run, make_catalog, monkeypatch, assert_same_weights
):
    changes = EVERYTHING | {"training.resume": True}
    whole = run(**changes)
    expected = whole.load("epoch_weights")[2]().weights
    whole.get("training_state")._filepath.unlink()

    def killed_after_a_step_of_epoch_2(*args, **kwargs) -> Iterator[Any]:
        for number, report in enumerate(train_epochs(*args, **kwargs), start=1):
            yield report
            if number == 4:
                raise KeyboardInterrupt

    from face_forgery.training.loop import train_epochs

    with monkeypatch.context() as patch:
        patch.setattr("face_forgery.training.run.train_epochs", killed_after_a_step_of_epoch_2)
        with pytest.raises(KeyboardInterrupt):
            run(**changes)
    catalog = make_catalog(**changes)
    assert list(catalog.load("epoch_weights")) == [1]  # that of the older run is gone
    saved = catalog.load("training_state")
    assert (saved.epoch, saved.progress["num_batches"], saved.num_steps) == (1, 2, 4)
    catalog = run(**changes)
    assert_same_weights(catalog.load("epoch_weights")[2]().weights, expected)
    assert [row["epoch"] for row in catalog.load("training_history")] == [1, 2]


@pytest.mark.slow
def test_final_weights_are_the_same_after_kills_at_random_moments(
    tmp_path, make_faces, make_params, build_loader
):
    """Eight steps an epoch, each of which is saved."""
    changes = EVERYTHING | {"training.batch_size": 4}
    images = build_loader(make_faces(64, name="many"), **changes).dataset
    given, script = tmp_path / "given.pickle", Path(__file__).with_name("run_and_kill.py")
    given.write_bytes(pickle.dumps((images, make_params(**changes))))
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(given)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["num_kills"] >= 3, report
    assert report["num_kills_within_an_epoch"] >= 1, report
    assert report["resumed"] == report["uninterrupted"]
