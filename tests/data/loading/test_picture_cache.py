"""Pictures kept on disk are those that would be decoded, whoever wrote them and whatever died."""

import hashlib
import logging
import os
import pickle
import signal
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.images.face_table import FACE_COLUMNS
from face_forgery.data.loading import picture_cache
from face_forgery.data.loading.image_rows import ImageRows
from face_forgery.data.loading.loaders import EvalBatches, TrainBatches
from face_forgery.data.loading.picture_cache import CacheError
from face_forgery.data.loading.transforms import split_train_transform, train_transform

SIZES = [(128, 128), (200, 130), (64, 64), (33, 90), (40, 40), (127, 64), (32, 32), (513, 300)]
EVERYTHING = {
    "augmentation.vertical_flip": 0.5,
    "augmentation.color_jitter": 0.3,
    "augmentation.blur": 0.5,
    "augmentation.noise": 0.5,
    "augmentation.jpeg": 0.5,
}
CROPS = EVERYTHING | {"augmentation.crop_scale": 0.4}


@pytest.fixture
def manifest(tmp_path, make_picture):
    """Seven JPEGs and a PNG of many sizes."""
    rows = []
    for number, (height, width) in enumerate(SIZES):
        path = tmp_path / f"{number}.{'png' if number == 7 else 'jpg'}"
        make_picture(number, height=height, width=width).save(path, quality=90)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        kind = "PNG" if number == 7 else "JPEG"
        rows.append(("train", number, path.name, number % 2, width, height, kind, digest))
    names = ["subset", "row", "path", "target", "width", "height", "format", "sha256"]
    return pd.DataFrame(rows, columns=names).astype({"path": "string", "target": "Int8"})


@pytest.fixture
def faces(manifest):
    """A square that is cut out of each picture."""
    side = manifest[["width", "height"]].min(axis=1) - 2
    table = manifest[["subset", "row"]].assign(left=1, top=2, side=side, status="ok", detail="")
    return table.astype(FACE_COLUMNS)


@pytest.fixture
def make_train(manifest, tmp_path, make_params):
    def make(changes=EVERYTHING, *, cached=True, face_table=None, num_workers=0):
        params = make_params(**changes)
        folder = tmp_path / "cache" if cached else None
        rows = ImageRows.of(manifest, str(tmp_path), face_table, folder)
        return TrainBatches(rows, params.preprocessing, params.augmentation, 3, 0, num_workers)

    return make


@pytest.fixture
def kept_file(tmp_path):
    """Return a function that gives the one file of the cache."""

    def find():
        (path,) = (tmp_path / "cache").glob("train-*.pictures")
        return path

    return find


def begin(work):
    """Have a process of its own do ``work``; return its id."""
    child = os.fork()
    if not child:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    return child


def end(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def pixels_of(batches, *epochs):
    return [images.clone() for epoch in epochs for images, _ in batches.epoch(epoch)]


def assert_same(some, others):
    assert len(some) == len(others)
    assert all(torch.equal(image, other) for image, other in zip(some, others, strict=True))


@pytest.mark.parametrize("how", ["whole, alone", "whole, by two workers", "cut, by two workers"])
@pytest.mark.parametrize("changes", [EVERYTHING, CROPS])
def test_batches_are_the_same_bit_for_bit(make_train, faces, tmp_path, changes, how):
    how = {"face_table": faces if "cut" in how else None, "num_workers": 2 * ("two" in how)}
    expected = pixels_of(make_train(changes, cached=False, **how), 1, 2, 3)
    batches = make_train(changes, **how)
    assert_same(pixels_of(batches, 1, 2), expected[:6])
    for path in tmp_path.glob("*.*g"):
        path.unlink()  # from here on nothing is decoded, in a later run either
    assert_same(pixels_of(batches, 3), expected[6:])
    assert_same(pixels_of(make_train(changes, **how), 1, 2, 3), expected)


@pytest.mark.parametrize("changes", [EVERYTHING, {}, CROPS])
def test_the_two_parts_of_the_transform_are_the_whole_of_it(make_params, changes):
    params = make_params(**changes)
    whole = train_transform(params.preprocessing, params.augmentation)
    resize, change = split_train_transform(params.preprocessing, params.augmentation)
    picture = torch.randint(0, 256, (3, 50, 70), dtype=torch.uint8)
    for seed in range(8):
        torch.manual_seed(seed)
        expected = whole(picture)
        torch.manual_seed(seed)
        assert torch.equal(change(picture if resize is None else resize(picture)), expected)


def test_validation_is_kept_in_a_file_of_its_own(manifest, tmp_path, make_params):
    preprocessing = make_params().preprocessing
    plain = EvalBatches(ImageRows.of(manifest, str(tmp_path)), preprocessing, 3, 0)
    rows = ImageRows.of(manifest, str(tmp_path), cache_folder=tmp_path / "cache")
    batches = EvalBatches(rows, preprocessing, 3, 0)
    expected = [images for images, _ in plain]
    assert_same([images for images, _ in batches], expected)
    for name in manifest["path"]:
        (tmp_path / name).unlink()
    assert_same([images for images, _ in batches], expected)
    assert [path.name[:4] for path in (tmp_path / "cache").iterdir()] == ["val-"]


@pytest.mark.parametrize("num_writes", [0, 1, 2, 5])
@pytest.mark.parametrize("changes", [EVERYTHING, CROPS])
def test_what_a_killed_run_leaves_is_gone_on_with(make_train, changes, num_writes):
    expected = pixels_of(make_train(changes, cached=False), 1, 2)

    def die():
        write, writes = os.pwrite, iter(range(num_writes))

        def write_or_die(*args):
            if next(writes, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(*args)

        os.pwrite = write_or_die
        pixels_of(make_train(changes), 1)

    assert end(begin(die)) == -signal.SIGKILL
    batches = make_train(changes)
    assert batches._kept.num_there == num_writes // 2
    assert_same(pixels_of(batches, 1, 2), expected)


def test_several_processes_fill_it_at_once(make_train):
    expected = pixels_of(make_train(cached=False), 1)
    children = [
        begin(lambda: all(map(torch.equal, pixels_of(make_train(), 1), expected))) for _ in range(3)
    ]
    assert [end(child) for child in children] == [0, 0, 0]
    assert make_train()._kept.num_there == len(SIZES)


@pytest.mark.parametrize("changes", [EVERYTHING, CROPS])
def test_pixels_that_never_reached_the_disk_are_decoded_anew(make_train, kept_file, changes):
    expected = pixels_of(make_train(changes), 1)
    content = bytearray(kept_file().read_bytes())
    content[8 * len(SIZES) :] = bytes(len(content) - 8 * len(SIZES))
    kept_file().write_bytes(content)
    assert_same(pixels_of(make_train(changes), 1), expected)
    assert kept_file().read_bytes() != bytes(content)


def test_a_picture_that_is_not_the_one_of_the_manifest_is_refused(
    make_train, tmp_path, make_picture
):
    make_picture(99, height=64, width=64).save(tmp_path / "2.jpg")
    with pytest.raises(ImageError, match=r"2\.jpg: it is not the file that ingestion read"):
        pixels_of(make_train(), 1)


def test_a_picture_larger_than_its_manifest_says_is_decoded_every_time(make_train, manifest):
    expected = pixels_of(make_train(CROPS, cached=False), 1, 2)
    manifest.loc[7, "width"] -= 1
    batches = make_train(CROPS)
    assert_same(pixels_of(batches, 1, 2), expected)
    assert batches._kept.num_there == len(SIZES) - 1


def test_decoded_pictures_take_the_room_that_they_need(make_train):
    batches = make_train(CROPS)
    side = batches._loader.dataset.side
    sizes = [batches.rows.read(index, side=side).numel() for index in range(len(SIZES))]
    assert np.diff(batches._kept.places).tolist() == sizes
    assert sizes[1] < 3 * 200 * 130  # it is decoded at a smaller scale


@pytest.mark.parametrize(
    "changes",
    [{"preprocessing.image_size": 64}, {"preprocessing.interpolation": "bicubic"}, CROPS,
     {"preprocessing.scaled_decoding": False}],
)  # fmt: skip
def test_other_settings_are_another_file_and_the_old_one_is_named(
    make_train, kept_file, caplog, changes
):
    make_train()
    old = kept_file()
    caplog.set_level(logging.INFO, logger="face_forgery.data.loading.picture_cache")
    make_train(changes)
    assert (
        f"1 other file(s) there, of other data, settings or versions, take 0.0 GB: {old.name}"
        in (caplog.text)
    )


def test_other_content_squares_and_versions_are_other_files(
    make_train, manifest, faces, tmp_path, monkeypatch
):
    make_train()
    make_train(face_table=faces)
    make_train(face_table=faces.assign(left=0))
    manifest.loc[0, "sha256"] = "0" * 64
    make_train()
    monkeypatch.setattr(picture_cache.PIL, "__version__", "0")
    make_train()
    assert len(list((tmp_path / "cache").iterdir())) == 5


def test_the_same_content_under_other_labels_and_names_is_the_same_file(
    make_train, manifest, tmp_path
):
    make_train()
    manifest["target"] = 1 - manifest["target"]
    (tmp_path / "0.jpg").rename(tmp_path / "new.jpg")
    manifest.loc[0, "path"] = "new.jpg"
    make_train()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_disk_without_room_is_said_before_training(make_train, monkeypatch, kept_file):
    usage = namedtuple("Usage", "total used free")(10**10, 10**10, 20_000)
    monkeypatch.setattr(picture_cache.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(CacheError, match=r"take 0\.0 GB, 0\.0 GB are free.*training\.cache=null"):
        make_train()
    assert kept_file().stat().st_size == 0
    monkeypatch.undo()
    assert make_train()._kept.num_there == 0


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_disk_that_fills_up_is_an_error_with_a_remedy(make_train, monkeypatch, num_workers):
    def no_space(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", no_space)
    with pytest.raises(CacheError, match=r"No space left on device; name another folder"):
        pixels_of(make_train(num_workers=num_workers), 1)


def test_a_folder_that_cannot_be_made_is_an_error_with_a_remedy(make_train, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(CacheError, match=r"File exists; name another folder \(training\.cache\)"):
        make_train()


def test_an_open_cache_travels_to_another_process(make_train):
    batches = make_train()
    expected = pixels_of(batches, 1)
    copy = pickle.loads(pickle.dumps(batches))
    assert set(vars(copy._kept)) == {"path", "places", "digests"}
    assert_same(pixels_of(copy, 1), expected)
    assert_same(pixels_of(replace(copy, num_workers=1), 1), expected)
