"""Time the search for near-identical pictures among many hashes, and count what it finds.

Two spreads: ``uniform`` hashes, and ``skewed`` ones, half of which lie near few centers, as
aligned faces of few people do. Pairs of a picture and a copy are planted in both.

    python benchmarks/near_duplicates.py --pictures 500000
"""

import argparse
import os
import platform
import resource
import subprocess
import time
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from face_forgery.data.splits.near_duplicates import (
    MAX_BITS,
    HashedImages,
    Positions,
    near_identical_pairs,
)

NUM_CENTERS = 2000
CENTER_BITS = 5  # flipped around a center, at most
NOISE = 3  # of 255, added to the thumbnail of a copy


def main() -> None:
    """Print the surroundings, then a line for each spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=500_000)
    parser.add_argument("--planted", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    faiss.omp_set_num_threads(args.threads)
    describe_surroundings(args)
    for spread in ("uniform", "skewed"):
        pictures, planted = draw_pictures(args, skewed=spread == "skewed")
        start = time.perf_counter()
        found, others = search(pictures, planted)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{spread}: found {found:,} of {args.planted:,} planted pairs, {others:,} other pairs, "
            f"{seconds:.1f} s, peak memory of the process so far {peak:.2f} GiB",
            flush=True,
        )


def draw_pictures(
    args: argparse.Namespace, *, skewed: bool
) -> tuple[HashedImages, NDArray[np.int64]]:
    """Return pictures, the last of which are copies, and the position of each copy's original."""
    rng = np.random.default_rng(args.seed)
    num_originals = args.pictures - args.planted
    hashes = rng.integers(0, 2**64, num_originals, dtype=np.uint64)
    if skewed:
        half = num_originals // 2
        centers = rng.integers(0, 2**64, NUM_CENTERS, dtype=np.uint64)
        hashes[:half] = flip(centers[rng.integers(0, NUM_CENTERS, half)], CENTER_BITS, rng)
    thumbnails = rng.integers(0, 256, (num_originals, 256), dtype=np.uint8)
    planted = rng.choice(num_originals, args.planted, replace=False)
    noise = rng.integers(-NOISE, NOISE + 1, (args.planted, 256))
    copies = np.clip(thumbnails[planted] + noise, 0, 255).astype(np.uint8)
    all_hashes = np.concatenate([hashes, flip(hashes[planted], MAX_BITS, rng)])
    positions = np.arange(args.pictures)
    return HashedImages(positions, all_hashes, np.concatenate([thumbnails, copies])), planted


def flip(hashes: NDArray[np.uint64], at_most: int, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Flip up to ``at_most`` random bits of each hash."""
    flipped = hashes.copy()
    for _ in range(at_most):
        flipped ^= np.uint64(1) << rng.integers(0, 64, len(hashes), dtype=np.uint64)
    return flipped


def search(pictures: HashedImages, planted: NDArray[np.int64]) -> tuple[int, int]:
    """Return the number of planted pairs found and of other pairs found."""
    first_copy = len(pictures.positions) - len(planted)
    wanted = {(int(a), first_copy + n) for n, a in enumerate(planted)}

    def is_itself(left: Positions, right: Positions) -> NDArray[np.bool_]:
        return np.asarray(left == right)

    found: set[tuple[int, int]] = set()
    blocks = near_identical_pairs(pictures, None, skip=is_itself)
    for left, right in blocks:
        low, high = np.minimum(left, right), np.maximum(left, right)
        found.update(zip(low.tolist(), high.tolist(), strict=True))
    return len(found & wanted), len(found - wanted)


def describe_surroundings(args: argparse.Namespace) -> None:
    """Print hardware, load, versions, seed and commit."""
    here = Path(__file__).parent
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    commit = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, {args.threads} threads of the search")
    print(f"load before: {os.getloadavg()}")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, faiss {faiss.__version__}")
    print(f"{args.pictures:,} pictures, {MAX_BITS} bits, seed {args.seed}")
    print(f"commit {commit.stdout.strip() or 'unknown'}", flush=True)


if __name__ == "__main__":
    main()
