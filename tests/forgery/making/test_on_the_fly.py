"""Forgeries that a training loader makes while it reads."""

import inspect
import pickle
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.loading.loaders import train_loader
from face_forgery.data.loading.workers import iterate
from face_forgery.forgery.making.forger import Forger
from face_forgery.forgery.making.kinds import FORGING_KINDS
from face_forgery.forgery.making.landmarks import complete, five_of
from face_forgery.forgery.making.on_the_fly import TrainForgeries
from face_forgery.training.training_data import build_train_loader

FAKES = (2, 5, 9)
NAMELESS = 4  # a real image without landmarks
NUM_IMAGES = 12
FORGEABLE = [row for row in range(NUM_IMAGES) if row not in {*FAKES, NAMELESS}]


@pytest.fixture
def photographs(photographs):
    """Take the landmarks of one of the images away."""
    root, manifest, table = photographs
    return root, manifest, table.drop(index=NAMELESS)


@pytest.fixture
def make_batches(photographs, make_params, no_faces):
    """Return a builder of training batches of 48 pixels with forgeries."""

    def make(
        *,
        proportion=0.5,
        kinds=FORGING_KINDS,
        num_workers=0,
        sampling="shuffled",
        batch_size=4,
        change_dataset=lambda dataset: dataset,
        **changes,
    ):
        root, manifest, table = photographs
        training = {"batch_size": batch_size, "num_workers": num_workers, "sampling": sampling}
        changes |= {f"training.{key}": value for key, value in training.items()}
        forging = {"proportion": proportion, "kinds": dict.fromkeys(kinds, 1.0), "strength": 1.0}
        params = make_params(
            **{"preprocessing.image_size": 48, "augmentation.forgeries": forging} | changes
        )
        sections = ("preprocessing", "augmentation", "training")
        loader = build_train_loader(
            manifest,
            no_faces,
            table,
            root=root,
            **{name: getattr(params, name) for name in sections},
        )
        return train_loader(change_dataset(loader.dataset), params.training)

    return make


def forgeries_of(manifest, table, *, squares=None, side=None):
    forger = Forger({"self_blend": 1.0}, 1.0)
    how = {"proportion": 1.0, "squares": squares, "side": side}
    return TrainForgeries.of(manifest, table, forger, **how)


def unforged(dataset):
    return replace(dataset, forgeries=None)


def keys_of(batches, epoch):
    batches.sampler.set_epoch(epoch)
    return list(batches.sampler)


def images_of(batches, epoch):
    """Key -> image and target."""
    keys = keys_of(batches, epoch)
    images = [image for batch in iterate(batches) for image in zip(*batch, strict=True)]
    return {
        key: (image.clone(), int(target)) for key, (image, target) in zip(keys, images, strict=True)
    }


def test_an_epoch_has_every_image_and_forged_copies_of_real_ones(make_batches):
    batches = make_batches()
    seen = set()
    for epoch in range(1, 8):
        indices = sorted(key[1] for key in keys_of(batches, epoch))
        assert indices[:NUM_IMAGES] == list(range(NUM_IMAGES))
        forged = [index - NUM_IMAGES for index in indices[NUM_IMAGES:]]
        assert len(forged) == len(set(forged)) == 4  # half of eight
        seen.add(tuple(forged))
    assert {row for rows in seen for row in rows} == set(FORGEABLE)
    assert len(seen) > 2
    assert batches.sampler.num_images == NUM_IMAGES + 4


def test_forged_copies_have_target_1_and_all_others_their_own(make_batches):
    batches = make_batches(proportion=1.0)
    images = images_of(batches, 1)
    assert len(images) == NUM_IMAGES + len(FORGEABLE)
    for (_, index), (_, target) in images.items():
        assert target == (1 if index >= NUM_IMAGES or index in FAKES else 0)


def test_everybody_goes_through_the_same_transform(make_batches):
    still = {"augmentation.horizontal_flip": 0.0}
    plain = images_of(make_batches(proportion=1.0, **still), 1)
    batches = make_batches(proportion=1.0, **still | {"augmentation.noise": 1.0})
    for key, (image, _) in images_of(batches, 1).items():
        noise = image.float() - plain[key][0].float()
        assert 0.5 < noise.std() < 12.0
    assert "target" not in inspect.signature(TrainForgeries.make).parameters


@pytest.mark.parametrize(("num_workers", "sampling"), [(1, "shuffled"), (2, "balanced")])
def test_a_forgery_follows_from_seed_epoch_and_index_in_any_process(
    make_batches, num_workers, sampling
):
    changes = {"proportion": 1.0, "sampling": sampling, "augmentation.degradation": 0.5}
    alone = make_batches(**changes)
    helped = pickle.loads(pickle.dumps(make_batches(num_workers=num_workers, **changes)))
    expected, found = images_of(alone, 2), images_of(helped, 2)
    assert expected.keys() == found.keys()
    assert all(torch.equal(image, found[key][0]) for key, (image, _) in expected.items())


def test_workers_are_not_stopped_by_threads_that_opencv_had_before(make_batches):
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        cv2.GaussianBlur(np.zeros((1000, 1000, 3), np.uint8), (31, 31), 5)  # its threads are there
        batches = make_batches(num_workers=1)
        assert len(images_of(batches, 1)) == NUM_IMAGES + 4
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


def test_epochs_and_seeds_have_forgeries_of_their_own(make_batches):
    images = make_batches(proportion=1.0).dataset
    other = make_batches(proportion=1.0, **{"training.seed": 1}).dataset
    index = NUM_IMAGES + FORGEABLE[0]
    read = [forged[0] for forged in (images[1, index], images[2, index], other[1, index])]
    read.append(images[1, index, 1][0])
    assert len({image.numpy().tobytes() for image in read}) == 4


def test_forgeries_change_nothing_else_in_an_epoch(make_batches):
    without = images_of(make_batches(change_dataset=unforged), 1)
    with_forgeries = images_of(make_batches(), 1)
    assert all(torch.equal(image, with_forgeries[key][0]) for key, (image, _) in without.items())


def test_balanced_epochs_count_forged_copies_as_forgeries(make_batches):
    batches = make_batches(proportion=1.0, sampling="balanced")
    assert batches.sampler.num_images == NUM_IMAGES + len(FORGEABLE)
    targets = [target for _, target in images_of(batches, 1).values()]
    assert Counter(targets) == {0: 10, 1: 10}


def test_real_images_alone_can_be_balanced_by_their_forgeries(make_batches):
    def only_real(dataset):
        return replace(dataset, targets=np.zeros(NUM_IMAGES, dtype=np.int64))

    balanced = make_batches(proportion=1.0, sampling="balanced", change_dataset=only_real)
    targets = [target for _, target in images_of(balanced, 1).values()]
    assert Counter(targets) == {0: 10, 1: 10}
    with pytest.raises(ValueError, match="balanced needs both classes"):
        make_batches(sampling="balanced", change_dataset=lambda one: unforged(only_real(one)))


def test_a_batch_may_be_as_large_as_an_epoch_with_its_forgeries(make_batches):
    assert len(make_batches(proportion=1.0, batch_size=20)) == 1
    with pytest.raises(ValueError, match=r"\(20 images\); lower it to 20"):
        make_batches(proportion=1.0, batch_size=21)


@pytest.mark.parametrize(("kind", "num_partners"), [("face_swap", 1), ("self_blend", 0)])
def test_a_partner_where_one_is_needed_comes_from_another_group(
    photographs, make_batches, kind, num_partners
):
    dataset, people = make_batches(kinds=(kind,)).dataset, photographs[1]["group"]
    for row in FORGEABLE:
        opened = []

        def read(index, opened=opened):
            opened.append(index)
            return dataset.read(index).permute(1, 2, 0).numpy()

        dataset.forgeries.make(row, read, seed=0, epoch=1)
        assert opened[0] == row
        assert people[row] not in {people[index] for index in opened[1:]}
        assert set(opened) <= set(FORGEABLE)
        assert len(opened) == 1 + num_partners


def test_landmarks_follow_the_size_that_is_read(photographs, make_batches, portraits, resized):
    forgeries = make_batches(kinds=("self_blend",)).dataset.forgeries
    row = FORGEABLE[0]
    pixels, points = resized(portraits[row % 4], 90, 130)
    portrait = forgeries._portrait(forgeries.rows.tolist().index(row), lambda index: pixels)
    np.testing.assert_allclose(portrait.landmarks, points, atol=1e-2)


def test_landmarks_move_along_with_a_face_that_is_cut_out(photographs, portraits):
    _, manifest, table = photographs
    squares = np.tile([[20, 30, 150]], (NUM_IMAGES, 1))
    squares[1] = [0, 0, 12]  # next to nothing of the face
    forgeries = forgeries_of(manifest, table, squares=squares, side=16)
    assert 1 not in forgeries.rows
    row = int(forgeries.rows[-1])
    np.testing.assert_allclose(
        forgeries.faces[-1], portraits[row % 4].landmarks - (20, 30), atol=1e-2
    )
    assert forgeries.sizes[-1].tolist() == [150, 150]


def test_five_points_are_completed(photographs, portraits):
    _, manifest, table = photographs
    five = [five_of(portraits[row % 4].landmarks).ravel().tolist() for row in table["row"]]
    forgeries = forgeries_of(manifest, table.assign(points=five))
    expected = complete(five_of(portraits[0].landmarks), portraits[0].pixels.shape)
    np.testing.assert_allclose(forgeries.faces[0], expected, atol=1e-2)


def test_faces_that_are_too_small_in_what_is_read_are_left_out_before_training(photographs):
    with pytest.raises(ManifestError, match="none of 9 real training images can be forged"):
        forgeries_of(*photographs[1:], side=8)


@pytest.mark.parametrize(("proportion", "number"), [(1.0, 8), (0.3, 2), (0.001, 1)])
def test_every_epoch_has_as_many_forged_copies(make_batches, proportion, number):
    batches = make_batches(proportion=proportion, batch_size=5)
    assert batches.dataset.forgeries.num_per_epoch == number
    assert {len(keys_of(batches, epoch)) for epoch in (1, 2, 3)} == {batches.sampler.num_images}


def test_the_fingerprint_follows_from_landmarks_and_groups(photographs):
    _, manifest, table = photographs

    def of(*tables):
        return forgeries_of(*tables).fingerprint

    moved = table.assign(points=[[value + 1 for value in points] for points in table["points"]])
    regrouped = manifest.assign(group=[f"person {row % 3}" for row in range(NUM_IMAGES)])
    assert of(manifest, table) == of(manifest.copy(), table.copy())
    assert len({of(manifest, table), of(manifest, moved), of(regrouped, table)}) == 3
