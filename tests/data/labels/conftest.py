"""What the tests of labels share."""

import pytest

from face_forgery.data.labels.readers import LabelFile, LabelFolder, read_labels


@pytest.fixture(scope="session")
def read_sets(make_params):
    """Sources, ``ingestion.from_path`` -> the label table; a text is a file, else a folder."""

    def read(from_path="auto", *, layout="auto", **sources):
        names = {f"data.{s}_{what}": s for s in sources for what in ("labels", "images")}
        paths = {"ingestion.from_path": from_path, "data.layout": layout}
        params = make_params(**names, **paths)
        sources = {
            subset: LabelFile(subset, made.encode())
            if isinstance(made, str)
            else LabelFolder(subset, tuple(made))
            for subset, made in sources.items()
        }
        return read_labels(sources, params.data, params.ingestion)

    return read
