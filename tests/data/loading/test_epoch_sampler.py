"""What an epoch shows, and in which order, follows from (seed, epoch) alone."""

import tracemalloc
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from face_forgery.data.loading.epoch_sampler import EpochSampler, apportion
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.pairing import draw_paired

ORDER_OF_EPOCH_3 = [10, 4, 0, 9, 1, 2, 3, 6, 8, 7, 5]  # what it was in earlier versions
SIZES = st.lists(st.integers(1, 10_000), min_size=1, max_size=8)


@pytest.fixture
def make_sampler(make_params):
    """Return a builder of samplers of 11 images, of which nine are forgeries."""

    def make(
        num_images=11,
        *,
        targets=None,
        sources=None,
        groups=None,
        forgeries=None,
        group=(0, 1),
        **changes,
    ):
        params = make_params(**{"training.batch_size": 4} | changes)
        if targets is None:
            targets = np.ones(num_images, dtype=np.int64)
            targets[[3, 7]] = 0
        paths = np.array(["x"] * len(targets))
        dataset = ImageDataset("", paths, np.array(targets), "", params.preprocessing)
        dataset = replace(dataset, sources=sources, groups=groups, forgeries=forgeries)
        rank, world_size = group
        return EpochSampler(dataset, params.training, rank=rank, world_size=world_size)

    return make


def keys_of(sampler, epoch=1, num_batches=0):
    sampler.set_epoch(epoch, num_batches)
    keys = list(sampler)
    assert len(keys) == len(sampler)
    assert len(set(keys)) == len(keys)  # an image that comes again has another key
    return keys


def test_every_image_comes_once_in_the_order_of_earlier_versions(make_sampler):
    assert keys_of(make_sampler(), 3) == [(3, index) for index in ORDER_OF_EPOCH_3]


def test_epochs_and_seeds_differ_in_their_order(make_sampler):
    def indices(epoch, **changes):
        return [key[1] for key in keys_of(make_sampler(**changes), epoch)]

    assert indices(1) == indices(1)
    assert indices(1) != indices(2)
    assert indices(1) != indices(1, **{"training.seed": 1})


def test_a_pass_goes_on_after_the_batches_that_are_behind_it(make_sampler):
    sampler = make_sampler()
    whole = keys_of(sampler, 2)
    assert keys_of(sampler, 2, num_batches=2) == whole[8:]
    assert sampler.num_images == 11


@pytest.mark.parametrize(("batch_size", "num_images"), [(5, 10), (11, 11), (1, 11), (4, 11)])
def test_only_a_last_batch_of_a_single_image_is_left_out(make_sampler, batch_size, num_images):
    sampler = make_sampler(**{"training.batch_size": batch_size})
    assert sampler.num_images == len(keys_of(sampler)) == num_images


@pytest.mark.parametrize("changes", [{}, {"training.sampling": "balanced"}])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_the_batches_of_all_ranks_are_those_of_one_process_and_no_image_comes_twice(
    make_sampler, world_size, changes
):
    changes = {"training.batch_size": 6} | changes
    alone = keys_of(make_sampler(29, **changes), 2)
    samplers = [make_sampler(29, group=(r, world_size), **changes) for r in range(world_size)]
    by_rank = [keys_of(sampler, 2) for sampler in samplers]
    assert len({len(keys) for keys in by_rank}) == 1
    joined = [key for keys in by_rank for key in keys]
    assert len(set(joined)) == len(joined) > 29 - 6
    size = 6 // world_size
    for start in range(0, len(by_rank[0]) // size * size, size):
        batch = {key for keys in by_rank for key in keys[start : start + size]}
        first = start * world_size
        assert batch == set(alone[first : first + 6])


def test_too_large_batches_and_balanced_epochs_of_one_class_are_refused(make_sampler):
    with pytest.raises(ValueError, match=r"batch_size=12 .*\(11 images\); lower it to 11"):
        make_sampler(**{"training.batch_size": 12})
    with pytest.raises(ValueError, match=r"sampling=balanced needs both .* 11 training images"):
        make_sampler(targets=[1] * 11, **{"training.sampling": "balanced"})


def test_balanced_epochs_hold_as_many_of_each_class(make_sampler):
    sampler = make_sampler(**{"training.sampling": "balanced"})
    keys = keys_of(sampler)
    targets = [int(sampler.dataset.targets[key[1]]) for key in keys]
    assert (targets.count(0), targets.count(1)) == (5, 5)
    assert targets != sorted(targets)
    counts = Counter(key[1] for key in keys)
    assert sorted([counts[3], counts[7]]) == [2, 3]
    assert sorted(key[2] for key in keys if len(key) > 2) == [1, 1, 2]
    assert max(counts[index] for index in counts if index not in {3, 7}) == 1
    seen = {key[1] for epoch in range(1, 8) for key in keys_of(sampler, epoch)}
    assert seen == set(range(11))  # all of the larger class in time


def test_forged_copies_are_other_ones_in_every_epoch_and_as_many(make_sampler):
    forgeries = SimpleNamespace(rows=np.array([0, 3, 7, 8]), num_per_epoch=2, fingerprint="")
    sampler = make_sampler(forgeries=forgeries, **{"training.batch_size": 5})
    chosen = [{i for _, i in keys_of(sampler, epoch) if i >= 11} for epoch in range(1, 9)]
    assert {len(forged) for forged in chosen} == {2}
    assert set.union(*chosen) == {11, 14, 18, 19}
    balanced = make_sampler(forgeries=forgeries, **{"training.sampling": "balanced"})
    rows = [key[1] for key in keys_of(balanced)]
    assert sum(row in {3, 7} for row in rows) == 6  # half of 13, the odd one left out


@pytest.mark.parametrize(
    ("balance", "sampling", "expected"),
    [
        (0.0, "shuffled", {(0, 0): 5, (0, 1): 1, (1, 0): 3, (1, 1): 2}),
        (0.5, "shuffled", {(0, 0): 4, (0, 1): 2, (1, 0): 3, (1, 1): 2}),
        (1.0, "shuffled", {(0, 0): 3, (0, 1): 3, (1, 0): 3, (1, 1): 2}),
        (1.0, "balanced", {(0, 0): 3, (0, 1): 2, (1, 0): 3, (1, 1): 2}),
    ],
)
def test_sources_of_a_class_divide_its_part_as_told(make_sampler, balance, sampling, expected):
    targets = np.array([0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1])
    sources = np.array([0] * 8 + [1] * 3)
    changes = {"training.source_balance": balance, "training.sampling": sampling}
    sampler = make_sampler(targets=targets, sources=sources, **changes)
    rows = [key[1] for key in keys_of(sampler)]
    assert Counter(zip(targets[rows].tolist(), sources[rows].tolist(), strict=True)) == expected
    if balance == 1.0 and sampling == "shuffled":
        seen = Counter(key[1] for epoch in range(1, 41) for key in keys_of(sampler, epoch))
        large = [seen[row] for row in (0, 2, 4, 6, 7)]  # three of five an epoch
        assert sum(large) == 40 * 3
        assert min(large) >= 16
        assert seen[8] == 40 * 3


@given(SIZES, st.integers(0, 50_000), st.floats(0.0, 1.0))
def test_parts_add_up_and_are_within_one_of_the_exact_ones(sizes, num_images, balance):
    parts = apportion(num_images, sizes, balance)
    weights = [size ** (1.0 - balance) for size in sizes]
    assert sum(parts) == num_images
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - num_images * weight / sum(weights)) < 1.0 + 1e-6


@given(SIZES, st.integers(1, 1000))
def test_sources_keep_their_size_without_balance_and_differ_by_one_with_all_of_it(sizes, num):
    assert apportion(sum(sizes), sizes, 0.0) == sizes
    parts = apportion(num, sizes, 1.0)
    assert max(parts) - min(parts) <= 1


def batches_of(sampler, epoch=1):
    keys = keys_of(sampler, epoch)
    return [keys[start : start + 4] for start in range(0, len(keys), 4)]


def test_paired_epochs_show_each_image_once_and_each_real_one_beside_a_forgery_of_its_group(
    make_sampler,
):
    targets = np.array([0, 1, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1])
    groups = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4])  # one of two real ones, two of none
    sampler = make_sampler(
        targets=targets, groups=groups, **{"training.sampling": "paired", "training.batch_size": 4}
    )
    partners = set()
    for epoch in range(1, 40):
        batches = batches_of(sampler, epoch)
        rows = [[index for _, index in batch] for batch in batches]
        assert sorted(np.concatenate(rows)) == list(range(12))
        pairs = [frozenset(batch[k : k + 2]) for batch in rows for k in (0, 2)]
        of_two = [pair for pair in pairs if len({int(targets[row]) for row in pair}) == 2]
        of_one_group = [pair for pair in of_two if len({int(groups[row]) for row in pair}) == 1]
        assert {int(groups[min(pair)]) for pair in of_one_group} == {0, 1, 2}
        partners |= set(of_one_group)
    assert {frozenset({0, other}) for other in (1, 2, 3)} <= partners  # in turn with each
    first = [batch[0] for epoch in range(1, 40) for batch in batches_of(sampler, epoch)]
    assert {int(targets[index]) for _, index in first} == {0, 1}


def test_a_forged_copy_stands_beside_its_own_image(make_sampler):
    forgeries = SimpleNamespace(rows=np.arange(8), num_per_epoch=5)
    sampler = make_sampler(
        targets=np.zeros(8, dtype=np.int64),
        groups=np.zeros(8, dtype=np.int64),  # frames of one video
        forgeries=forgeries,
        **{"training.sampling": "paired"},
    )
    for epoch in range(1, 10):
        order = sampler.order(epoch)[:12].reshape(-1, 2)
        pairs = [sorted(pair) for pair in order.tolist() if max(pair) >= 8]
        assert sum(other == row + 8 for row, other in pairs) >= 4  # the last one may stand alone


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=40))
def test_pairing_loses_nothing_and_leaves_no_pair_apart(rows):
    targets, groups = (np.array(column) for column in zip(*rows, strict=True))
    generator = torch.Generator().manual_seed(0)
    numbers = np.arange(len(rows))
    drawn = draw_paired(numbers + 100, targets, numbers, groups, generator) - 100
    assert sorted(drawn) == list(numbers)
    twos = drawn[: len(drawn) // 2 * 2].reshape(-1, 2)
    found = Counter(
        groups[one]
        for one, other in twos
        if groups[one] == groups[other] and targets[one] != targets[other]
    )
    for group in set(groups.tolist()):
        of_group = targets[groups == group]
        assert found[group] >= min((of_group == 0).sum(), (of_group == 1).sum())


def test_drawing_a_balanced_epoch_takes_few_bytes_a_row(make_sampler):
    num_images = 200_000
    targets = np.arange(num_images) % 5 == 0
    sampler = make_sampler(targets=targets.astype(np.int64), **{"training.sampling": "balanced"})
    tracemalloc.start()
    sampler.order(1)
    _, peak = tracemalloc.get_traced_memory()  # of NumPy's arrays; torch has two more of 8 bytes
    tracemalloc.stop()
    assert peak / num_images < 32
