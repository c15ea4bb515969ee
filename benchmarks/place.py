"""Where a number was measured."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path


def describe_place(*packages: str) -> str:
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
