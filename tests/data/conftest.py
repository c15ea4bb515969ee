"""Builders of the data tests: textured images, label tables, manifests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from PIL import Image

from face_forgery.data.labels.manifest import MANIFEST_COLUMNS
from face_forgery.data.labels.readers import LabelFile, LabelFolder, read_labels
from face_forgery.params import ColumnNames, SplittingParams

settings.register_profile("no_deadline", deadline=None)  # a busy machine is no failure
settings.load_profile("no_deadline")


def draw_texture(seed: int, side: int = 128) -> Image.Image:
    """A image with structure at every scale; another seed, another image."""
    rng = np.random.default_rng(seed)
    image = np.zeros((side, side, 3))
    for cells, weight in ((4, 1.0), (12, 0.5), (32, 0.25)):
        coarse = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        image += weight * np.asarray(smooth, float)
    return Image.fromarray((image / 1.75).astype(np.uint8))


@pytest.fixture(scope="session")
def draw() -> Callable[..., Image.Image]:
    return draw_texture


@pytest.fixture(scope="session")
def columns() -> ColumnNames:
    names = ("img_name", "target", "group", "kind", "source")
    return ColumnNames(**{name: name for name in names})


@pytest.fixture(scope="session")
def make_splitting() -> Callable[..., SplittingParams]:
    def make(**changes: object) -> SplittingParams:
        values = {
            "val_fraction": 0.25,
            "num_folds": None,
            "fold": 0,
            "seed": 0,
            "leaks": "refuse",
            "holdout": {"by": None, "num_clusters": 2, "min_images": 2, "hold_out": 0},
        }
        return SplittingParams.model_validate(values | changes)

    return make


@pytest.fixture(scope="session")
def make_manifest() -> Callable[..., pd.DataFrame]:
    """Return a builder of manifests of files that need not exist; columns may be given."""

    def make(num_rows: int = 40, **given: object) -> pd.DataFrame:
        rows = range(num_rows)
        values: dict[str, object] = {
            "subset": "train",
            "row": rows,
            "img_name": [f"{row:03}.jpg" for row in rows],
            "path": [f"images/{row:03}.jpg" for row in rows],
            "target": [row % 2 for row in rows],
            "group": [f"g{row:03}" for row in rows],
            "kind": ["swap" if row % 2 else "real" for row in rows],
            "source": "drawn",
            "video": None,
            "frame": None,
            "width": 64,
            "height": 48,
            "format": "JPEG",
            "num_bytes": 1000,
            "jpeg_quality": 75,
            "sha256": [f"{row:064x}" for row in rows],
        }
        return pd.DataFrame(values | given).astype(MANIFEST_COLUMNS)

    return make


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """A data root with eight different JPEGs in images/."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(8):
        draw_texture(number).save(folder / f"{number:03}.jpg", quality=90)
    return tmp_path


@pytest.fixture(scope="session")
def read_sets(make_params: Any) -> Callable[..., pd.DataFrame]:
    """Sources, ``ingestion.from_path`` -> the label table; a text is a file, else a folder."""

    def read(
        from_path: str | None = "auto", *, layout: str = "auto", **sources: Any
    ) -> pd.DataFrame:
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
