"""Which code runs: the package, its commit, and the libraries that numbers depend on."""

import platform
import shlex
import subprocess
import sys
from datetime import date
from importlib import metadata as installed
from pathlib import Path
from typing import Any

import face_forgery
from face_forgery.data.redaction import mask
from face_forgery.datasets.base import ReadOnlyDataset

_LIBRARIES = ("torch", "torchvision", "timm", "numpy", "pillow")
_TIMEOUT_S = 10.0


class CodeVersionDataset(ReadOnlyDataset[dict[str, Any]]):
    """The version of the running code, as an input that nodes can store with their results.

    ``command`` is what was called, without passwords in URLs; ``git_dirty`` says whether the
    package's files differ from ``git_commit``. Both are ``None`` where the code does not lie in a
    git checkout of its own or git is not installed.
    """

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return the version, ready for JSON."""
        return {
            "date": date.today().isoformat(),
            "command": mask(shlex.join(["kedro", *sys.argv[1:]])),
            "face_forgery": face_forgery.__version__,
            **_describe_checkout(Path(face_forgery.__file__).parent),
            "python": platform.python_version(),
            **{name: installed.version(name) for name in _LIBRARIES},
        }


def _describe_checkout(folder: Path) -> dict[str, Any]:
    """Return commit and dirty flag of the checkout that tracks ``folder``."""
    # Installed into a virtual environment inside another project, the code is not that project's.
    if _ask_git(folder, "ls-files", "--error-unmatch", "__init__.py") is not None:
        commit = _ask_git(folder, "rev-parse", "HEAD")
        changes = _ask_git(folder, "status", "--porcelain", "--", ".")
        if commit is not None and changes is not None:
            return {"git_commit": commit, "git_dirty": bool(changes)}
    return {"git_commit": None, "git_dirty": None}


def _ask_git(folder: Path, *question: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *question],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
