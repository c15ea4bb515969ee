"""What a batch holds follows from (seed, epoch, index), not from workers or restarts."""

import os
import signal

import pytest
import torch

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.images.resizing import eval_transform
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader, train_loader
from face_forgery.data.loading.workers import iterate


@pytest.fixture
def make_loader(make_faces, make_params, tmp_path):
    """Return a builder of loaders of 11 images, in batches of 4."""

    manifest = make_faces(11, name="set")

    def make(num_workers=0, **changes):
        augmentation = {"vertical_flip": 0.5, "noise": 0.5, "crop_scale": 0.5}
        params = make_params(
            **{f"augmentation.{key}": value for key, value in augmentation.items()},
            **{"training.batch_size": 4, "training.num_workers": num_workers} | changes,
        )
        dataset = ImageDataset.of(
            manifest,
            str(tmp_path / "faces"),
            params.preprocessing,
            augmentation=params.augmentation,
            seed=params.training.seed,
        )
        return train_loader(dataset, params.training)

    return make


@pytest.fixture
def evaluation_set(make_faces, make_params, tmp_path):
    params = make_params()
    return ImageDataset.of(make_faces(9), str(tmp_path / "faces"), params.preprocessing)


def batches_of(loader, epoch, num_batches=0):
    loader.sampler.set_epoch(epoch, num_batches)
    return [(images.clone(), targets.clone()) for images, targets in iterate(loader)]


def assert_same(some, others):
    assert len(some) == len(others)
    for (images, targets), (other_images, other_targets) in zip(some, others, strict=True):
        assert torch.equal(images, other_images)
        assert torch.equal(targets, other_targets)


def test_every_path_of_a_manifest_is_there_however_many_are_read_at_once(
    make_manifest, make_params, monkeypatch
):
    manifest = make_manifest(7)
    for number in (1, 3, 7, 100):
        monkeypatch.setattr("face_forgery.data.loading.image_dataset.ROWS_AT_ONCE", number)
        dataset = ImageDataset.of(manifest, "", make_params().preprocessing)
        assert dataset.paths.tolist() == manifest["path"].tolist()


def test_batches_are_bytes_and_every_image_has_its_own_target(make_loader):
    loader = make_loader()
    epoch = batches_of(loader, 3)
    assert [len(images) for images, _ in epoch] == [4, 4, 3]
    assert len(loader) == 3
    for images, targets in epoch:
        assert (images.shape[1:], images.dtype) == ((3, 32, 32), torch.uint8)
        assert targets.dtype == torch.int64
        redness = images[:, 0].float().mean(dim=(1, 2)) - images[:, 1].float().mean(dim=(1, 2))
        assert torch.equal((redness > 45).long(), targets)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_pass_goes_on_without_opening_what_is_behind_it(make_loader, tmp_path, num_workers):
    loader = make_loader(num_workers)
    whole = batches_of(loader, 1)
    for _, index in list(loader.sampler)[:4]:
        (tmp_path / f"faces/set/{index:03d}.png").write_bytes(b"no image")
    assert_same(batches_of(loader, 1, num_batches=1), whole[1:])


def test_the_number_of_workers_changes_nothing(make_loader):
    changes = {"training.sampling": "balanced"}
    alone, helped = make_loader(**changes), make_loader(2, **changes)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    for epoch in (1, 2):  # the second one meets workers that are already there
        assert_same(batches_of(helped, epoch), batches_of(alone, epoch))
    assert torch.equal(torch.get_rng_state(), before)  # nor do batches use the global generator


def test_an_image_is_augmented_by_seed_epoch_index_and_repeat(make_loader):
    dataset, other_seed = make_loader().dataset, make_loader(**{"training.seed": 1}).dataset
    images = [dataset[key][0] for key in [(1, 3), (2, 3), (1, 3, 1), (1, 3, 2)]]
    images.append(other_seed[1, 3][0])
    assert torch.equal(images[0], dataset[1, 3][0])
    assert not any(torch.equal(a, b) for n, a in enumerate(images) for b in images[:n])


def test_an_interrupt_is_for_the_main_process_and_kills_no_worker(make_loader):
    loader = make_loader(1)
    next(iterate(loader))
    (worker,) = loader._iterator._workers
    os.kill(worker.pid, signal.SIGINT)  # what Ctrl-C in a terminal sends to all of them
    # Nor does the epoch that was left halfway leak into the next.
    assert_same(batches_of(loader, 2), batches_of(make_loader(), 2))
    assert worker.is_alive()


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_image_that_cannot_be_read_is_named(make_loader, tmp_path, num_workers):
    loader = make_loader(num_workers)
    (tmp_path / "faces/set/004.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"^\S*set/004\.png: ") as caught:
        batches_of(loader, 1)
    assert caught.value.status == "unreadable"


@pytest.mark.parametrize("num_workers", [0, 2])
def test_evaluation_sees_every_image_in_order_and_unchanged(evaluation_set, num_workers):
    loader = eval_loader(evaluation_set, batch_size=4, num_workers=num_workers)
    images, targets = (torch.cat(parts) for parts in zip(*iterate(loader), strict=True))
    resize = eval_transform(32, "bilinear")
    assert torch.equal(images, torch.stack([resize(evaluation_set.read(i)) for i in range(9)]))
    assert targets.tolist() == evaluation_set.targets.tolist()
    assert len(loader) == 3


@pytest.mark.parametrize("world_size", [1, 2, 12])
def test_the_parts_of_all_ranks_are_the_evaluation_set_in_its_order(evaluation_set, world_size):
    parts = [
        eval_loader(evaluation_set, batch_size=2, num_workers=0, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    assert [index for part in parts for index in part.sampler] == list(range(9))


def test_an_image_that_was_written_over_is_an_error_with_both_sizes(
    image_folder, make_manifest, make_params, draw
):
    sizes = [path.stat().st_size for path in sorted((image_folder / "images").iterdir())]
    params, root = make_params(), str(image_folder)
    dataset = ImageDataset.of(make_manifest(8, num_bytes=sizes), root, params.preprocessing)
    unknown = ImageDataset.of(make_manifest(8, num_bytes=None), root, params.preprocessing)
    dataset.read(3)
    draw(9).save(image_folder / "images/003.jpg", quality=50)
    with pytest.raises(ImageError, match=r"003\.jpg: it has [\d,]+ bytes and had [\d,]+ when"):
        dataset.read(3)
    assert unknown.read(3).shape[0] == 3
