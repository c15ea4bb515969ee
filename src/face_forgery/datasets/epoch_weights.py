"""The weights of every epoch of a run, a file each."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from face_forgery.datasets.atomic import replacing
from face_forgery.training.records import EpochWeights


class EpochWeightsDataset(AbstractDataset[EpochWeights, Mapping[int, Callable[[], EpochWeights]]]):
    """A folder with ``epoch_001.safetensors`` and so on.

    Saving epoch ``n`` makes it the last: files of later epochs belong to an older run and are
    removed first, so that a killed run never leaves a mixture that looks like one run. Loading
    gives every epoch as a function that reads its file, so that choosing one reads one.

    Example catalog entry::

        epoch_weights:
          type: face_forgery.datasets.epoch_weights.EpochWeightsDataset
          filepath: data/06_models/epochs
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Mapping[int, Callable[[], EpochWeights]]:
        """Return ``epoch -> function that reads its weights``, in the order of the epochs."""
        return {epoch: partial(_read, path, epoch) for epoch, path in self._files().items()}

    def save(self, data: EpochWeights) -> None:
        """Write the weights of one epoch, if there are any, and remove what later epochs left."""
        from safetensors.torch import save_file

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

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def _read(path: Path, epoch: int) -> EpochWeights:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return EpochWeights(epoch, load_file(path))
    except SafetensorError as error:
        raise ValueError(
            f"{path}: these are not the weights of an epoch ({error}). Delete the file and train "
            "again: kedro run --pipeline training"
        ) from error
