"""What training leaves on its way: the weights of every epoch, and a state to go on from."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from face_forgery.datasets.atomic import replacing
from face_forgery.datasets.base import FileDataset
from face_forgery.training.records import Checkpoint, EpochWeights
from face_forgery.training.resume import read_state, write_state


class EpochWeightsDataset(FileDataset[EpochWeights, Mapping[int, Callable[[], EpochWeights]]]):
    """A folder with ``epoch_001.safetensors`` and so on.

    Saving epoch ``n`` makes it the last: files of later epochs belong to an older run and are
    removed first, so that a killed run never leaves a mixture that looks like one run. Loading
    gives every epoch as a function that reads its file, so that choosing one reads one.
    """

    def load(self) -> Mapping[int, Callable[[], EpochWeights]]:
        """Return ``epoch -> function that reads its weights``, in the order of the epochs."""
        return {epoch: partial(_read, path, epoch) for epoch, path in self._files().items()}

    def save(self, data: EpochWeights) -> None:
        """Write the weights of one epoch, if there are any, and remove what later epochs left."""
        for epoch, path in self._files().items():
            if epoch > data.epoch:
                path.unlink()
        if not data.weights:  # within an epoch
            return
        path = self._filepath / f"epoch_{data.epoch:03d}.safetensors"
        with replacing(path) as partial_file:
            save_file(data.weights, partial_file, metadata={"epoch": str(data.epoch)})

    def _files(self) -> dict[int, Path]:
        files = {
            int(path.stem.removeprefix("epoch_")): path
            for path in self._filepath.glob("epoch_*.safetensors")
            if path.stem.removeprefix("epoch_").isdecimal()
        }
        return dict(sorted(files.items()))

    def _exists(self) -> bool:
        return bool(self._files())


class TrainingStateDataset(FileDataset[Checkpoint, Checkpoint | None]):
    """One file, replaced in one step: a killed run leaves the last state that it saved.

    Two catalog entries share the file, because a node may not read what it writes. The one that
    is read says with ``enabled`` whether the state is wanted at all: a run that starts anew does
    not open an old state, let alone stumble over it.
    """

    _optional = True  # to load

    def __init__(
        self, *, filepath: str, enabled: bool = True, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._enabled = enabled

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


def _read(path: Path, epoch: int) -> EpochWeights:
    try:
        return EpochWeights(epoch, load_file(path))
    except SafetensorError as error:
        raise ValueError(
            f"{path}: these are not the weights of an epoch ({error}). Delete the file and train "
            "again: kedro run --pipelines training"
        ) from error
