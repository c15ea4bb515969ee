"""The training node and the training pipeline on a few small images."""

from copy import deepcopy

import pandas as pd
import pytest
import torch
from kedro.io import MemoryDataset
from kedro.runner import SequentialRunner

from face_forgery.data.images.faces import finder_values
from face_forgery.datasets.training_files import TrainingStateDataset
from face_forgery.forgery.making.landmark_table import empty_table
from face_forgery.pipelines.training import create_pipeline
from face_forgery.pipelines.training.nodes import (
    build_train_loader,
    build_val_loader,
    train_detector,
)

NO_GROUPS = pd.DataFrame({"holdout": [], "is_held_out": []})


@pytest.fixture(scope="session")
def assert_same_weights():
    """Return a function that compares two mappings of tensors, bit for bit."""

    def check(some, others):
        assert some.keys() == others.keys()
        assert all(torch.equal(value, others[name]) for name, value in some.items())

    return check


@pytest.fixture(scope="session")
def assert_same_end(assert_same_state, assert_same_weights):
    """Return a function that compares what two trainings have yielded last."""

    def check(some, others):
        (weights, _, state), (other_weights, _, other_state) = some[-1], others[-1]
        assert weights.epoch == other_weights.epoch
        assert_same_weights(weights.weights, other_weights.weights)
        assert_same_state(state, other_state)

    return check


@pytest.fixture
def data(make_faces, tmp_path):
    root = str(tmp_path / "faces")
    return root, make_faces(10, name="train"), make_faces(9, seed=1, name="val")


@pytest.fixture
def build_loader(data, make_params, no_faces):
    """Return a builder of the training loader of ``data``, or of other rows."""

    def build(rows=None, landmarks=None, **overrides):
        params = make_params(**{"data.root": data[0]} | overrides)
        names = ("data", "preprocessing", "augmentation", "training")
        return build_train_loader(
            data[1] if rows is None else rows,
            no_faces,
            empty_table() if landmarks is None else landmarks,
            **{name: getattr(params, name) for name in names},
        )

    return build


@pytest.fixture
def train(data, make_params, build_loader, no_faces):
    """Return a function that runs the training node and yields copies of what it yields."""

    def run(resume_from=None, rows=None, landmarks=None, **overrides):
        params = make_params(**{"data.root": data[0]} | overrides)
        yields = train_detector(
            train_loader=build_loader(rows, landmarks, **overrides),
            val_loader=build_val_loader(
                data[2], no_faces, params.data, params.preprocessing, params.scoring
            ),
            val_holdout=None,
            model=params.model,
            training=params.training,
            cluster=params.cluster,
            resume_from=resume_from,
        )
        return map(deepcopy, yields)  # the node empties what it has yielded

    return run


@pytest.fixture
def resume(train, tmp_path):
    """Return a function that goes on from a state as another process does."""

    def run(state, **changes):
        file = TrainingStateDataset(filepath=str(tmp_path / "state.pt"))
        file.save(state)
        torch.manual_seed(99)
        return list(train(file.load(), **changes | {"training.resume": True}))

    return run


@pytest.fixture
def make_catalog(data, make_shipped_catalog, make_params, no_faces, tmp_path):
    root, train_manifest, val_manifest = data

    def make(landmark_file=None, **overrides):
        params = make_params(**{"data.root": root} | overrides)
        return make_shipped_catalog(
            create_pipeline(),
            tmp_path,
            params,
            train_manifest=train_manifest,
            val_manifest=val_manifest,
            val_holdout=NO_GROUPS,
            face_table=no_faces,
            landmark_file=MemoryDataset(landmark_file),
            face_finder=finder_values(None, params.faces),
        )

    return make


@pytest.fixture
def run(make_catalog):
    """Return a function that runs the pipeline, called as `make_catalog`; it gives the catalog."""

    def run_pipeline(landmark_file=None, *, given=None, **overrides):
        catalog = make_catalog(landmark_file, **overrides)
        for name, value in (given or {}).items():
            catalog[name] = MemoryDataset(value)
        SequentialRunner().run(create_pipeline(), catalog)
        return catalog

    return run_pipeline


@pytest.fixture
def photographs(tmp_path, write_real_faces):
    """Four drawn people on disk, all real: manifest and landmarks."""
    return write_real_faces(tmp_path / "faces", 4)
