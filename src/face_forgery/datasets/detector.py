"""Detectors on disk: a folder that is whole or not there."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from kedro_datasets._typing import JSONPreview

from face_forgery.datasets.atomic import flush_to_disk
from face_forgery.datasets.base import FileDataset, ReadOnlyDataset
from face_forgery.modeling.detector import Detector, DetectorError
from face_forgery.modeling.detector_files import META, WEIGHTS
from face_forgery.modeling.detector_folder import read_detector, read_meta, write_detector

Value = TypeVar("Value")


class ReplacedFolder(FileDataset[Any, Any]):
    """A folder that is replaced as a whole.

    The new folder is written beside the old one and takes its name at the end. Where a run was
    killed between the two renames, the next one finds the previous folder again.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._staged = self._filepath.with_name(f".{self._filepath.name}.new")
        self._previous = self._filepath.with_name(f".{self._filepath.name}.old")

    def _replace(self, write: Callable[[Path], None]) -> None:
        """Have ``write`` fill an empty folder, which takes the place of the old one."""
        shutil.rmtree(self._staged, ignore_errors=True)
        self._staged.mkdir(parents=True)
        try:
            write(self._staged)
            for path in [*self._staged.rglob("*"), self._staged]:
                flush_to_disk(path)
            shutil.rmtree(self._previous, ignore_errors=True)
            if self._filepath.exists():
                self._filepath.rename(self._previous)
            self._staged.rename(self._filepath)
            shutil.rmtree(self._previous, ignore_errors=True)
        finally:
            shutil.rmtree(self._staged, ignore_errors=True)

    def _restore(self) -> None:
        if self._is_between_renames():
            self._previous.rename(self._filepath)

    def _is_between_renames(self) -> bool:
        return self._previous.exists() and not self._filepath.exists()

    def _exists(self) -> bool:
        return self._filepath.exists() or self._previous.exists()


class FilesDataset(ReplacedFolder):
    """A folder of files that belong together, by name: their bytes."""

    def load(self) -> dict[str, bytes]:
        """Return what lies there."""
        self._restore()
        return {path.name: path.read_bytes() for path in sorted(self._filepath.iterdir())}

    def save(self, data: dict[str, bytes]) -> None:
        """Replace the folder."""

        def write(folder: Path) -> None:
            for name, content in data.items():
                (folder / name).write_bytes(content)

        self._restore()
        self._replace(write)


class DetectorDataset(ReplacedFolder):
    """A detector as a folder in timm's hub layout, replaced as a whole.

    Who loads while another process saves gets the old detector or the new one.
    """

    def load(self) -> Detector:
        """Return the detector; the errors are those of ``read_detector``."""
        return self._read(read_detector)

    def save(self, data: Detector) -> None:
        """Replace the folder.

        Raises:
            DetectorError: If the folder holds something that is no detector, or the weights do
                not fit the architecture; the folder then stays as it was.
        """
        self._restore()
        self._check_replaceable()
        self._replace(partial(write_detector, data))

    def preview(self) -> JSONPreview:
        """Show everything but the weights in Kedro-Viz."""
        return JSONPreview(json.dumps(self._read(read_meta).model_dump(mode="json")))

    def _read(self, read: Callable[[Path], Value]) -> Value:
        """Read the folder, again where it was exchanged meanwhile."""
        while True:
            folder = self._previous if self._is_between_renames() else self._filepath
            before = _identify(folder)
            try:
                value = read(folder)
            except DetectorError:
                if _identify(folder) == before:
                    raise
                continue
            self._restore()  # between renames for so long: whoever renamed was killed
            return value

    def _check_replaceable(self) -> None:
        if not self._filepath.exists():
            return
        if not self._filepath.is_dir():
            raise DetectorError(f"{self._filepath}: a file lies where the detector's folder goes")
        names = {path.name for path in self._filepath.iterdir()}
        if names and not names & {META, WEIGHTS}:
            raise DetectorError(
                f"{self._filepath}: {len(names)} file(s) and none is a detector's; they would be "
                "deleted. Move them away, or change filepath in conf/base/catalog.yml"
            )


class MemberDetectorsDataset(ReadOnlyDataset[dict[str, Detector]]):
    """Detectors by the folder that each is in.

    A name with ``*`` stands for all the folders that it matches.
    """

    def __init__(self, *, folders: list[str], metadata: dict[str, Any] | None = None) -> None:
        self._folders = folders
        self.metadata = metadata

    def load(self) -> dict[str, Detector]:
        """Read each detector once.

        Raises:
            DetectorError: If a name matches nothing, or a folder holds no whole detector.
        """
        folders = [folder for name in self._folders for folder in _expand(name)]
        return {folder: read_detector(Path(folder)) for folder in dict.fromkeys(folders)}


def _identify(folder: Path) -> int | None:
    """Return what tells a folder from another one of its name; ``None`` where there is none."""
    try:
        return folder.stat().st_ino
    except FileNotFoundError:
        return None


def _expand(name: str) -> list[str]:
    if "*" not in name:
        return [str(Path(name))]
    anchor = Path(Path(name).anchor)
    found = sorted(anchor.glob(str(Path(name).relative_to(anchor))))
    folders = [str(path) for path in found if path.is_dir()]
    if not folders:
        raise DetectorError(f"ensemble.members: no folder matches {name}")
    return folders
