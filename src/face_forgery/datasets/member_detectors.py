"""Detectors that are to become one."""

from pathlib import Path
from typing import Any

from face_forgery.datasets.read_only import ReadOnlyDataset
from face_forgery.modeling.detector import Detector, DetectorError
from face_forgery.modeling.detector_folder import read_detector


class MemberDetectorsDataset(ReadOnlyDataset[dict[str, Detector]]):
    """Detectors by the folder that each is in.

    A name with ``*`` stands for all the folders that it matches.

    Example catalog entry::

        member_detectors:
          type: face_forgery.datasets.member_detectors.MemberDetectorsDataset
          folders: ${params:ensemble.members}
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

    def _describe(self) -> dict[str, Any]:
        return {"folders": self._folders}


def _expand(name: str) -> list[str]:
    if "*" not in name:
        return [str(Path(name))]
    anchor = Path(Path(name).anchor)
    found = sorted(anchor.glob(str(Path(name).relative_to(anchor))))
    folders = [str(path) for path in found if path.is_dir()]
    if not folders:
        raise DetectorError(f"ensemble.members: no folder matches {name}")
    return folders
