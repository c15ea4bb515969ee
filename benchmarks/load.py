"""Twice the load that a served detector bears, 100,000 pictures, 500 epochs: does anything grow?

Run: python benchmarks/load.py [--parts served,page,ingestion,inference,training] [--work FOLDER]
     [--seconds 120] [--pictures 100000] [--epochs 500] [--figure docs/images/load.png]

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
from pathlib import Path

from load_verdict import Verdict
from place import describe_place

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")


def main() -> None:
    """Run the chosen parts, one after the other."""
    options = _parse()
    work: Path = (options.work or Path(tempfile.mkdtemp(prefix="load-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    parts = _parts(work, options)
    chosen = [name for name in options.parts.split(",") if name]
    if unknown := set(chosen) - parts.keys():
        sys.exit(f"unknown parts: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    is_kept = True
    for name in chosen:
        for part in parts[name]:
            place = describe_place("torch", "timm", "kedro", "mlflow")
            print(place, flush=True)
            verdict = part()
            verdict.show()
            verdict.write(work, place)
            is_kept &= verdict.is_kept
    if options.figure:
        from load_figure import draw

        draw(work).savefig(options.figure)
    print(f"samples, logs and numbers: {work}")
    sys.exit(0 if is_kept else 1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="served,page,ingestion,inference,training")
    parser.add_argument("--work", type=Path, help="where samples, logs and numbers are kept")
    parser.add_argument("--seconds", type=int, default=120, help="of twice the load")
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--figure", type=Path, help="a PNG")
    return parser.parse_args()


def _parts(work: Path, options: argparse.Namespace) -> dict[str, list[Callable[[], Verdict]]]:
    def infer() -> Verdict:
        from load_runs import infer

        return infer(work, options.pictures)

    def ingest(check: str) -> Callable[[], Verdict]:
        def run() -> Verdict:
            from load_runs import ingest

            return ingest(work, options.pictures, check)

        return run

    def soak() -> Verdict:
        from load_runs import soak

        return soak(work, options.epochs)

    def overload(name: str) -> Callable[[], Verdict]:
        def run() -> Verdict:
            from load_server import overload

            return overload(work, name, options.seconds)

        return run

    return {
        "served": [overload("served")],
        "page": [overload("page")],
        "ingestion": [ingest("headers"), ingest("pixels")],
        "inference": [infer],
        "training": [soak],
    }


if __name__ == "__main__":
    main()
