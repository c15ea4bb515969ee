"""Verdicts on disk: written as they come, whole when they are done."""

import logging
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from face_forgery.data.images.remote import reach
from face_forgery.datasets.atomic import FileError
from face_forgery.datasets.base import ReadOnlyDataset, TableDataset
from face_forgery.datasets.incremental_writer import IncrementalWriter, Part, publish, remove_file
from face_forgery.datasets.verdict_tables import read_verdicts, write_verdicts
from face_forgery.inference.job import Begun, PartOfJob

logger = logging.getLogger(__name__)


class PredictionsDataset(TableDataset[PartOfJob]):
    """A table of verdicts that is written part by part, at a path or a URL.

    Until the last part has come, the parts are in the folder ``NAME.begun`` beside it, a CSV each,
    which anybody may read meanwhile. Then the table takes its place in one step. What a killed run
    leaves is continued by the next one.

    Where images are cut to their faces, ``NAME_faces.csv`` beside it has a row a judged face. The
    ending says the format: ``.csv``, ``.parquet`` or ``.jsonl``.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = filepath
        self._writer: IncrementalWriter | None = None  # of the job that is under way
        self.metadata = metadata

    def save(self, data: PartOfJob) -> None:
        """Add a part; the last one makes the table whole.

        Raises:
            FileError: If the part does not follow what is written, or what was written is gone.
        """
        if self._writer is None or data.start == 0:
            self._writer = self._open_at(data)
        if len(data.rows) or data.start == 0:
            faces = {} if data.faces is None else {"faces": data.faces}
            part = Part(data.job, data.start, data.end)
            self._writer.add(part, {"rows": data.rows, **faces})
        if data.end == data.total:
            self._finish(self._writer, data.total)
            self._writer = None

    def _open_at(self, part: PartOfJob) -> IncrementalWriter:
        """Begin anew if ``part`` is the first of its job, else go on behind what is written."""
        writer = IncrementalWriter(self._filepath)
        begun = _begun_of(writer)
        if part.start == 0:
            if begun is not None and begun.num_rows:
                logger.warning(
                    "%s: %s verdicts of another job (other images, settings or another detector) "
                    "are dropped; it had been interrupted",
                    writer.folder,
                    f"{begun.num_rows:,}",
                )
            writer.remove()
        elif begun != Begun(part.job, part.start):
            raise FileError(
                f"{writer.folder}: row {part.start} does not follow what is written; is another "
                "run writing to the same file? Give this one its own inference.output"
            )
        else:
            logger.info(
                "Continuing an interrupted job: %s of %s images are judged",
                f"{part.start:,}",
                f"{part.total:,}",
            )
        return writer

    def _finish(self, writer: IncrementalWriter, total: int) -> None:
        """Copy, then remove the parts: a run killed in between has nothing left to judge."""
        writer.check_complete(total)
        ending = PurePosixPath(self._filepath).suffix
        faces = f"{self._filepath.removesuffix(ending)}_faces.csv"
        if writer.has("faces"):
            publish(faces, partial(writer.gather, "faces"))
        else:
            remove_file(faces)  # of another detector

        def write(path: Path) -> None:
            rows = path.with_name(f"{path.name}.rows")
            try:
                writer.gather("rows", rows, is_row_an_item=True)
                write_verdicts(rows, path, ending=ending)
            finally:
                rows.unlink(missing_ok=True)

        publish(self._filepath, write)
        writer.remove()

    def load(self) -> pd.DataFrame:
        """Return the whole table."""
        return read_verdicts(self._filepath)

    def _exists(self) -> bool:
        system, path = reach(self._filepath)
        return bool(system.exists(path))


class BegunPredictionsDataset(ReadOnlyDataset[Begun | None]):
    """What an interrupted job has left beside ``filepath``; ``None`` if nothing."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> Begun | None:
        """Return the job and the number of its verdicts that are whole."""
        return _begun_of(IncrementalWriter(self._filepath))


def _begun_of(writer: IncrementalWriter) -> Begun | None:
    last = writer.read_last()
    return None if last is None else Begun(last.job, last.end)
