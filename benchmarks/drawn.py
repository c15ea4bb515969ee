"""Pictures to measure with: smooth noise, as large and as long to decode as a photograph."""

from pathlib import Path

import numpy as np
from PIL import Image

NUM_DRAWN = 64  # different pictures; the others are copies under names of their own
SEED = 0


def write_pictures(folder: Path, count: int, side: int) -> list[Path]:
    """Write JPEGs of ``side`` x ``side`` pixels into ``folder``, and return where they are."""
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(min(count, NUM_DRAWN)):
        coarse = rng.integers(0, 256, (14, 14, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        noisy = np.asarray(smooth) + rng.normal(0, 6, (side, side, 3))
        path = folder / "drawn.jpg"
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=90)
        drawn.append(path.read_bytes())
        path.unlink()
    paths = [folder / f"{number:06d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(drawn[number % len(drawn)])
    return paths
