"""The project as it is here, in a folder of its own, with settings of its own."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[1]


def lay_out_project(folder: Path, parameters: Mapping[str, Any]) -> Path:
    """Copy what a run needs, without data and without the settings of whoever works here.

    Args:
        folder: Emptied if it is there.
        parameters: What differs from ``conf/base``, by section; may be empty.
    """
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("local", "__pycache__")
    for name in ("conf", "src"):
        shutil.copytree(PROJECT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder / name)
    local = folder / "conf/local"
    local.mkdir()
    (local / "parameters.yml").write_text(yaml.safe_dump(dict(parameters)))
    return folder
