"""Where the labels of the sets to test on come from."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import LabelSource
from face_forgery.datasets.base import ReadOnlyDataset
from face_forgery.datasets.labels import LabelsDataset
from face_forgery.params import LabelSets, TestingParams


class LabelledSetsDataset(ReadOnlyDataset[dict[str, LabelSource]]):
    """Label sources by the name of the set: those of ``sets`` and ``test_labels``.

    The latter, which starts from ``root``, is left out where it is not there. ``parameter`` is what
    messages call the former.
    """

    def __init__(
        self,
        *,
        sets: Any,
        root: str = ".",
        test_labels: str | None = None,
        test_images: str | None = None,
        layout: str = "auto",
        parameter: str = "testing.sets",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._sets = TypeAdapter(LabelSets).validate_python(sets)
        self._parameter = parameter
        self._test_labels = Path(root, test_labels) if test_labels else None
        self._test_images = str(Path(root, test_images)) if test_images else None
        self._layout = layout
        self.metadata = metadata

    def load(self) -> dict[str, LabelSource]:
        """Read every label file, and list every folder of class folders.

        Raises:
            ManifestError: If labels or images of a set are not there; names all of them.
        """
        faults = [
            f"{self._parameter}, the set {one.name}: {what}={getattr(one, what)} is not there "
            f"(relative to {Path.cwd()})"
            for one in self._sets
            for what in ("labels", "images")
            if not Path(getattr(one, what)).exists()
        ]
        if faults:
            raise ManifestError("\n".join(faults))
        sources = {one.name: self._open(one.labels, one.images, one.layout) for one in self._sets}
        if self._test_labels is not None and self._test_labels.exists():
            own = (str(self._test_labels), self._test_images, self._layout)
            sources[TestingParams.reserved] = self._open(*own)
        return sources

    def _open(self, labels: str, images: str | None, layout: str) -> LabelSource:
        source = LabelsDataset(
            root=".", labels=labels, images=images, layout=layout, parameter=self._parameter
        ).load()
        assert source is not None
        return source
