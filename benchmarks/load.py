"""Twice the load that a served detector bears, 100,000 images, 500 epochs: does anything grow?

Run: python benchmarks/load.py [--parts served,page,ingestion,inference,training] [--work FOLDER]
     [--seconds 120] [--images 100000] [--epochs 500] [--figure docs/images/load.png]

`served` and `page` start the served detector and the page as people do, measure what they bear, ask
twice as often for so many seconds, and then again as before. `ingestion` (by headers, then by
pixels) and `inference` are `kedro run` over so many JPEGs of 96 x 96 pixels: 64 are drawn, each
file has its number in a comment. `training` is `kedro run --pipelines training` for so many epochs.
Every second it is looked what the process and its children hold. Ends with status 1 if a limit is
broken. The figure is drawn from what lies in the work folder, of earlier calls too.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from load_runs import infer, ingest, soak
from load_sampling import Verdict, read_samples
from load_server import overload
from matplotlib.figure import Figure
from measuring import describe_machine

from face_forgery.evaluation.reporting.style import make_figure, style_axes

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
PARTS = ("served", "page", "ingestion_headers", "ingestion_pixels", "inference", "training")


def main() -> None:
    """Run the chosen parts, one after the other."""
    options = _parse()
    work: Path = (options.work or Path(tempfile.mkdtemp(prefix="load-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[Callable[[], Verdict]]] = {
        "served": [partial(overload, work, "served", options.seconds)],
        "page": [partial(overload, work, "page", options.seconds)],
        "ingestion": [
            partial(ingest, work, options.images, check) for check in ("headers", "pixels")
        ],
        "inference": [partial(infer, work, options.images)],
        "training": [partial(soak, work, options.epochs)],
    }
    chosen = [name for name in options.parts.split(",") if name]
    if unknown := set(chosen) - parts.keys():
        sys.exit(f"unknown parts: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    is_kept = True
    for part in [part for name in chosen for part in parts[name]]:
        machine = describe_machine("torch", "timm", "kedro", "mlflow")
        print(machine, flush=True)
        verdict = part()
        verdict.report(work, machine)
        is_kept &= verdict.is_kept
    if options.figure:
        draw(work).savefig(options.figure)
    print(f"samples, logs and numbers: {work}")
    sys.exit(0 if is_kept else 1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="served,page,ingestion,inference,training")
    parser.add_argument("--work", type=Path, help="where samples, logs and numbers are kept")
    parser.add_argument("--seconds", type=int, default=120, help="of twice the load")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--figure", type=Path, help="a PNG")
    return parser.parse_args()


def draw(work: Path) -> Figure:
    """Return memory over time, a panel a part; a part without samples is left out."""
    there = [name for name in PARTS if (work / f"{name}.csv").exists()]
    figure = make_figure(8, 2.2 * max(1, len(there)))
    for number, name in enumerate(there, start=1):
        axes = figure.add_subplot(len(there), 1, number)
        samples = read_samples(work / f"{name}.csv")
        seconds = [sample.seconds for sample in samples]
        style_axes(axes, title=name.replace("_", ", "), xlabel="seconds", ylabel="resident, MiB")
        axes.plot(seconds, [sample.resident for sample in samples], linewidth=1.4)
        loaded = [sample.seconds for sample in samples if sample.stage == "load"]
        if loaded:
            axes.axvspan(loaded[0], loaded[-1], alpha=0.15, label="twice the load")
            axes.legend(frameon=False)
        axes.set_ylim(bottom=0)
    return figure


if __name__ == "__main__":
    main()
