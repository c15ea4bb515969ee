"""How long the search for near-copies takes among 500,000 pictures. Limit: 300 s on 2 cores.

Run: python benchmarks/near_duplicates.py [--images 500000] [--planted 1000]

Hashes are those of pictures that share their low frequencies, as aligned faces do: each bit of a
hash repeats that of one of 200 prototypes with probability 0.8. Planted near-copies differ from
their original in up to six bits and have its thumbnail.
"""

import argparse
import resource
import time

import numpy as np
from place import describe_place

from face_forgery.data.duplicates import HashedPictures, near_identical_pairs

BITS = 6


def main() -> None:
    """Measure once and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=500_000)
    parser.add_argument("--planted", type=int, default=1000)
    arguments = parser.parse_args()
    print(describe_place("numpy", "faiss-cpu"))
    pictures, originals = draw(arguments.images, arguments.planted)
    start = time.perf_counter()
    found = set()
    candidates = 0

    def is_same_row(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        nonlocal candidates
        candidates += len(left)
        return left == right

    for left, right in near_identical_pairs(pictures, None, max_bits=BITS, skip=is_same_row):
        found |= {
            (min(pair), max(pair)) for pair in zip(left.tolist(), right.tolist(), strict=True)
        }
    seconds = time.perf_counter() - start
    num_rows = arguments.images
    planted = {(int(o), num_rows - arguments.planted + n) for n, o in enumerate(originals)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{num_rows:,} pictures, {candidates:,} candidates: {seconds:.0f} s, {peak:.2f} GiB; found "
        f"{len(planted & found):,} of {len(planted):,} planted pairs and {len(found - planted):,} "
        "others"
    )


def draw(num_images: int, num_planted: int) -> tuple[HashedPictures, np.ndarray]:
    """Return hashed pictures, the last of them near-copies of the rows that are returned."""
    rng = np.random.default_rng(0)
    num_originals = num_images - num_planted
    prototypes = rng.integers(0, 2, (200, 64), dtype=np.uint8)
    bits = prototypes[rng.integers(0, 200, num_originals)]
    bits ^= (rng.random(bits.shape) < 0.2).astype(np.uint8)
    thumbnails = rng.integers(0, 256, (num_originals, 256), dtype=np.uint8)
    originals = rng.choice(num_originals, num_planted, replace=False)
    copies = bits[originals].copy()
    for copy in copies:
        copy[rng.choice(64, rng.integers(0, BITS + 1), replace=False)] ^= 1
    packed = np.packbits(np.concatenate([bits, copies]), axis=1).view(np.uint64).ravel()
    same = np.concatenate([thumbnails, thumbnails[originals]])
    return HashedPictures(np.arange(num_images), packed, same), originals


if __name__ == "__main__":
    main()
