"""The catalog that the project ships, for one pipeline, and real faces to forge."""

from collections.abc import Callable
from copy import deepcopy
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from kedro.io import CatalogConfigResolver, DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from PIL import Image

from face_forgery.data.labels.manifest import MANIFEST_COLUMNS
from face_forgery.params import Parameters

CATALOG = Path(__file__).parents[2] / "conf/base/catalog.yml"


@pytest.fixture(scope="session")
def make_shipped_catalog() -> Callable[..., DataCatalog]:
    """Return a builder of catalogs: pipeline, folder for its files, parameters, given datasets."""
    entries = yaml.safe_load(CATALOG.read_text())
    resolver = CatalogConfigResolver(
        config={name: entry for name, entry in entries.items() if name[0] != "_"}
    )

    def place(value: Any, folder: Path, params: Parameters) -> Any:
        if isinstance(value, dict):
            return {name: place(item, folder, params) for name, item in value.items()}
        if isinstance(value, str) and value.startswith("${params:"):
            name, _, rest = value[len("${params:") :].partition("}")
            found = attrgetter(name)(params)
            return f"{found}{rest}" if rest else found
        is_file = isinstance(value, str) and value.startswith("data/")
        return str(folder / value) if is_file else deepcopy(value)

    def make(pipeline: Pipeline, folder: Path, params: Parameters, **given: Any) -> DataCatalog:
        names = {name for name in pipeline.datasets() if not name.startswith("params:")}
        found = {n: resolver.config.get(n) or resolver.resolve_pattern(n) for n in names - {*given}}
        catalog = DataCatalog.from_config(
            place({n: e for n, e in found.items() if e}, folder, params)
        )
        for section in type(params).model_fields:
            catalog[f"params:{section}"] = MemoryDataset(getattr(params, section))
        for name, value in given.items():
            catalog[name] = value
        return catalog

    return make


@pytest.fixture
def write_real_faces(portraits: Any) -> Callable[..., tuple[pd.DataFrame, pd.DataFrame]]:
    """Folder, number -> manifest and landmarks of drawn people, all real, under ``photos``."""

    def write(folder: Path, number: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        rows, points = [], []
        (folder / "photos").mkdir(parents=True)
        for index, portrait in enumerate(portraits[:number]):
            path = f"photos/{index}.png"
            Image.fromarray(portrait.pixels).save(folder / path)
            height, width = portrait.pixels.shape[:2]
            values = ("train", index, f"{index}.png", path, 0, f"g{index}", "real")
            num_bytes = (folder / path).stat().st_size
            facts = ("mine", None, None, width, height, "PNG", num_bytes, None, str(index))
            rows.append(dict(zip(MANIFEST_COLUMNS, values + facts, strict=True)))
            marks = enumerate(portrait.landmarks)
            xy = {f"{axis}{i}": point[k] for i, point in marks for k, axis in enumerate("xy")}
            points.append({"img_name": f"{index}.png", **xy})
        return pd.DataFrame(rows).astype(MANIFEST_COLUMNS), pd.DataFrame(points)

    return write
