"""How long it takes to judge a million scores with a thousand resamples. Limit: 60 s and 2 GB.

Run: python benchmarks/bootstrap_speed.py [--images 1000000] [--resamples 1000]
"""

import argparse
import resource
import time

import numpy as np
from place import describe_place

from face_forgery.evaluation.metrics.bootstrap import Bootstrap
from face_forgery.evaluation.metrics.metric_report import evaluate


def main() -> None:
    """Measure once and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--grouped", action="store_true", help="four images a group")
    arguments = parser.parse_args()
    print(describe_place("numpy", "scikit-learn", "joblib"))
    rng = np.random.default_rng(0)
    targets = np.arange(arguments.images) % 2
    scores = 1 / (1 + np.exp(-rng.normal(2.0 * targets - 1.0, 1.4)))
    groups = np.arange(arguments.images) // (4 if arguments.grouped else 1)
    start = time.perf_counter()
    evaluate(scores, targets, groups, Bootstrap(arguments.resamples, confidence=0.95, seed=0))
    seconds = time.perf_counter() - start
    peak = sum(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(
        f"{arguments.images:,} scores x {arguments.resamples:,} resamples: {seconds:.1f} s; "
        f"this process and its largest child {peak / 2**20:.2f} GiB"
    )


if __name__ == "__main__":
    main()
