"""Train every case in two processes and in one, and say how far apart they end.

Run: python two_ranks.py EMPTY_FOLDER RUNS, where RUNS is a pickle of what `test_process_group`
names. The last line is a report in JSON: for each case, the largest difference in a row of the
history and in a weight. Both processes are forked from this one before it computes anything.
"""

import json
import os
import pickle
import sys
import traceback
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
import torch.distributed as dist

from face_forgery.training.run import train
from face_forgery.training.training_data import Run

CPU = torch.device("cpu")


def main() -> None:
    folder = Path(sys.argv[1])
    runs = pickle.loads(Path(sys.argv[2]).read_bytes())
    children = []
    for rank in (0, 1):
        child = os.fork()
        if not child:
            try:
                work(folder, rank, **runs)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert statuses == [0, 0], statuses
    sys.stdout.write((folder / "report.json").read_text() + "\n")


def work(folder: Path, rank: int, *, cases: dict[str, Run], sliced: list[Run], begun: Run) -> None:
    expected = {name: train_here(run) for name, run in cases.items()} if rank == 0 else {}
    whole = train_here(begun)  # by both: what one process saved, both ranks go on from
    dist.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    ends = {name: train_here(run) for name, run in cases.items()}
    ends_of_slices = [train_here(run) for run in sliced]
    both = train_here(going_on(begun, whole[0]))  # from the middle of the first epoch on
    dist.destroy_process_group()
    if rank:
        return
    report = {name: distances(ends[name], expected[name]) for name in cases}
    report["one process, then two"] = distances(both, whole)
    last = train_here(going_on(begun, both[1]))  # from the middle of the second
    report["one process, then two, then one"] = distances(last, whole)
    losses = [row["train_loss"] for states in ends_of_slices for row in states[-1].history]
    report["finite"] = bool(np.isfinite(losses).all())
    (folder / "report.json").write_text(json.dumps(report))


def train_here(run: Run) -> list:
    return [copy_state() for copy_state in train(run, CPU)]


def going_on(run, state):
    training = run.training.model_copy(update={"resume": True})
    return replace(run, training=training, resume_from=state)


def distances(states, expected):
    """Return how far apart the ends of two runs are."""
    rows = zip(states[-1].history, expected[-1].history, strict=True)
    # Of twelve images two may change their order by rounding: val_loss sees the same scores.
    names = expected[-1].history[0].keys() - {"seconds", "images_per_second", "val_auc"}
    of_history = [abs(row[name] - whole[name]) for row, whole in rows for name in names]
    whole = expected[-1].weights().weights
    of_weights = [
        (value - whole[name]).abs().max().item()
        for name, value in states[-1].weights().weights.items()
    ]
    return {"history": max(of_history), "weights": max(of_weights)}


if __name__ == "__main__":
    main()
