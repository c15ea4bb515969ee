"""Train a tiny detector once without a break, and once with SIGKILL at random moments.

Run: python run_and_kill.py EMPTY_FOLDER GIVEN, where GIVEN is a pickle of the images and the
parameters. The last line is a report in JSON. Each part of the broken run is a process of its own,
forked from this one before it computes anything, and trains through the catalog's own data sets;
the number of loader workers changes from part to part.
"""

import hashlib
import json
import logging
import os
import pickle
import random
import signal
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import torch

from face_forgery.data.loading.loaders import eval_loader, train_loader
from face_forgery.datasets.atomic import AtomicDataset
from face_forgery.datasets.training_files import EpochWeightsDataset, TrainingStateDataset
from face_forgery.pipelines.training.nodes import train_detector

NUM_PARTS_KILLED = 3


def main() -> None:
    folder, given = Path(sys.argv[1]), pickle.loads(Path(sys.argv[2]).read_bytes())
    logging.disable(logging.INFO)
    assert in_a_process(folder / "whole", *given, num_workers=0) == 0
    report = {"uninterrupted": digest(folder / "whole"), "num_kills": 0}
    report["num_kills_within_an_epoch"] = 0
    rng = random.Random(time.time_ns())
    for part in range(100):
        is_last = part >= NUM_PARTS_KILLED
        kill_after = None if is_last else rng.uniform(1, 4)
        how = {"num_workers": part % 3, "kill_after": kill_after}
        status = in_a_process(folder / "parts", *given, **how)
        if status == 0:
            break
        assert status == -signal.SIGKILL, status
        report["num_kills"] += 1
        state = TrainingStateDataset(filepath=str(folder / "parts/state.pt")).load()
        if state is not None and state.progress["num_batches"]:
            report["num_kills_within_an_epoch"] += 1
    report["resumed"] = digest(folder / "parts")
    sys.stdout.write(json.dumps(report) + "\n")


def in_a_process(*how, **settings):
    """Train or go on with training; return how it ended."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        try:
            train(*how, **settings)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def train(out, train_set, params, *, num_workers, kill_after=None):
    """Train; end by SIGKILL ``kill_after`` saved steps (a fraction: within the next)."""
    changes = {"num_workers": num_workers, "resume": True}
    training, val_set = (
        params.training.model_copy(update=changes),
        replace(train_set, augmentation=None),
    )
    state = TrainingStateDataset(filepath=str(out / "state.pt"))
    datasets = (
        EpochWeightsDataset(filepath=str(out / "epochs")),
        AtomicDataset(dataset={"type": "json.JSONDataset", "filepath": str(out / "history.json")}),
        state,
    )
    yields = train_detector(
        train_loader=train_loader(train_set, training),
        val_loader=eval_loader(val_set, batch_size=32, num_workers=0),
        val_holdout=None,
        model=params.model,
        training=training,
        cluster=params.cluster,
        resume_from=state.load(),
    )
    for num_saved, values in enumerate(yields, start=1):
        for dataset, value in zip(datasets, values, strict=True):  # as Kedro saves each yield
            dataset.save(value)
        if kill_after is not None and num_saved == int(kill_after):
            die = partial(os.kill, os.getpid(), signal.SIGKILL)  # workers notice by themselves
            threading.Timer(0.05 * (kill_after % 1), die).start()


def digest(out: Path) -> str:
    """Of all that later work goes by: weights of every epoch, the state, the history."""
    sha = hashlib.sha256()
    for path in sorted((out / "epochs").glob("*.safetensors")):
        sha.update(path.name.encode() + path.read_bytes())
    state = torch.load(out / "state.pt", weights_only=True)
    for part in ("network", "average"):
        for name, value in sorted(state[part].items()):
            sha.update(name.encode() + value.contiguous().numpy().tobytes())
    for row in json.loads((out / "history.json").read_text()):
        kept = {name: row[name] for name in sorted(row) if "second" not in name}
        sha.update(json.dumps(kept).encode())
    return sha.hexdigest()


if __name__ == "__main__":
    main()
