"""Each fold is measured by a detector that has never seen it, and a killed run goes on."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from PIL import Image

from face_forgery.data.images.face_table import FACE_COLUMNS
from face_forgery.data.labels.manifest import KEY, MANIFEST_COLUMNS, ManifestError
from face_forgery.data.splits.feature_table import empty_feature_table
from face_forgery.data.splits.partition import fold_manifest
from face_forgery.datasets.atomic import AtomicDataset
from face_forgery.datasets.fold_runs import FoldRunsDataset
from face_forgery.forgery.making.landmark_table import empty_table
from face_forgery.pipelines.cross_validation import create_pipeline
from face_forgery.training.cross_validation import Recipe, divide_for, seed_of
from face_forgery.training.resume import ResumeError

KINDS = ("swap", "lips", "gan")
NO_FACES = pd.DataFrame(columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS)


@pytest.fixture
def data(tmp_path):
    """Thirty pictures for training and 48 for validation; kinds of forgery differ in color."""
    rng = np.random.default_rng(0)
    rows = []
    for subset, num in (("train", 30), ("val", 48)):
        (tmp_path / subset).mkdir()
        for row in range(num):
            target, kind = row % 2, KINDS[row // 2 % 3]
            pixels = rng.integers(0, 160, (36, 36, 3))
            if target:
                pixels[..., KINDS.index(kind)] += 90
            path = f"{subset}/{row}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / path)
            labels = (subset, row, path, path, target, path, kind if target else "real", "drawn")
            facts = (36, 36, "PNG", (tmp_path / path).stat().st_size, None, path)
            rows.append(dict(zip(MANIFEST_COLUMNS, labels + facts, strict=True)))
    manifest = pd.DataFrame(rows).astype(MANIFEST_COLUMNS)
    hashes = manifest[KEY].assign(
        phash=rng.integers(0, 2**63, len(manifest)).astype(np.uint64),
        thumbnail=[one.tobytes() for one in rng.integers(0, 256, (len(manifest), 256), np.uint8)],
    )
    return SimpleNamespace(manifest=manifest, hashes=hashes.astype({"phash": "UInt64"}))


@pytest.fixture
def make_all_params(make_params, tmp_path):
    def make(**overrides):
        folds = {
            "splitting.folds.by": "kind",
            "splitting.folds.min_images": 4,
            "data.root": str(tmp_path),
            "evaluation.num_resamples": 100,
        }
        return make_params(**folds | overrides)

    return make


@pytest.fixture
def make_catalog(data, make_all_params, tmp_path):
    def make(folder="cv", **overrides):
        params, out = make_all_params(**overrides), tmp_path / folder
        runs = str(out / "folds")

        def at(kind, name, **options):
            return AtomicDataset(dataset={"type": kind, "filepath": str(out / name)}, **options)

        entries = {
            "manifest": MemoryDataset(data.manifest),
            "image_hashes": MemoryDataset(data.hashes),
            "backbone_features": MemoryDataset(empty_feature_table()),
            "face_table": MemoryDataset(NO_FACES),
            "landmark_file": MemoryDataset(None),
            "face_model": MemoryDataset(None),
            "fold_landmarks": MemoryDataset(),
            "fold_runs": FoldRunsDataset(filepath=runs),
            "folds_begun": FoldRunsDataset(filepath=runs, enabled=params.training.resume),
            "cross_validation": at("json.JSONDataset", "cv.json"),
            "cross_validation_table": at("pandas.ParquetDataset", "table.parquet"),
            "cross_validation_figure": at(
                "matplotlib.MatplotlibDataset", "cv.png", load_bytes=True
            ),
        }
        for section in type(params).model_fields:
            entries[f"params:{section}"] = MemoryDataset(getattr(params, section))
        return DataCatalog(entries)

    return make


def run(catalog):
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog.load("cross_validation")


def test_every_fold_is_measured_and_summed_up(make_catalog, tmp_path):
    catalog = make_catalog()
    judged = run(catalog)
    assert {fold["name"] for fold in judged["folds"]} == set(KINDS)
    assert judged["unseen_worst"]["value"] == min(f["unseen"]["value"] for f in judged["folds"])
    assert len({fold["seed"] for fold in judged["folds"]}) == 3
    table = catalog.load("cross_validation_table")
    assert list(table["name"]) == [fold["name"] for fold in judged["folds"]] + ["mean"]
    assert {"within", "unseen_low", "drop_high", "epoch"} <= set(table.columns)
    assert catalog.load("cross_validation_figure").startswith(b"\x89PNG")
    left = {path.name for path in (tmp_path / "cv/folds").rglob("*") if path.is_file()}
    assert left == {"scores.parquet", "result.json"}
    for result in catalog.load("fold_runs").results.values():
        scores = result.scores
        fakes = scores[scores["target"] == 1]
        assert set(fakes.loc[fakes["is_unseen"], "kind"]) == {result.fold}
        assert result.fold not in set(fakes.loc[fakes["is_within"], "kind"])
        assert (scores.loc[scores["target"] == 0, ["is_within", "is_unseen"]]).to_numpy().all()


@pytest.mark.parametrize(
    "changes",
    [{}, {"training.select_by": "held_out_worst", "splitting.folds.hold_out": 1}],
    ids=["overall", "held_out"],
)
def test_nothing_of_a_fold_trains_or_chooses_and_no_picture_is_used_twice(
    data, make_all_params, changes
):
    params = make_all_params(**changes)
    split = fold_manifest(
        data.manifest,
        data.hashes,
        params.splitting,
        has_val_labels=True,
        features=empty_feature_table(),
    )
    recipe = Recipe(
        root=params.data.root,
        face_table=NO_FACES,
        landmarks=empty_table(),
        folds=params.splitting.folds,
        split_seed=0,
        **{
            name: getattr(params, name)
            for name in ("model", "preprocessing", "augmentation", "training", "scoring")
        },
    )
    for fold in KINDS:
        parts = divide_for(split, fold, recipe)
        sides = (parts.train, parts.choosing, parts.measured)
        groups = [set(side["group"]) for side in sides]
        assert sum(len(one) for one in groups) == len(set.union(*groups))
        assert fold not in {*parts.train["kind"], *parts.choosing["kind"]}
        assert (parts.measured.loc[parts.is_unseen, "kind"] == fold).sum() == 13
        held_out = set(parts.choosing_folds.loc[parts.choosing_folds["is_held_out"], "fold"])
        assert len(held_out) == (1 if changes else 0)
        assert not held_out & {fold, *parts.train["kind"]}
        within = parts.measured[parts.is_within & (parts.measured["target"] == 1).to_numpy()]
        assert set(within["kind"]) == set(KINDS) - {fold} - held_out


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_fold_it_was_in(make_catalog, monkeypatch, caplog):
    changes = {"training.resume": True, "training.epochs": 3}
    expected = run(make_catalog("whole", **changes))
    from face_forgery.training.loop import train_epochs

    begun = []

    def counted(*args, **kwargs):
        begun.append(kwargs)
        for report in train_epochs(*args, **kwargs):
            if len(begun) == 2 and report.epoch == 2:
                raise KeyboardInterrupt
            yield report

    monkeypatch.setattr("face_forgery.training.run.train_epochs", counted)
    with pytest.raises(KeyboardInterrupt):
        run(make_catalog(**changes))
    catalog = make_catalog(**changes)
    before = catalog.load("fold_runs")
    assert list(before.results) == [1]
    assert (before.state(2).epoch, before.state(3)) == (1, None)
    caplog.set_level("INFO")
    begun.extend([None] * 5)
    assert run(catalog) == expected
    assert "Continuing after epoch 1 of 3" in caplog.text
    assert len(begun) == 2 + 5 + 2  # the second fold and the third
    assert run(make_catalog(**changes)) == expected
    assert len(begun) == 2 + 5 + 2
    assert "All 3 folds are measured" in caplog.text


def test_a_finished_fold_of_another_run_is_not_taken_for_ones_own(make_catalog):
    short = {"training.epochs": 1, "training.warmup_epochs": 0}
    run(make_catalog(**short))
    other = {"training.resume": True, "training.optimizer.learning_rate": 1e-4}
    with pytest.raises(ResumeError, match="learning_rate"):
        run(make_catalog(**short | other))


def test_without_resume_folds_are_trained_anew(make_catalog):
    short = {"training.epochs": 1, "training.warmup_epochs": 0}
    run(make_catalog(**short))
    catalog = make_catalog(**short | {"training.seed": 1})
    seeds = {fold["name"]: fold["seed"] for fold in run(catalog)["folds"]}
    assert seeds == {kind: seed_of(1, kind) for kind in KINDS}
    assert len({seed_of(seed, kind) for seed in (0, 1) for kind in KINDS}) == 6


def test_the_only_fold_that_chooses_cannot_be_the_one_that_is_measured(make_catalog):
    changes = {"training.select_by": "held_out_mean", "splitting.folds.hold_out": ["swap"]}
    with pytest.raises(ManifestError, match="none to choose by while swap is measured"):
        run(make_catalog(**changes))


def test_a_cluster_that_is_asked_for_and_not_used_is_named(make_catalog, caplog):
    changes = {"training.select_by": "held_out_mean", "splitting.folds.hold_out": ["swap"]}
    with pytest.raises(ManifestError):  # after the warning, before any training
        run(make_catalog(**changes, **{"training.engine": "ray"}))
    assert "training.engine=ray: the folds of cross-validation are trained by this" in caplog.text


def test_folds_must_be_something(make_catalog):
    with pytest.raises(ManifestError, match="there are no folds: say what they are"):
        run(make_catalog(**{"splitting.folds.by": None}))
