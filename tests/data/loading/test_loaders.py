"""What an epoch holds follows from (seed, epoch, index), not from workers, batches or restarts."""

import os
import pickle
import signal
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.loading.batches import share_of
from face_forgery.data.loading.image_rows import ImageRows
from face_forgery.data.loading.loaders import EvalBatches, TrainBatches
from face_forgery.data.loading.transforms import eval_transform

ORDER_OF_EPOCH_3 = [10, 4, 0, 9, 1, 2, 3, 6, 8, 7, 5]


@pytest.fixture
def make_batches(make_faces, make_params, tmp_path):
    def make(num_images=11, *, name="set", **changes):
        params = make_params(
            **{
                "augmentation.vertical_flip": 0.5,
                "augmentation.noise": 0.5,
                "augmentation.crop_scale": 0.5,
            }
        )
        rows = ImageRows.of(make_faces(num_images, name=name), str(tmp_path / "faces"))
        batches = TrainBatches(rows, params.preprocessing, params.augmentation, 4, 0, 0)
        return replace(batches, **changes)

    return make


def of_epoch(batches, number):
    return [(images.clone(), targets.clone()) for images, targets in batches.epoch(number)]


def assert_same(some, others):
    assert len(some) == len(others)
    for (images, targets), (other_images, other_targets) in zip(some, others, strict=True):
        assert torch.equal(images, other_images)
        assert torch.equal(targets, other_targets)


def test_batches_are_bytes_and_integer_targets(make_batches):
    batches = make_batches()
    epoch = of_epoch(batches, 1)
    assert [len(images) for images, _ in epoch] == [4, 4, 3]
    assert len(batches.epoch(1)) == 3
    assert batches.epoch(1).num_images == 11
    images, targets = epoch[0]
    assert (images.shape, images.dtype) == ((4, 3, 32, 32), torch.uint8)
    assert (targets.shape, targets.dtype) == ((4,), torch.int64)


def test_every_image_comes_once_an_epoch_with_its_own_target(make_batches):
    batches = make_batches()
    keys = [key for batch in batches._keys(3) for key in batch]
    assert sorted(keys) == [(3, index) for index in range(11)]
    for images, targets in of_epoch(batches, 3):
        redness = images[:, 0].float().mean(dim=(1, 2)) - images[:, 1].float().mean(dim=(1, 2))
        assert torch.equal((redness > 45).long(), targets)


def test_the_order_of_an_epoch_stays_what_it_was_in_earlier_versions(make_batches):
    assert [index for batch in make_batches()._keys(3) for _, index in batch] == ORDER_OF_EPOCH_3


@pytest.mark.parametrize("num_ranks", [1, 2, 3, 5])
def test_the_shares_of_all_ranks_are_the_epoch_in_its_order(make_batches, num_ranks):
    batches = make_batches()
    shares = [batches.epoch(2).share(rank, num_ranks) for rank in range(num_ranks)]
    for number, (keys, (images, _)) in enumerate(
        zip(batches._keys(2), of_epoch(batches, 2), strict=True)
    ):
        joined = []
        for rank, share in enumerate(shares):
            own = share_of(len(keys), rank, num_ranks)
            assert len(share.keys[number]) == max(len(own), 1)  # one that counts for nothing
            joined += share.keys[number][: len(own)]
            if own:
                assert torch.equal(list(share)[number][0], images[own.start : own.stop])
        assert joined == keys


@pytest.mark.parametrize("num_ranks", [2, 3, 5])
def test_a_share_is_led_by_the_image_before_it_in_a_ring(make_batches, num_ranks):
    epoch = make_batches().epoch(2)
    for rank in range(num_ranks):
        led = epoch.share(rank, num_ranks, num_before=1).keys
        for batch, (first, *rest), own in zip(
            epoch.keys, led, epoch.share(rank, num_ranks).keys, strict=True
        ):
            assert rest == own
            assert first == batch[batch.index(own[0]) - 1]


def test_a_share_goes_on_where_the_epoch_does(make_batches):
    epoch = make_batches().epoch(2)
    assert epoch.after(1).share(1, 2).keys == epoch.share(1, 2).after(1).keys


@pytest.mark.parametrize("num_ranks", [1, 2, 3, 7])
def test_the_shares_of_validation_are_whole_batches_in_the_order_of_the_manifest(
    make_batches, num_ranks
):
    train = make_batches()
    batches = EvalBatches(train.rows, train.preprocessing, batch_size=2, num_workers=0)
    shares = [batches.share(rank, num_ranks) for rank in range(num_ranks)]
    assert [size for share in shares for size in share.sizes] == [2, 2, 2, 2, 2, 1]
    joined = [index for share in shares for batch in share.keys for _, index in batch]
    assert joined == list(range(11))
    assert_same([batch for share in shares for batch in share], list(batches))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_pass_is_continued_without_opening_what_is_behind_it(make_batches, tmp_path, num_workers):
    batches = make_batches(num_workers=num_workers)
    whole = of_epoch(batches, 1)
    for _, index in batches._keys(1)[0]:
        (tmp_path / f"faces/set/{index:03d}.png").write_bytes(b"no picture")
    rest = batches.epoch(1).after(1)
    assert (rest.sizes, rest.num_images, len(rest)) == ([4, 3], 7, 2)
    assert_same(list(rest), whole[1:])


@pytest.fixture
def make_uneven(make_batches):
    """Return a builder of batches of a set with two real images and nine forgeries."""

    def make(**changes):
        batches = make_batches(sampling="balanced", **changes)
        targets = np.ones(len(batches.rows), dtype=np.int64)
        targets[[3, 7]] = 0
        return replace(batches, rows=replace(batches.rows, targets=targets))

    return make


def test_balanced_epochs_hold_as_many_of_each_class(make_uneven):
    batches = make_uneven()
    keys = [key for batch in batches._keys(1) for key in batch]
    targets = [int(batches.rows.targets[key[1]]) for key in keys]
    assert (targets.count(0), targets.count(1)) == (5, 5)
    counts = Counter(key[1] for key in keys)
    assert sorted([counts[3], counts[7]]) == [2, 3]
    assert max(counts[index] for index in counts if index not in {3, 7}) == 1
    assert len(set(keys)) == len(keys)  # an image that comes again is another key
    assert targets != sorted(targets)


def test_balanced_epochs_go_through_all_of_the_larger_class_in_time(make_uneven):
    batches = make_uneven()
    seen = {key[1] for epoch in range(1, 8) for batch in batches._keys(epoch) for key in batch}
    assert seen == set(range(11))


def test_an_image_that_comes_again_is_augmented_in_another_way(make_uneven):
    images = make_uneven()._loader.dataset
    assert torch.equal(images[1, 3][0], images[1, 3][0])
    assert not torch.equal(images[1, 3][0], images[1, 3, 1][0])
    assert not torch.equal(images[1, 3, 1][0], images[1, 3, 2][0])


def test_balanced_epochs_are_the_same_in_any_process(make_uneven):
    batches = make_uneven()
    assert_same(of_epoch(replace(batches, num_workers=2), 2), of_epoch(batches, 2))
    assert batches._keys(1) != [[(1, *key[1:]) for key in batch] for batch in batches._keys(2)]


def test_balanced_epochs_of_a_single_class_are_refused(make_uneven):
    batches = make_uneven()
    rows = replace(batches.rows, targets=np.ones(11, dtype=np.int64))
    with pytest.raises(ValueError, match=r"sampling=balanced needs both .* 11 training images"):
        replace(batches, rows=rows)


@pytest.fixture
def make_two_sources(make_batches):
    """Return a builder of batches of eight images from one source and three from another."""

    def make(**changes):
        batches = make_batches(**changes)
        targets = np.array([0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1])
        sources = np.array([0] * 8 + [1] * 3)
        return replace(batches, rows=replace(batches.rows, targets=targets), sources=sources)

    return make


def counts_of(batches, epoch=1):
    keys = [key for batch in batches._keys(epoch) for key in batch]
    assert len(set(keys)) == len(keys)  # an image that comes again is another key
    rows = [key[1] for key in keys]
    groups = zip(batches.rows.targets[rows], batches.sources[rows], strict=True)
    return Counter((int(target), int(source)) for target, source in groups)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"source_balance": 0.0}, {(0, 0): 5, (0, 1): 1, (1, 0): 3, (1, 1): 2}),
        ({"source_balance": 0.5}, {(0, 0): 4, (0, 1): 2, (1, 0): 3, (1, 1): 2}),
        ({"source_balance": 1.0}, {(0, 0): 3, (0, 1): 3, (1, 0): 3, (1, 1): 2}),
        (
            {"source_balance": 1.0, "sampling": "balanced"},
            {(0, 0): 3, (0, 1): 2, (1, 0): 3, (1, 1): 2},
        ),
    ],
    ids=str,
)
def test_sources_of_a_class_share_its_part_as_told(make_two_sources, changes, expected):
    assert counts_of(make_two_sources(**changes)) == expected


def test_all_of_a_source_is_seen_in_time_and_all_of_it_equally_often(make_two_sources):
    batches = make_two_sources(source_balance=1.0)
    seen = Counter(
        key[1] for epoch in range(1, 41) for batch in batches._keys(epoch) for key in batch
    )
    large = [seen[row] for row in (0, 2, 4, 6, 7)]  # three of five an epoch
    assert sum(large) == 40 * 3
    assert min(large) >= 16
    assert seen[8] == 40 * 3
    assert batches._keys(1) != [[(1, *key[1:]) for key in batch] for batch in batches._keys(2)]


def test_balanced_sources_are_the_same_in_any_process(make_two_sources):
    batches = make_two_sources(source_balance=1.0)
    assert_same(of_epoch(replace(batches, num_workers=2), 2), of_epoch(batches, 2))


def test_epochs_and_seeds_differ_in_order_and_augmentation(make_batches):
    batches = make_batches()
    other_seed = replace(batches, seed=1)
    assert batches._keys(1) != [[(1, i) for _, i in batch] for batch in batches._keys(2)]
    assert batches._keys(1) != other_seed._keys(1)
    dataset = batches._loader.dataset
    assert not torch.equal(dataset[1, 0][0], dataset[2, 0][0])
    assert not torch.equal(dataset[1, 0][0], other_seed._loader.dataset[1, 0][0])


@pytest.mark.parametrize("num_workers", [1, 2])
def test_the_number_of_workers_changes_nothing(make_batches, num_workers):
    alone = make_batches()
    helped = replace(alone, num_workers=num_workers)
    for epoch in (1, 2):  # the second one meets workers that are already there
        assert_same(of_epoch(helped, epoch), of_epoch(alone, epoch))


def test_a_copy_in_another_process_gives_the_same_batches(make_batches):
    batches = make_batches()
    of_epoch(batches, 1)
    assert_same(of_epoch(pickle.loads(pickle.dumps(batches)), 2), of_epoch(batches, 2))


def test_live_workers_do_not_travel_with_a_pickle(make_batches):
    batches = make_batches(num_workers=1)
    of_epoch(batches, 1)
    assert "_loader" not in vars(pickle.loads(pickle.dumps(batches)))


def test_an_image_is_augmented_alike_whatever_batch_it_is_in(make_batches):
    batches = make_batches()
    by_fours = torch.cat([images for images, _ in of_epoch(batches, 1)])
    by_twos = torch.cat([images for images, _ in of_epoch(replace(batches, batch_size=3), 1)])
    assert torch.equal(by_fours, by_twos)


def test_loading_leaves_the_global_generator_alone(make_batches):
    for num_workers in (0, 1):
        batches = make_batches(num_workers=num_workers, name=f"set{num_workers}")
        torch.manual_seed(7)
        before = torch.get_rng_state()
        of_epoch(batches, 1)
        assert torch.equal(torch.get_rng_state(), before)


def test_an_interrupt_is_for_the_main_process_and_kills_no_worker(make_batches):
    batches = make_batches(num_workers=1)
    epoch = iter(batches.epoch(1))
    next(epoch)
    (worker,) = batches._loader._iterator._workers
    os.kill(worker.pid, signal.SIGINT)  # what Ctrl-C in a terminal sends to all of them
    assert len(list(epoch)) == 2
    assert len(of_epoch(batches, 2)) == 3
    assert worker.is_alive()


def test_an_epoch_that_was_left_halfway_does_not_leak_into_the_next(make_batches):
    batches = make_batches(num_workers=1)
    next(iter(batches.epoch(1)))
    assert_same(of_epoch(batches, 2), of_epoch(replace(batches, num_workers=0), 2))


@pytest.mark.parametrize(("batch_size", "sizes"), [(5, [5, 5]), (11, [11]), (1, [1] * 11)])
def test_only_a_last_batch_of_a_single_image_is_left_out(make_batches, batch_size, sizes):
    batches = make_batches(batch_size=batch_size)
    assert [len(targets) for _, targets in of_epoch(batches, 1)] == sizes
    assert batches.epoch(1).num_images == sum(sizes)


def test_a_batch_larger_than_the_set_is_refused_before_training(make_batches):
    with pytest.raises(ValueError, match=r"batch_size=12 .*\(11 images\); lower it to 11"):
        make_batches(batch_size=12)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_image_that_cannot_be_read_is_named(make_batches, tmp_path, num_workers):
    batches = make_batches(num_workers=num_workers)
    (tmp_path / "faces/set/004.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"^\S*set/004\.png: ") as caught:
        of_epoch(batches, 1)
    assert caught.value.status == "unreadable"


def test_evaluation_sees_every_image_in_order_and_unchanged(make_faces, make_params, tmp_path):
    manifest, params = make_faces(9), make_params()
    rows = ImageRows.of(manifest, str(tmp_path / "faces"))
    batches = EvalBatches(rows, params.preprocessing, batch_size=4, num_workers=0)
    images = torch.cat([images for images, _ in batches])
    expected = torch.stack([eval_transform(32, "bilinear")(rows.read(i)) for i in range(9)])
    assert torch.equal(images, expected)
    assert torch.cat([targets for _, targets in batches]).tolist() == manifest["target"].tolist()
    assert (len(batches), batches.num_images) == (3, 9)
    helped = pickle.loads(pickle.dumps(replace(batches, num_workers=2)))
    assert torch.equal(torch.cat([images for images, _ in helped]), images)
