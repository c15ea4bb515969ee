"""A head on features that are computed once: how fast they come, and what its training takes.

Run: python benchmarks/probe.py [--images 100000] [--side 96] [--size 96] [--backbone NAME]
     [--truncate-after MODULE] [--epochs 6] [--workers N] [--jpeg]

Drawn JPEGs of ``--side`` pixels, and a hundredth more to validate on, go through a network with
random weights that sees ``--size`` pixels. Its rival is the same network on images that are in
memory already, measured before and after. ``--jpeg`` encodes each image once more, as
`--env generalize` does. The head is trained and validated as `kedro run --pipelines training` does.
"""

import measuring  # first: it finds the package where it is not installed

# isort: split
import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import ours
import torch

from face_forgery.data.loading.loaders import eval_loader
from face_forgery.modeling.forward_path import pick_device
from face_forgery.params import Parameters
from face_forgery.training.kept_features import keep_features
from face_forgery.training.loop import train_epochs
from face_forgery.training.run import keep_freed_memory
from face_forgery.training.state import TrainState, build_state
from face_forgery.training.step_settings import StepSettings
from face_forgery.training.training_data import Run
from face_forgery.training.validation import validate

LEAST_SHARE, MOST_SECONDS = 0.9, 60.0
SECONDS = 20.0  # of the rival, before and after
BATCH = 64


def main() -> None:
    """Measure and print."""
    options = _parse()
    print(measuring.describe_machine("torch", "timm"), f"; seed {ours.SEED}", flush=True)
    params = _parameters(options)
    device = pick_device()
    with tempfile.TemporaryDirectory() as folder:
        run = _make_run(Path(folder), options.images, options.side, params)
        _measure(run, params, device)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=96, help="pixels of a file")
    parser.add_argument("--size", type=int, default=96, help="pixels that the network sees")
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--truncate-after", help="its last module; else all of it")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--workers", type=int, help="of the loader; else as many as cores")
    parser.add_argument("--jpeg", action="store_true", help="encode each image once more")
    return parser.parse_args()


def _parameters(options: argparse.Namespace) -> Parameters:
    return ours.change_parameters(
        {
            "model.backbone": options.backbone,
            "model.truncate_after": options.truncate_after,
            "model.fine_tuning": "linear",
            "preprocessing.image_size": options.size,
            "augmentation.jpeg": float(options.jpeg),
            "augmentation.jpeg_quality": [40, 100],
            "training.feature_views": 1,
            "training.epochs": options.epochs,
            "training.batch_size": BATCH,
        }
        | ({} if options.workers is None else {"training.num_workers": options.workers})
    )


def _make_run(folder: Path, count: int, side: int, params: Parameters) -> Run:
    paths = measuring.write_images(folder, count + max(BATCH, count // 100), side)
    validation = replace(ours.training_loader(paths[count:], params).dataset, augmentation=None)
    return Run(
        ours.training_loader(paths[:count], params),
        eval_loader(validation, batch_size=BATCH, num_workers=1),
        params.model,
        params.training,
    )


def _measure(run: Run, params: Parameters, device: torch.device) -> None:
    num_batches = len(run.train_loader)
    keep_freed_memory()
    size = params.preprocessing.image_size
    state = build_state(params.model, params.training, size, num_batches, device)
    settings = StepSettings.of(params.training, device, num_batches)
    rates = [_rate_from_memory(state, settings, size, device)]
    start = time.monotonic()
    run = keep_features(run, state.network, settings)
    seconds = time.monotonic() - start
    rates.append(_rate_from_memory(state, settings, size, device))
    sets: list[Any] = [run.train_loader.dataset, run.val_loader.dataset]
    rate = sum(map(len, sets)) / seconds
    share = rate / (sum(rates) / 2)
    print(f"features: {rate:.0f} images/s, {seconds:.0f} s; the network from memory")
    print(
        f"{rates[0]:.0f} before, {rates[1]:.0f} after: {share:.2f} of it (at least {LEAST_SHARE})"
    )
    start = time.monotonic()
    for _ in train_epochs(state, run.train_loader, settings, epochs=params.training.epochs):
        validate(state.judged_network, run.val_loader, None, device)
    seconds = time.monotonic() - start
    epochs = f"{params.training.epochs} epochs of {len(sets[0]):,} images"
    print(f"head: {epochs} in {seconds:.1f} s (at most {MOST_SECONDS:.0f})")


def _rate_from_memory(
    state: TrainState, settings: StepSettings, size: int, device: torch.device
) -> float:
    """Return images a second of the network alone, as features are computed."""
    pixels = ours.random_images(BATCH, size).to(device)
    network = state.network.eval()
    num_batches, seconds = 0, 0.0
    with torch.inference_mode(), settings.autocast():
        network.logits_and_features(pixels)
        start = time.monotonic()
        while seconds < SECONDS:
            network.logits_and_features(pixels)[1].float().cpu()
            num_batches, seconds = num_batches + 1, time.monotonic() - start
    return num_batches * BATCH / seconds


if __name__ == "__main__":
    main()
