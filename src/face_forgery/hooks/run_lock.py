"""The run lock: two runs that write the same files would spoil each other's results."""

import json
import logging
import os
import platform
import shlex
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from face_forgery.data.images.remote import is_url
from face_forgery.data.labels.manifest import show_examples

logger = logging.getLogger(__name__)

_FOLDER = "data/.runs"
# Outputs that are written only where a parameter says so: entry -> section and name.
_ONLY_WHERE = {"explanations_of_judged": ("inference", "explain")}


class RunLockError(RuntimeError):
    """Another run writes the same files; the message names its process."""


class RunLockHooks:
    """Refuse a run that would write what another one is writing.

    A run keeps a lock in ``data/.runs``, and beside it a file with the paths that it writes. The
    system frees the lock when the process ends, whatever way that is. Runs that write different
    files, such as two of inference with an ``inference.output`` each, go on side by side.
    """

    def __init__(self) -> None:
        self._lock: BaseFileLock | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the project and its parameters."""
        self._folder = Path(context.project_path) / _FOLDER
        self._values: dict[str, Any] = context.config_loader["parameters"]

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Lock what is to be written, before any of it is."""
        self._release()
        self._lock = lock_paths(self._folder, find_outputs(pipeline, catalog, self._values))

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Let others write."""
        self._release()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Let others write."""
        self._release()

    def _release(self) -> None:
        if self._lock is None:
            return
        self._lock.release()
        with suppress(OSError):  # a folder that became read-only is not why a run ends
            _remove(Path(self._lock.lock_file))
        self._lock = None


def find_outputs(
    pipeline: Pipeline, catalog: CatalogProtocol[Any, Any], values: Mapping[str, Any]
) -> list[str]:
    """Return the files and folders that a run with the parameters ``values`` writes, resolved."""
    found = set()
    for name in pipeline.all_outputs():
        section, key = _ONLY_WHERE.get(name, (None, ""))
        if name not in catalog or (section and not values.get(section, {}).get(key)):
            continue
        dataset = catalog.get(name)
        path = getattr(dataset, "_filepath", None) or getattr(dataset, "_root", None)
        if path is not None:
            found.add(str(path) if is_url(str(path)) else str(Path(path).resolve()))
    return sorted(found)


def lock_paths(folder: Path, paths: list[str]) -> BaseFileLock | None:
    """Lock ``paths`` for this process, until the lock is released or the process ends.

    Returns:
        The lock; ``None``, after a warning, where ``folder`` cannot hold one.

    Raises:
        RunLockError: If a process that is alive has locked one of the paths.
    """
    own = folder / f"{platform.node()}-{os.getpid()}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"):
            for path in sorted(folder.glob("*.lock")):
                if path != own:
                    _check_other(path, set(paths))
            lock: BaseFileLock = FileLock(own)
            lock.acquire(blocking=False)
            described = {
                "pid": os.getpid(),
                "machine": platform.node(),
                "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
                "since": time.strftime("%Y-%m-%d %H:%M:%S"),
                "paths": paths,
            }
            own.with_suffix(".json").write_text(json.dumps(described), "utf-8")
    except (OSError, Timeout) as error:
        logger.warning(
            "%s: no run lock can be kept there (%s): make sure yourself that no other run writes "
            "the same files",
            folder,
            error,
        )
        return None
    return lock


def _check_other(path: Path, paths: set[str]) -> None:
    try:
        FileLock(path).acquire(blocking=False).lock.release()
        _remove(path)  # its process has ended
    except Timeout:
        other = json.loads(path.with_suffix(".json").read_text("utf-8"))
        if shared := sorted(paths & set(other["paths"])):
            raise RunLockError(_refusal(other, shared, len(paths))) from None


def _remove(path: Path) -> None:
    for file in (path, path.with_suffix(".json")):
        file.unlink(missing_ok=True)


def _refusal(other: dict[str, Any], shared: list[str], num_paths: int) -> str:
    return (
        f"process {other['pid']} on {other['machine']} ({other['command']}, since "
        f"{other['since']}) is writing {len(shared)} of the {num_paths} paths that this run "
        f"would write: {show_examples(shared)}. Wait for its "
        f"end, or end it (kill {other['pid']}); inference of other images can have an "
        "inference.output of its own, anything else a copy of the project"
    )
