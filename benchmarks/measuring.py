"""What the measurements share: the machine in a line, and images to measure with.

`bench.py` imports it first: it makes the package importable where only torch, torchvision, timm,
pandas and pydantic are installed.
"""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

NUM_DRAWN = 64  # different images; the others are copies under names of their own
SEED = 0

if find_spec("face_forgery") is None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
if find_spec("joblib") is None:
    joblib: Any = ModuleType("joblib")
    joblib.cpu_count = os.cpu_count
    sys.modules["joblib"] = joblib


def describe_machine(*packages: str) -> str:
    """Processor, cores, load, Python, versions of ``packages`` and the commit, in one line."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} at the start; Python {platform.python_version()}, {versions}; "
        f"commit {commit.stdout.strip()}"
    )


def write_images(folder: Path, count: int, side: int) -> list[Path]:
    """Write JPEGs of ``side`` x ``side`` pixels into ``folder``, and return their paths.

    They are smooth noise, which takes as many bytes and as long to decode as a photograph.
    """
    folder.mkdir(parents=True, exist_ok=True)
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
