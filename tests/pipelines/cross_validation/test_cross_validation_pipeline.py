"""Each fold is measured by a detector that has never seen it."""

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from kedro.io import MemoryDataset
from kedro.runner import SequentialRunner
from PIL import Image

from face_forgery.data.labels.manifest import KEY, MANIFEST_COLUMNS, ManifestError
from face_forgery.data.splits.holdout import name_holdout_groups
from face_forgery.data.splits.partition import divide_for_cross_validation
from face_forgery.forgery.making.landmark_table import empty_table
from face_forgery.pipelines.cross_validation import create_pipeline
from face_forgery.training.cross_validation import Recipe, divide_for, seed_of

KINDS = ("swap", "lips", "gan")


@pytest.fixture
def data(tmp_path):
    """Thirty images for training and 48 for validation; kinds of forgery differ in color."""
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
            facts = (None, None, 36, 36, "PNG", (tmp_path / path).stat().st_size, None, path)
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
        small = {
            "splitting.holdout.by": "kind",
            "splitting.holdout.min_images": 4,
            "data.root": str(tmp_path),
            "evaluation.num_resamples": 100,
            "training.epochs": 1,
            "training.warmup_epochs": 0,
        }
        return make_params(**small | overrides)

    return make


@pytest.fixture
def run(data, make_all_params, make_shipped_catalog, no_faces, tmp_path):
    """Return a function that runs the pipeline and gives the catalog."""

    def run_pipeline(**overrides):
        params = make_all_params(**overrides)
        catalog = make_shipped_catalog(
            create_pipeline(),
            tmp_path,
            params,
            manifest=data.manifest,
            image_hashes=data.hashes,
            holdout_groups=name_holdout_groups(data.manifest, params.splitting.holdout, seed=0),
            face_table=no_faces,
            fold_landmarks=MemoryDataset(),
        )
        SequentialRunner().run(create_pipeline(), catalog)
        return catalog

    return run_pipeline


def test_every_fold_is_measured_and_summed_up(run):
    catalog = run()
    judged = catalog.load("cross_validation")
    assert {group["name"] for group in judged["groups"]} == set(KINDS)
    worst = min(group["unseen"]["value"] for group in judged["groups"])
    assert judged["unseen_worst"]["value"] == worst
    assert {group["seed"] for group in judged["groups"]} == {seed_of(0, kind) for kind in KINDS}
    table = catalog.load("cross_validation_table")
    assert list(table["name"]) == [group["name"] for group in judged["groups"]] + ["mean"]
    assert {"within", "unseen_low", "drop_high", "epoch"} <= set(table.columns)
    assert catalog.load("cross_validation_figure").startswith(b"\x89PNG")
    for fold, scores in catalog.load("fold_scores").groupby("fold"):
        fakes = scores[scores["target"] == 1]
        assert set(fakes.loc[fakes["is_unseen"], "kind"]) == {fold}
        assert fold not in set(fakes.loc[fakes["is_within"], "kind"])
        assert (scores.loc[scores["target"] == 0, ["is_within", "is_unseen"]]).to_numpy().all()
    assert len({seed_of(seed, kind) for seed in (0, 1) for kind in KINDS}) == 6


@pytest.mark.parametrize(
    "changes",
    [{}, {"training.select_by": "holdout_worst", "splitting.holdout.hold_out": 1}],
    ids=["overall", "held_out"],
)
def test_nothing_of_a_fold_trains_or_chooses_and_no_image_is_used_twice(
    data, make_all_params, no_faces, changes
):
    params = make_all_params(**changes)
    split = divide_for_cross_validation(
        data.manifest,
        data.hashes,
        name_holdout_groups(data.manifest, params.splitting.holdout, seed=0),
        params.splitting,
        has_val_labels=True,
    )
    recipe = Recipe(
        root=params.data.root,
        face_table=no_faces,
        landmarks=empty_table(),
        **{field.name: getattr(params, field.name) for field in fields(Recipe)[3:]},
    )
    for fold in KINDS:
        parts = divide_for(split, fold, recipe)
        sides = (parts.train, parts.choosing, parts.measured)
        groups = [set(side["group"]) for side in sides]
        assert sum(len(one) for one in groups) == len(set.union(*groups))
        assert fold not in {*parts.train["kind"], *parts.choosing["kind"]}
        assert (parts.measured.loc[parts.measured["is_unseen"], "kind"] == fold).sum() == 13
        held_out = set(parts.choosing_holdout.query("is_held_out")["holdout"])
        assert len(held_out) == (1 if changes else 0)
        assert not held_out & {fold, *parts.train["kind"]}
        within = parts.measured.query("is_within and target == 1")
        assert set(within["kind"]) == set(KINDS) - {fold} - held_out


def test_the_only_group_that_chooses_cannot_be_the_one_that_is_measured(run, caplog):
    changes = {"training.select_by": "holdout_mean", "splitting.holdout.hold_out": ["swap"]}
    with pytest.raises(ManifestError, match="none to choose by while swap is measured"):
        run(**changes, **{"training.engine": "ray", "training.resume": True})
    assert "training.resume=true: cross-validation saves no state" in caplog.text
    assert "training.engine=ray: the folds of cross-validation are trained by this" in caplog.text


def test_folds_must_be_something(run):
    with pytest.raises(ManifestError, match=r"no folds without .* set splitting.holdout.by to"):
        run(**{"splitting.holdout.by": None})
