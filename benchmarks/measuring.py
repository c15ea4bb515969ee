"""What the measurements share: the machine in a line, and images to measure with.

`bench.py` imports it first: it makes the package importable where only torch, torchvision, timm,
pandas, pydantic and what they need are installed.
"""

import os
import platform
import subprocess
import sys
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

NUM_DRAWN = 64  # different images; the others are copies under names of their own
SEED = 0

_NOT_CALLED = ["av", "cv2", "faiss", "joblib", "lazy_loader", "scipy", "sklearn", "threadpoolctl"]
MISSING = {name for name in _NOT_CALLED if find_spec(name) is None}

if find_spec("face_forgery") is None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))


class _StandIn(ModuleType):
    """A package that is not installed: it can be imported, and what it has cannot be called."""

    def __getattr__(self, name: str) -> Any:
        known = {
            "cpu_count": os.cpu_count,
            "attach_stub": _attach_nothing,
            "setNumThreads": lambda number: None,  # of OpenCV, whose threads do nothing then
        }
        if name in known:
            return known[name]
        if name.startswith("__"):
            raise AttributeError(name)
        return partial(_refuse, f"{self.__name__}.{name}")


def _attach_nothing(*_: str) -> tuple[Any, ...]:
    return partial(getattr, object()), list, []


def _refuse(name: str, *_: object, **__: object) -> None:
    raise ModuleNotFoundError(f"{name} was called and is not installed", name=name)


class _StandIns(MetaPathFinder, Loader):
    """Finds packages that the package imports and that nothing measured calls."""

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in MISSING:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


sys.meta_path.append(_StandIns())


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
