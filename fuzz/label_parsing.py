"""Any bytes as a label file or a list of images: a table that keeps its promises, or an error."""

import io
import posixpath
from pathlib import Path

from face_forgery.config_loader import read_parameters
from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.listing import read_names
from face_forgery.data.labels.manifest import CONTROL_CHARACTERS, LABEL_COLUMNS, ManifestError
from face_forgery.data.labels.readers import LabelFile, read_labels
from face_forgery.params import check_parameters

PARAMS = check_parameters(read_parameters(Path(__file__).parents[1] / "conf"))
_LONGEST_MESSAGE = 2000


def check(data: bytes) -> None:
    """Raise whatever a user should never see."""
    for subset in ("train", "test"):
        _check_labels(data, subset)
    _check_list(data)


def _check_labels(data: bytes, subset: str) -> None:
    try:
        table = read_labels({subset: LabelFile("labels.txt", data)}, PARAMS.data, PARAMS.ingestion)
    except ManifestError as error:
        assert str(error).startswith("labels.txt: "), error
        assert len(str(error)) < _LONGEST_MESSAGE + 4 * len(data), error
        return
    known = table[list(LABEL_COLUMNS)]
    assert {name: str(dtype) for name, dtype in known.dtypes.items()} == LABEL_COLUMNS
    further = table.drop(columns=list(LABEL_COLUMNS))
    assert {str(dtype) for dtype in further.dtypes} <= {"string"}
    assert len(table)
    assert not table["path"].duplicated().any()
    assert not known.drop(columns=["target", "video", "frame"]).isna().any(axis=None)
    assert subset == "test" or table["target"].isin([0, 1]).all()
    for name in ("img_name", "group", "kind", "source", "video", *further):
        assert not table[name].str.contains(CONTROL_CHARACTERS, regex=True).any(), table[name]
    for path in table["path"]:
        assert posixpath.normpath(path).startswith(
            "trainset" if subset == "train" else "testset"
        ), path
        assert ".." not in path.split("/"), path


def _check_list(data: bytes) -> None:
    file = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    try:
        names = read_names(file, "list.csv")
    except InputError as error:
        assert str(error).startswith("list.csv: "), error
        return
    assert names
    assert all(name.strip() and "\0" not in name for name in names), names
