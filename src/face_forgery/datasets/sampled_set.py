"""A set of sampled frames on disk, written video by video."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from face_forgery.data.labels.layouts.sampled import LABELS, RECORD
from face_forgery.data.labels.manifest import show_examples
from face_forgery.data.videos.sampled_set import IMAGES, DoneVideo, Record
from face_forgery.datasets.atomic import FileError
from face_forgery.datasets.base import Dataset

_VIDEO = "record.json"  # beside the images of a video
_PARTIAL = "partial"


class SampledSetDataset(Dataset[Sequence[DoneVideo], dict[str, Record]]):
    """The videos of a sampled set: a folder each, with its images and a record.

    A video is written to a folder beside and renamed, so that a killed run leaves whole videos and
    nothing else. One that is there already is replaced. A folder that is not empty and holds no
    sampled set is refused.
    """

    def __init__(self, *, root: str, metadata: dict[str, Any] | None = None) -> None:
        self._root = Path(root)
        self.metadata = metadata

    def save(self, data: Sequence[DoneVideo]) -> None:
        """Add videos; from the first call on the set has no label table, as it is not finished."""
        (self._root / LABELS).unlink(missing_ok=True)
        for video in data:
            self._write(video)

    def load(self) -> dict[str, Record]:
        """Return the record of every video whose images are all there, by its folder.

        Raises:
            FileError: If the folder holds something else.
        """
        if not self._root.exists():
            return {}
        there = [] if not self._root.is_dir() else [entry.name for entry in self._root.iterdir()]
        if not self._root.is_dir() or (there and RECORD not in there):
            raise FileError(
                f"{self._root}: it holds no sampled set, and is not empty: {show_examples(there)}. "
                "Set sampling.root to a new folder"
            )
        return dict(self._read())

    def _read(self) -> Iterator[tuple[str, Record]]:
        home = self._root / IMAGES
        for file in sorted(home.rglob(_VIDEO)):
            record = json.loads(file.read_text("utf-8"))
            if sum(1 for _ in file.parent.iterdir()) == len(record["frames"]) + 1:
                yield file.parent.relative_to(home).as_posix(), record

    def _write(self, video: DoneVideo) -> None:
        target, partial = self._root / IMAGES / video.folder, self._root / _PARTIAL
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, image in video.images:
            (partial / name).write_bytes(image)
        (partial / _VIDEO).write_text(json.dumps(video.record), encoding="utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)

    def _exists(self) -> bool:
        return True  # an empty one is a beginning
