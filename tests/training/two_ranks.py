"""Train every case in two processes and in one, and say how far apart they end.

Run: python two_ranks.py EMPTY_FOLDER. The last line is a report in JSON: for each case, the largest
difference in a row of the history and in a weight. Both processes are forked from this one before
it computes anything.
"""

import json
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
from PIL import Image

from face_forgery.config_loader import read_parameters
from face_forgery.data.labels.manifest import MANIFEST_COLUMNS
from face_forgery.data.loading.image_rows import ImageRows
from face_forgery.data.loading.loaders import EvalBatches, TrainBatches
from face_forgery.forgery.making.forger import Forger
from face_forgery.forgery.making.kinds import FORGING_KINDS
from face_forgery.forgery.making.landmark_table import LANDMARK_COLUMNS
from face_forgery.forgery.making.on_the_fly import TrainForgeries
from face_forgery.forgery.rendering.portraits import draw_portraits
from face_forgery.params import check_parameters
from face_forgery.training.distributed.process_group import Team
from face_forgery.training.run import Run, train

NUM_PICTURES = 14
CPU = torch.device("cpu")
ALWAYS = {
    "model.backbone": "test_vit",  # without batch normalization, whose averages are of one rank
    "preprocessing.image_size": 32,
    "augmentation.noise": 0.5,
    "training.epochs": 2,
    "training.batch_size": 5,  # shares of 2 and 3 images; the last of an epoch has 4, or 1 and 1
    "training.precision": "float32",
    "training.optimizer.name": "sgd",  # Adam blows the noise of zero gradients up to whole steps
    "training.optimizer.learning_rate": 0.02,
}
MIXED = {"training.mixup_alpha": 0.5, "training.cutmix_alpha": 0.5}
TERMS = {"training.loss.contrastive": 0.5, "training.loss.consistency": 0.5}
CASES = {
    "plain": {},
    "accumulate, average, clip, smooth": {
        "training.accumulate": 2,
        "training.ema_decay": 0.9,
        "training.grad_clip_norm": 0.5,
        "training.label_smoothing": 0.1,
    },
    "focal, mixed, consistent": MIXED
    | {"training.loss.name": "focal", "training.loss.consistency": 0.5},
    "bce, mixed": MIXED | {"training.loss.name": "bce"},
    "contrastive, accumulate": {"training.loss.contrastive": 1.0, "training.accumulate": 2},
    "forgeries, balanced, focal, all terms": TERMS
    | {
        "augmentation.forgeries.proportion": 0.5,
        "training.sampling": "balanced",
        "training.loss.name": "focal",
    },
    "LoRA, frozen batch normalization": TERMS
    | {"model.backbone": "test_resnet", "model.fine_tuning": "lora"},
    "norm": TERMS | {"model.fine_tuning": "norm"},
    "forgeries, mixed": MIXED | {"augmentation.forgeries.proportion": 0.5},
    "batches of fewer images than ranks": MIXED
    | {"training.batch_size": 1, "training.loss.consistency": 1.0},
    "batch normalization": TERMS | {"model.backbone": "test_resnet"},
}  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1])
    manifest, landmarks = draw_pictures(folder)
    children = []
    for rank in (0, 1):
        child = os.fork()
        if not child:
            try:
                work(folder, manifest, landmarks, rank)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert statuses == [0, 0], statuses
    sys.stdout.write((folder / "report.json").read_text() + "\n")


def draw_pictures(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw people, one in three of them called forged; return manifest and landmarks."""
    rows, points = [], []
    portraits = draw_portraits(4, seed=3)
    for index in range(NUM_PICTURES):
        portrait, name = portraits[index % 4], f"{index}.png"
        noise = np.random.default_rng(index).integers(-9, 10, portrait.pixels.shape)
        pixels = (portrait.pixels + noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name)
        height, width = pixels.shape[:2]
        values = ("train", index, name, name, int(index % 3 == 0), f"person {index % 4}")
        rows.append((*values, "photo", "mine", width, height, "PNG", None, None, name))
        points.append(("train", index, portrait.landmarks.ravel().tolist(), "ok", ""))
    manifest = pd.DataFrame(rows, columns=list(MANIFEST_COLUMNS)).astype(MANIFEST_COLUMNS)
    table = pd.DataFrame(points, columns=list(LANDMARK_COLUMNS)).astype(LANDMARK_COLUMNS)
    return manifest, table


def make_run(folder: Path, manifest: pd.DataFrame, landmarks: pd.DataFrame, changes: dict) -> Run:
    values = read_parameters(Path(__file__).parents[2] / "conf")
    for name, value in (ALWAYS | changes).items():
        *sections, key = name.split(".")
        section = values
        for part in sections:
            section = section[part]
        section[key] = value
    params = check_parameters(values)
    training, proportion = params.training, params.augmentation.forgeries.proportion
    forgeries = TrainForgeries.of(
        manifest, landmarks, Forger(dict.fromkeys(FORGING_KINDS, 1.0), 1.0),
        proportion=proportion, squares=None, side=None,
    ) if proportion else None  # fmt: skip
    rows = ImageRows.of(manifest, str(folder))
    return Run(
        TrainBatches(
            rows, params.preprocessing, params.augmentation, training.batch_size, training.seed, 0,
            training.sampling, forgeries,
        ),
        EvalBatches(rows, params.preprocessing, batch_size=4, num_workers=0),
        params.model,
        training,
        resume_from=None,
    )  # fmt: skip


def work(folder: Path, manifest: pd.DataFrame, landmarks: pd.DataFrame, rank: int) -> None:
    dist.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    team, report = Team.of_process_group(), {}
    for name, changes in CASES.items():
        run = make_run(folder, manifest, landmarks, changes)
        states = [copy_state() for copy_state in train(run, CPU, team)]
        if team.is_first:
            report[name] = distances(states, train_alone(run))
    run = make_run(folder, manifest, landmarks, MIXED | {"training.checkpoint_steps": 2})
    expected = train_alone(run)  # on both ranks: what one of them saved, both go on from
    begun = going_on(run, expected[0])
    states = [copy_state() for copy_state in train(begun, CPU, team)]
    if team.is_first:
        report["one process, then two"] = distances(states, expected)
        ended = train_alone(going_on(run, states[1]))
        report["one process, then two, then one"] = distances(ended, expected)
        (folder / "report.json").write_text(json.dumps(report))
    dist.destroy_process_group()


def train_alone(run):
    return [copy_state() for copy_state in train(run, CPU)]


def going_on(run, state):
    training = run.training.model_copy(update={"resume": True})
    return replace(run, training=training, resume_from=state)


def distances(states, expected):
    """Return how far apart the ends of two runs are."""
    rows = zip(states[-1].history, expected[-1].history, strict=True)
    names = expected[-1].history[0].keys() - {"seconds", "images_per_second"}
    of_history = [abs(row[name] - whole[name]) for row, whole in rows for name in names]
    whole = expected[-1].weights().weights
    of_weights = [
        (value - whole[name]).abs().max().item()
        for name, value in states[-1].weights().weights.items()
    ]
    return {"history": max(of_history), "weights": max(of_weights)}


if __name__ == "__main__":
    main()
