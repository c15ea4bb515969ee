"""The forging pipeline."""

import pytest
from kedro.io import DatasetError
from kedro.runner import SequentialRunner

from face_forgery.datasets.image_set import ImageSetDataset
from face_forgery.datasets.user_files import LandmarkFileDataset
from face_forgery.pipelines.forging import create_pipeline


@pytest.fixture
def catalog(tmp_path, write_real_faces, make_shipped_catalog, make_params):
    """What the pipeline reads, and where it writes."""
    manifest, points = write_real_faces(tmp_path, 3)
    points.head(2).to_csv(tmp_path / "landmarks.csv", index=False)
    params = make_params(
        **{
            "data.root": str(tmp_path),
            "forging.root": str(tmp_path / "forged"),
            "forging.landmarks": str(tmp_path / "landmarks.csv"),
            "forging.num_workers": 0,
        }
    )
    return make_shipped_catalog(create_pipeline(), tmp_path, params, manifest=manifest)


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


def test_a_missing_file_of_landmarks_is_named_with_the_parameter(tmp_path):
    assert LandmarkFileDataset(filepath=None).load() is None
    with pytest.raises(DatasetError, match=r"forging\.landmarks=.*gone\.csv: No such file"):
        LandmarkFileDataset(filepath=str(tmp_path / "gone.csv")).load()
