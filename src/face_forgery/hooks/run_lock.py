"""Which run writes what: two that write the same files would spoil each other's."""

import json
import logging
import os
import platform
import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from face_forgery.data.images.remote import is_url

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

_FOLDER = "data/.runs"
_EXAMPLES_SHOWN = 3
# Outputs that are written only where a parameter says so: entry -> section and name.
_ONLY_WHERE = {"explanations_of_judged": ("inference", "explain")}


class OtherRunError(RuntimeError):
    """Another run writes the same files; the message names its process."""


class ClaimHooks:
    """Refuse a run that would write what another one is writing.

    A run keeps a file with what it writes in ``data/.runs`` and a lock on it, which the system
    takes back when the process ends, whatever way that is. Runs that write different files, such
    as two of inference with an ``inference.output`` each, do not see each other.
    """

    def __init__(self) -> None:
        self._claim: Claim | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the project and its parameters."""
        self._project_path = Path(context.project_path)
        self._values: dict[str, Any] = context.config_loader["parameters"]

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Claim what is to be written, before any of it is."""
        self._release()
        self._claim = Claim(self._project_path / _FOLDER, self._places(pipeline, catalog))

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Let others write."""
        self._release()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Let others write."""
        self._release()

    def _places(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> list[str]:
        found = set()
        for name in pipeline.all_outputs():
            section, key = _ONLY_WHERE.get(name, (None, ""))
            if name not in catalog or (section and not self._values.get(section, {}).get(key)):
                continue
            dataset = catalog.get(name)
            place = getattr(dataset, "_filepath", None) or getattr(dataset, "_root", None)
            if place is not None:
                found.add(str(place) if is_url(str(place)) else str(Path(place).resolve()))
        return sorted(found)

    def _release(self) -> None:
        if self._claim is not None:
            self._claim.release()
            self._claim = None


class Claim:
    """What this process writes, until it is released or the process ends.

    The locks are POSIX record locks: they belong to a process, and its children have none of them.

    Args:
        folder: Where the runs of a project know of each other.
        places: Files and folders, by one name each.

    Raises:
        OtherRunError: If a process that lives has claimed one of them.
    """

    def __init__(self, folder: Path, places: list[str]) -> None:
        self._path = folder / f"{platform.node()}-{os.getpid()}.json"
        self._file: IO[str] | None = None
        if sys.platform == "win32":
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "lock").open("w") as gate:
                fcntl.lockf(gate, fcntl.LOCK_EX)
                self._check_others(folder, set(places))
                self._file = self._path.open("w+", encoding="utf-8")
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                json.dump(_describe_run(places), self._file)
                self._file.flush()
        except OSError as error:
            self.release()
            logger.warning(
                "%s: no lock can be kept there (%s): see to it yourself that no other run writes "
                "the same files",
                folder,
                error,
            )

    def release(self) -> None:
        """Give up the claim; where its file cannot be removed, the next run does it."""
        if self._file is not None:
            with suppress(OSError):  # a folder that became read-only is not why a run ends
                self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def _check_others(self, folder: Path, places: set[str]) -> None:
        for path in sorted(folder.glob("*.json")):
            if path == self._path:
                continue
            other = _read_if_alive(path)
            if other is None:
                path.unlink(missing_ok=True)
            elif shared := sorted(places & set(other["places"])):
                raise OtherRunError(_refusal(other, shared, len(places)))


def _read_if_alive(path: Path) -> dict[str, Any] | None:
    """Return what a run has claimed, ``None`` if its process has ended."""
    with path.open("r+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            claimed: dict[str, Any] = json.load(file)
            return claimed
    return None


def _describe_run(places: list[str]) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "machine": platform.node(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "places": places,
    }


def _refusal(other: dict[str, Any], shared: list[str], num_places: int) -> str:
    named = ", ".join(shared[:_EXAMPLES_SHOWN])
    return (
        f"process {other['pid']} on {other['machine']} ({other['command']}, since "
        f"{other['since']}) is writing {len(shared)} of the {num_places} places that this run "
        f"would write: {named}{', ...' if len(shared) > _EXAMPLES_SHOWN else ''}. Wait for its "
        f"end, or end it (kill {other['pid']}); inference of other pictures can have an "
        "inference.output of its own, anything else a copy of the project"
    )
