"""Your videos become two tables and a page each."""

import shutil

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError, MemoryDataset
from kedro.runner import SequentialRunner

from face_forgery.datasets.growing import GrowingTableDataset
from face_forgery.inference.videos.judgement import TablePart
from face_forgery.pipelines.video import create_pipeline


@pytest.fixture
def folder(write_clip):
    """A clip that can be judged, and one that cannot."""
    clip = write_clip(
        "videos/good.mp4", [np.full((64, 96, 3), 60 + n, np.uint8) for n in range(30)]
    )
    (clip.parent / "bad.mp4").write_bytes(b"")
    return clip.parent


def test_a_folder_of_videos_gives_tables_and_pages(
    tmp_path, folder, make_detector, make_shipped_catalog, make_params
):
    params = make_params(**{"video.videos": str(folder)})
    detector = MemoryDataset(make_detector(), copy_mode="assign")
    catalog = make_shipped_catalog(create_pipeline(), tmp_path, params, detector=detector)

    SequentialRunner().run(create_pipeline(), catalog)

    predictions = catalog["video_predictions"].load()
    assert predictions["video"].tolist() == ["bad.mp4", "good.mp4"]
    assert predictions["status"].tolist() == ["unreadable", "ok"]
    assert predictions.loc[1, "verdict"] in ("real", "unsure", "fake")
    frames = catalog["video_frames"].load()
    assert frames["video"].unique().tolist() == ["good.mp4"]
    assert len(frames) == predictions.loc[1, "frames_judged"]
    assert frames["y_pred"].between(0, 1).all()
    assert [page.name for page in catalog["video_pages"].load()] == ["0001.html", "0002.html"]
    assert not list(tmp_path.rglob("*.begun"))


def test_a_growing_table_takes_its_place_when_it_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old\n1\n")
    table = GrowingTableDataset(filepath=str(path))
    table.save(TablePart(1, 2, pd.DataFrame({"name": ["NA"], "score": [0.5]})))
    assert path.read_text() == "old\n1\n"
    (part,) = (tmp_path / "table.csv.begun").iterdir()
    assert part.read_text() == "name,score\nNA,0.5\n"
    table.save(TablePart(2, 2, pd.DataFrame({"name": ["a\rb"], "score": [None]})))
    loaded = table.load()
    assert loaded["name"].tolist() == ["NA", "a\rb"]
    assert loaded["score"].isna().tolist() == [False, True]
    table.save(TablePart(1, 1, pd.DataFrame({"name": ["c"], "score": [1.0]})))
    assert table.load()["name"].tolist() == ["c"]


def test_a_growing_table_that_lost_its_rows_is_an_error(tmp_path):
    path = tmp_path / "table.csv"
    table = GrowingTableDataset(filepath=str(path))
    table.save(TablePart(1, 2, pd.DataFrame({"name": ["a"]})))
    shutil.rmtree(tmp_path / "table.csv.begun")
    with pytest.raises(DatasetError, match=r"table.csv.begun: it holds 0 that follow one another"):
        table.save(TablePart(2, 2, pd.DataFrame({"name": ["b"]})))
    assert not path.exists()
