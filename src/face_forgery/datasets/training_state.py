"""The state from which a run can be continued."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from face_forgery.datasets.atomic import replacing
from face_forgery.training.records import Checkpoint

_FORMAT = 2  # raised when the fields of Checkpoint change their meaning


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
        values = self._read()
        names = {field.name for field in fields(Checkpoint)}
        if values.get("format") != _FORMAT or set(values) != names | {"format"}:
            raise ValueError(
                f"{self._filepath}: not a training state of format {_FORMAT} "
                f"(found format {values.get('format')!r}). {self._remedy()}"
            )
        return Checkpoint(**{name: values[name] for name in names})

    def _read(self) -> dict[str, Any]:
        import torch

        try:
            values = torch.load(self._filepath, map_location="cpu", weights_only=True)
        except Exception as error:  # zipfile, pickle and torch each raise their own
            raise ValueError(
                f"{self._filepath}: cannot be read as a training state ({type(error).__name__}); "
                f"nothing in it was executed. {self._remedy()}"
            ) from error
        return values if isinstance(values, dict) else {}

    def _remedy(self) -> str:
        return "Start anew with --params training.resume=false, which replaces it"

    def save(self, data: Checkpoint) -> None:
        """Replace the file."""
        import torch

        with replacing(self._filepath) as partial:
            torch.save({"format": _FORMAT, **vars(data)}, partial)

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "enabled": self._enabled}
