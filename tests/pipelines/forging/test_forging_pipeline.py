"""The forging pipeline."""

import inspect
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.runner import SequentialRunner
from PIL import Image

from face_forgery.config_loader import read_parameters
from face_forgery.data.labels.manifest import MANIFEST_COLUMNS
from face_forgery.datasets.image_set import ImageSetDataset
from face_forgery.datasets.user_files import LandmarkFileDataset
from face_forgery.params import check_parameters
from face_forgery.pipelines.forging import create_pipeline
from face_forgery.pipelines.forging.nodes import forge_images

SHIPPED = read_parameters(Path(__file__).parents[3] / "conf")


@pytest.fixture
def catalog(tmp_path, portraits):
    """What the pipeline reads, and where it writes."""
    rows, points = [], []
    (tmp_path / "photos").mkdir()
    for index, portrait in enumerate(portraits[:3]):
        Image.fromarray(portrait.pixels).save(tmp_path / f"photos/{index}.png")
        height, width = portrait.pixels.shape[:2]
        values = ("train", index, f"{index}.png", f"photos/{index}.png", 0, f"g{index}", "real")
        facts = ("mine", width, height, "PNG", 1, None, str(index))
        rows.append(dict(zip(MANIFEST_COLUMNS, values + facts, strict=True)))
        xy = {f"{a}{i}": p[k] for i, p in enumerate(portrait.landmarks) for k, a in enumerate("xy")}
        points.append({"img_name": f"{index}.png", **xy})
    pd.DataFrame(points[:2]).to_csv(tmp_path / "landmarks.csv", index=False)
    catalog = DataCatalog.from_config(
        {
            "forged_set": {
                "type": "face_forgery.datasets.image_set.ImageSetDataset",
                "root": str(tmp_path / "forged"),
                "pipeline": "forging",
            },
            "landmark_file": {
                "type": "face_forgery.datasets.user_files.LandmarkFileDataset",
                "filepath": str(tmp_path / "landmarks.csv"),
            },
        }
    )
    parameters = check_parameters(SHIPPED)
    catalog["manifest"] = pd.DataFrame(rows).astype(MANIFEST_COLUMNS)
    catalog["face_model"] = None
    catalog["params:data"] = parameters.data.model_copy(update={"root": str(tmp_path)})
    catalog["params:ingestion"] = parameters.ingestion
    catalog["params:faces"] = parameters.faces
    catalog["params:forging"] = parameters.forging.model_copy(update={"num_workers": 0})
    return catalog


def test_the_pipeline_writes_originals_forgeries_and_their_labels(catalog, tmp_path, caplog):
    SequentialRunner().run(create_pipeline(), catalog)
    table = catalog.load("forged_set")
    assert sorted(table["target"]) == [0, 0, 1, 1]
    assert list(table.columns) == ["subset", "img_name", "target", "group", "kind", "source"]
    assert len(list((tmp_path / "forged/trainset").glob("*.jpg"))) == 4
    assert "1 of 3 real images have no usable landmarks" in caplog.text


def test_forging_again_replaces_the_set_and_no_other(catalog, tmp_path):
    root = str(tmp_path / "forged")
    SequentialRunner().run(create_pipeline(), catalog)
    ImageSetDataset(root=root, pipeline="forging").save([])
    assert not list((tmp_path / "forged/trainset").iterdir())
    (tmp_path / "forged/ABOUT.txt").write_text("drawn by another pipeline")
    with pytest.raises(DatasetError, match=r"forging has not written.*Set forging\.root"):
        ImageSetDataset(root=root, pipeline="forging").save([])


def test_the_node_yields_batches_as_they_are_made(catalog):
    names = ("manifest", "params:data", "params:forging")
    manifest, data, forging = (catalog.load(name) for name in names)
    batches = forge_images(manifest, pd.DataFrame(), data, forging)
    assert inspect.isgenerator(batches)
    batches.close()


def test_a_missing_file_of_landmarks_is_named_with_the_parameter(tmp_path):
    assert LandmarkFileDataset(filepath=None).load() is None
    with pytest.raises(DatasetError, match=r"forging\.landmarks=.*gone\.csv: No such file"):
        LandmarkFileDataset(filepath=str(tmp_path / "gone.csv")).load()
