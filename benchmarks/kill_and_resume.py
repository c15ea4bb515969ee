"""Kill `kedro run --pipelines training` at random moments, resume, and compare the weights.

Run: python benchmarks/kill_and_resume.py [--kills 10] [--epochs 6] [--checkpoint-steps 2]

In a copy of the project with a reduced drawn set. One run is left alone. The other one is ended by
SIGKILL, process group and all, at a random moment of its training, and started again by the same
command with another number of loader workers. A run that ends before it is killed so often is
followed by another one. Prints what each kill left, and the SHA-256 of the weights of all epochs.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from place import describe_place
from project_copy import lay_out_project

SMALL = {
    "data.root": "data/01_raw/small",
    "demo_data.root": "data/01_raw/small",
    "demo_data.train_images": 192,
    "demo_data.val_images": 32,
    "demo_data.test_images": 4,
    "demo_data.image_size": 64,
    "model.backbone": "test_resnet",
    "preprocessing.image_size": 64,
    "training.batch_size": 8,
    "training.ema_decay": 0.99,
    "training.mixup_alpha": 0.2,
    "tracking.enabled": "false",
}
ALL_WEIGHTS = "data/06_models/epochs"
LOG = "run.log"
STATE = "data/06_models/training_state.pt"


def main() -> None:
    """Run once without and once with kills."""
    options = _parse()
    print(describe_place("torch", "timm", "kedro"))
    rng = random.Random(options.seed)
    print(f"seed {options.seed}, {options}")
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = _copies(Path(folder))
        process = _start(whole, options, num_workers=1)
        seconds = _seconds_until_the_end(process, whole)
        print(f"uninterrupted: {seconds:.0f} s of training, {_digest(whole)}", flush=True)
        kills, finished = 0, []
        while kills < options.kills or not finished:
            after = rng.uniform(0.0, 0.4) * seconds if kills < options.kills else None
            process = _start(broken, options, num_workers=kills % 3)
            was_killed = _kill(process, broken, after)
            if was_killed and not _has_all_epochs(broken, options.epochs):
                kills += 1
                print(f"kill {kills}: {_what_is_left(broken)}", flush=True)
                continue
            finished.append(_digest(broken))
            print(f"all epochs after {kills} kills: {finished[-1]}", flush=True)
            (broken / STATE).unlink()  # the next one, if there is one, starts anew
        is_equal = set(finished) == {_digest(whole)}
        print("equal" if is_equal else "DIFFERENT")
        sys.exit(0 if is_equal else 1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--checkpoint-steps", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    return parser.parse_args()


def _copies(folder: Path) -> list[Path]:
    first = lay_out_project(folder / "whole", {})
    for pipelines in ("demo_data", "ingestion,splitting"):
        subprocess.run(_command(pipelines, SMALL), cwd=first, check=True, capture_output=True)
    shutil.copytree(first, folder / "broken")
    return [first, folder / "broken"]


def _command(pipelines: str, params: dict[str, object]) -> list[str]:
    given = ",".join(f"{name}={value}" for name, value in params.items())
    return [sys.executable, "-m", "kedro", "run", "--pipelines", pipelines, "--params", given]


def _start(
    project: Path, options: argparse.Namespace, *, num_workers: int
) -> "subprocess.Popen[bytes]":
    params = SMALL | {
        "training.epochs": options.epochs,
        "training.checkpoint_steps": options.checkpoint_steps,
        "training.num_workers": num_workers,
        "training.resume": "true",
    }
    with (project / LOG).open("wb") as log:
        return subprocess.Popen(
            _command("training", params),
            cwd=project,
            start_new_session=True,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _wait_until_training(process: "subprocess.Popen[bytes]", project: Path) -> None:
    """Return when Kedro has said that it begins the node, or has ended."""
    while process.poll() is None and b"train_detector" not in (project / LOG).read_bytes():
        time.sleep(0.05)


def _seconds_until_the_end(process: "subprocess.Popen[bytes]", project: Path) -> float:
    _wait_until_training(process, project)
    start = time.monotonic()
    _check(process.wait(), project)
    return time.monotonic() - start


def _kill(process: "subprocess.Popen[bytes]", project: Path, after: float | None) -> bool:
    """Kill ``after`` seconds of training; say whether the process was still there to be killed."""
    _wait_until_training(process, project)
    try:
        _check(process.wait(timeout=after), project)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def _check(status: int, project: Path) -> None:
    if status:
        raise RuntimeError((project / LOG).read_text()[-2000:])


def _has_all_epochs(project: Path, epochs: int) -> bool:
    path = project / STATE
    return path.exists() and torch.load(path, weights_only=True)["epoch"] == epochs


def _what_is_left(project: Path) -> str:
    if not (project / STATE).exists():
        return "no state yet"
    state = torch.load(project / STATE, weights_only=True)
    epochs = len(list((project / ALL_WEIGHTS).glob("*.safetensors")))
    batches = state["progress"]["num_batches"]
    return f"{state['epoch']} epochs and {batches} batches, weights of {epochs} epochs"


def _digest(project: Path) -> str:
    sha = hashlib.sha256()
    for path in sorted((project / ALL_WEIGHTS).glob("*.safetensors")):
        sha.update(path.name.encode() + path.read_bytes())
    return sha.hexdigest()


if __name__ == "__main__":
    main()
