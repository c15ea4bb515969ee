"""Scores from files and runs end as a table and curves; tables that do not fit are refused."""

import shutil

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.runner import SequentialRunner

from face_forgery.datasets.score_sets import ScoreSetsDataset
from face_forgery.evaluation.comparison import ScoreError, align_scores
from face_forgery.params import EvaluationParams
from face_forgery.pipelines.comparison import create_pipeline

EVALUATION = EvaluationParams(
    seed=0,
    num_resamples=100,
    target_fpr=0.1,
    target_fnr=0.1,
    promise="overall",
    prevalence=0.001,
    unfamiliar=None,
)


@pytest.fixture
def tables():
    rng = np.random.default_rng(0)
    targets = np.arange(60) % 2
    table = pd.DataFrame({"path": [f"{n}.jpg" for n in range(60)], "target": targets})
    return {
        "a": table.assign(y_pred=rng.random(60), group=[f"g{n // 2}" for n in range(60)]),
        "b": table.assign(y_pred=np.clip(rng.normal(0.3 + 0.4 * targets, 0.1), 0, 1)).iloc[::-1],
    }


@pytest.fixture
def sources(tables, tmp_path):
    tables["a"].to_parquet(tmp_path / "a.parquet")
    tables["b"].to_csv(tmp_path / "b.csv", index=False)
    return {"a": str(tmp_path / "a.parquet"), "b": str(tmp_path / "b.csv")}


def read(sources, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    return ScoreSetsDataset(sources=sources, tracking_uri=uri)


def test_files_become_a_table_and_curves(sources, tmp_path):
    catalog = DataCatalog({"score_sets": read(sources, tmp_path)})
    catalog["params:evaluation"] = EVALUATION
    found = SequentialRunner().run(create_pipeline(), catalog)
    table = found["comparison_table"].load()
    assert table["what"].tolist() == ["a", "b", "a less b"]
    assert table["auc"].iloc[2] == pytest.approx(table["auc"].iloc[0] - table["auc"].iloc[1])
    assert table["delong_p_value"].notna().tolist() == [False, False, True]
    axes = found["comparison_figure"].load().axes[0]
    labels = [line.get_label() for line in axes.get_lines()]
    assert labels[0].startswith("a: AUC 0.")
    assert labels[1].startswith("b: AUC 0.9")


def test_scores_of_a_run_are_read(tables, sources, empty_store, tmp_path):
    import mlflow

    shutil.copy(empty_store, tmp_path)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.create_experiment("e", artifact_location=(tmp_path / "art").as_uri())
    run = client.create_run(experiment)
    tables["a"].to_parquet(tmp_path / "val_scores.parquet")
    client.log_artifact(run.info.run_id, str(tmp_path / "val_scores.parquet"), "scores")
    loaded = read({"r": f"run:{run.info.run_id}", "b": sources["b"]}, tmp_path).load()
    pd.testing.assert_frame_equal(loaded["r"], tables["a"])
    with pytest.raises(DatasetError, match=r"comparison\.scores\.r=run:none"):
        read({"r": "run:none"}, tmp_path).load()


@pytest.mark.parametrize("name", ["absent.parquet", "text.parquet"])
def test_a_source_that_is_no_table_is_named(tmp_path, name):
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(DatasetError, match=r"comparison.scores.x=.*no Parquet or CSV"):
        read({"x": str(tmp_path / name)}, tmp_path).load()


def test_scores_are_matched_by_image_not_by_row(tables):
    aligned = align_scores(tables)
    assert aligned["image"].tolist() == tables["a"]["path"].tolist()
    assert aligned["score of b"].tolist() == tables["b"]["y_pred"].tolist()[::-1]
    assert aligned["group"].tolist() == tables["a"]["group"].tolist()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda table: table.head(50), "10 images are not in both"),
        (lambda table: table.assign(target=1 - table["target"]), "60 of 60 targets differ"),
        (lambda table: table.drop(columns="y_pred"), "no column y_pred"),
        (lambda table: pd.concat([table, table]), "60 images are there more than once"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tables, spoil, words):
    with pytest.raises(ScoreError, match=f"b: .*{words}"):
        align_scores(tables | {"b": spoil(tables["b"])})


def test_one_table_says_how_to_name_two(tables):
    with pytest.raises(ScoreError, match=r"comparison\.scores names 1 score table"):
        align_scores({"a": tables["a"]})
