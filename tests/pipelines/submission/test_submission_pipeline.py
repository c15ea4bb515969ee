"""A detector and a label file become a submission and the proof that it is one."""

import hashlib

import pandas as pd
import pytest
from kedro.runner import SequentialRunner

from face_forgery.pipelines.submission import create_pipeline


@pytest.fixture
def label_table(tmp_path, make_picture):
    (tmp_path / "testset").mkdir()
    names = ["NA.png", "007.png", "c d.png", "b.png"]
    for seed, name in enumerate(names):
        make_picture(seed).save(tmp_path / "testset" / name)
    rows = [("train", 0, "t.png")] + [("test", row, name) for row, name in enumerate(names)]
    table = pd.DataFrame(rows, columns=["subset", "row", "img_name"])
    table["path"] = table["subset"] + "set/" + table["img_name"]
    return table.iloc[::-1].reset_index(drop=True)


@pytest.fixture
def catalog(tmp_path, make_detector, label_table, make_shipped_catalog, make_params):
    return make_shipped_catalog(
        create_pipeline(),
        tmp_path,
        make_params(**{"data.root": str(tmp_path)}),
        detector=make_detector(operating_points=None),
        label_table=label_table,
        val_manifest=label_table[:0],
    )


def test_the_submission_is_written_checked_and_summarized(catalog, tmp_path):
    SequentialRunner().run(create_pipeline(), catalog)

    content = (tmp_path / "data/07_model_output/submission.csv").read_bytes()
    lines = content.decode().split("\n")
    names = [line.partition(",")[0] for line in lines[1:-1]]
    assert lines[0] == "img_name,y_pred"
    assert names == ["NA.png", "007.png", "c d.png", "b.png"]
    check = catalog.load("submission_check")
    assert check["rows"] == 4
    assert check["sha256"] == hashlib.sha256(content).hexdigest()
    assert 0 <= check["min"] < check["mean"] < check["max"] <= 1
