"""Measure where there are only torch, torchvision, timm, pandas and pydantic. Import it first.

The package need not be installed, and where rich is missing there are no progress bars: they are
no part of what is measured.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any


def _track(items: Iterable[Any], **_: Any) -> Iterator[Any]:
    yield from items


if find_spec("face_forgery") is None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
if find_spec("joblib") is None:
    joblib: Any = ModuleType("joblib")
    joblib.cpu_count = os.cpu_count
    sys.modules["joblib"] = joblib
if find_spec("rich") is None:
    progress: Any = ModuleType("face_forgery.progress")
    progress.track = _track
    sys.modules["face_forgery.progress"] = progress
