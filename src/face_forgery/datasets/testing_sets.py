"""Where the labels of the sets to test on come from."""

from pathlib import Path
from typing import Any

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import LabelSource
from face_forgery.datasets.base import ReadOnlyDataset
from face_forgery.datasets.labels import LabelsDataset
from face_forgery.params import TestingParams


class LabelledSetsDataset(ReadOnlyDataset[dict[str, LabelSource]]):
    """Label sources by the name of the set: those of ``testing.sets`` and ``data.test_labels``.

    The latter is left out where it is not there.
    """

    def __init__(
        self,
        *,
        sets: list[dict[str, Any]],
        root: str,
        test_labels: str | None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        typed = TestingParams.model_validate({"sets": sets}).sets
        self._sets = {one.name: (one.labels, one.images) for one in typed}
        self._test_labels = Path(root, test_labels) if test_labels else None
        self.metadata = metadata

    def load(self) -> dict[str, LabelSource]:
        """Read every label file, and list every folder of class folders.

        Raises:
            ManifestError: If labels or images of a set are not there; names all of them.
        """
        faults = [
            f"testing.sets, the set {name}: {what}={location} is not there (relative to "
            f"{Path.cwd()})"
            for name, locations in self._sets.items()
            for what, location in zip(("labels", "images"), locations, strict=True)
            if not Path(location).exists()
        ]
        if faults:
            raise ManifestError("\n".join(faults))
        locations = {name: labels for name, (labels, _) in self._sets.items()}
        if self._test_labels is not None and self._test_labels.is_file():
            locations[TestingParams.reserved] = str(self._test_labels)
        return {name: _load(labels) for name, labels in locations.items()}


def _load(labels: str) -> LabelSource:
    source = LabelsDataset(root=".", labels=labels, parameter="testing.sets").load()
    assert source is not None
    return source
