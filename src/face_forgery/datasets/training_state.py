"""The state from which a run can be continued."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from face_forgery.datasets.atomic import replacing
from face_forgery.training.records import Checkpoint, read_state, write_state


class TrainingStateDataset(AbstractDataset[Checkpoint, Checkpoint | None]):
    """One file, replaced in one step: a killed run leaves the last state that it saved.

    Two catalog entries share the file, because a node may not read what it writes. The one that
    is read says with ``enabled`` whether the state is wanted at all: a run that starts anew does
    not open an old state, let alone stumble over it.

    Example catalog entries::

        training_state:
          type: face_forgery.datasets.training_state.TrainingStateDataset
          filepath: data/06_models/training_state.pt

        resume_from:
          type: face_forgery.datasets.training_state.TrainingStateDataset
          filepath: data/06_models/training_state.pt
          enabled: ${params:training.resume}
    """

    def __init__(
        self, *, filepath: str, enabled: bool = True, metadata: dict[str, Any] | None = None
    ) -> None:
        self._filepath = Path(filepath)
        self._enabled = enabled
        self.metadata = metadata

    def load(self) -> Checkpoint | None:
        """Return the state, or ``None`` if there is none or it is not wanted.

        Only tensors and plain values are read; a file with anything else in it is refused.

        Raises:
            ValueError: If the file is damaged, foreign, or of another format.
        """
        if not self._enabled or not self._filepath.exists():
            return None
        return read_state(self._filepath)

    def save(self, data: Checkpoint) -> None:
        """Replace the file."""
        with replacing(self._filepath) as partial:
            write_state(data, partial)

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "enabled": self._enabled}
