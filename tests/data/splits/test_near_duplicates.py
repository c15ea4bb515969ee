"""Hashes are those of the reference; near-identical images are found, similar ones are not."""

import imagehash
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageEnhance

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.splits import near_duplicates
from face_forgery.data.splits.near_duplicates import (
    IMAGE_HASH_COLUMNS,
    HashedImages,
    close_pairs,
    hash_table,
    near_identical_pairs,
    perceptual_hashes,
    read_square,
)

HASHES = st.lists(
    st.one_of(st.integers(0, 7), st.integers(0, 2**64 - 1)), min_size=0, max_size=30
).map(lambda values: np.array(values, np.uint64))


def nothing(left, right):
    return np.zeros(len(left), bool)


def slow_close_pairs(queries, index, max_bits):
    return {
        (i, j)
        for i, a in enumerate(queries.tolist())
        for j, b in enumerate(index.tolist())
        if (a ^ b).bit_count() <= max_bits
    }


@given(queries=HASHES, index=HASHES, max_bits=st.integers(0, 16))
def test_close_pairs_are_those_of_a_slow_search(queries, index, max_bits):
    found = [
        pair
        for left, right in close_pairs(queries, index, max_bits=max_bits)
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    ]
    assert len(found) == len(set(found))
    assert set(found) == slow_close_pairs(queries, index, max_bits)


@given(hashes=HASHES, max_bits=st.integers(0, 16))
def test_pairs_within_one_set_are_those_of_a_slow_search_in_either_order(hashes, max_bits):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "_QUERIES_AT_ONCE", 4)
        found = {
            frozenset(pair)
            for left, right in close_pairs(hashes, None, max_bits=max_bits)
            for pair in zip(left.tolist(), right.tolist(), strict=True)
        }
    assert found == {frozenset(pair) for pair in slow_close_pairs(hashes, hashes, max_bits)}


def test_blocks_stay_small_when_a_thousand_images_share_a_hash(monkeypatch):
    monkeypatch.setattr(near_duplicates, "_PAIRS_AT_ONCE", 5000)
    same = np.zeros(1000, np.uint64)
    sizes = [len(left) for left, _ in close_pairs(same, same, max_bits=0)]
    assert sum(sizes) == 1_000_000
    assert max(sizes) <= 5000


COPIES = {
    "recompressed": lambda image: (image, {"quality": 30}),
    "halved": lambda image: (image.resize((64, 64), Image.Resampling.BICUBIC), {"quality": 90}),
    "doubled": lambda image: (image.resize((256, 256), Image.Resampling.BICUBIC), {"quality": 90}),
    "odd size": lambda image: (image.resize((97, 97), Image.Resampling.BICUBIC), {"quality": 90}),
    "squeezed": lambda image: (image.resize((112, 128)), {"quality": 90}),
    "brighter": lambda image: (ImageEnhance.Brightness(image).enhance(1.1), {"quality": 90}),
    "contrast": lambda image: (ImageEnhance.Contrast(image).enhance(1.2), {"quality": 90}),
    "grey": lambda image: (image.convert("L"), {"quality": 90}),
}


@pytest.fixture
def find(tmp_path):
    def find(*images):
        for number, (image, options) in enumerate(images):
            image.save(tmp_path / f"{number}.jpg", **options)
        manifest = pd.DataFrame(
            {
                "subset": "train",
                "row": range(len(images)),
                "path": [f"{number}.jpg" for number in range(len(images))],
            }
        )
        images = HashedImages.of(hash_table(manifest, root=tmp_path, num_workers=0))
        blocks = near_identical_pairs(images, images, skip=nothing)
        return {
            (i, j)
            for left, right in blocks
            for i, j in zip(left.tolist(), right.tolist(), strict=True)
            if i < j
        }

    return find


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_found_among_other_images(find, draw, copy):
    others = [(draw(seed), {"quality": 90}) for seed in range(1, 30)]
    assert find((draw(0), {"quality": 90}), *others, COPIES[copy](draw(0))) == {(0, 30)}


def test_images_alike_in_low_frequencies_only_are_not_the_same(find, draw):
    """Another face in front of the same background: the hash is close, the image is not."""
    image, other = draw(0), draw(0)
    other.paste(draw(5).crop((24, 24, 104, 104)).convert("L").convert("RGB"), (40, 40))
    blend, flat = Image.blend(image, other, 0.35), Image.new("RGB", (64, 64), (90, 90, 90))
    options = [{"quality": quality} for quality in (90, 90, 90, 50)]
    assert find(*zip((image, blend, flat, flat), options, strict=True)) == set()


def test_what_may_be_skipped_is_not_compared():
    thumbnails = np.random.default_rng(0).integers(0, 256, (1, 256), dtype=np.uint8)
    images = HashedImages(
        np.array([7, 8, 9]), np.zeros(3, np.uint64), np.repeat(thumbnails, 3, axis=0)
    )
    pairs = near_identical_pairs(
        images, images, skip=lambda left, right: (left == 7) | (right != 9)
    )
    assert [(left.tolist(), right.tolist()) for left, right in pairs] == [([8, 9], [9, 9])]


def test_hashes_equal_those_of_imagehash(draw):
    squares = np.stack([np.asarray(draw(seed, 32).convert("L")) for seed in range(50)])
    expected = [int(str(imagehash.phash(Image.fromarray(square))), 16) for square in squares]
    assert perceptual_hashes(squares).tolist() == expected


def test_a_table_of_hashes_follows_the_rows_of_the_manifest(image_folder, make_manifest):
    Image.new("RGB", (64, 64), (90, 90, 90)).save(image_folder / "images" / "007.jpg")
    manifest = make_manifest(8)[::-1]
    table = hash_table(manifest, root=image_folder, num_workers=2)
    assert list(table["row"]) == list(range(8))[::-1]
    assert [str(dtype) for dtype in table.dtypes] == list(IMAGE_HASH_COLUMNS.values())
    squares = np.stack([read_square(image_folder / path) for path in manifest["path"]])
    assert table["phash"].tolist() == [pd.NA, *perceptual_hashes(squares)[1:].tolist()]
    blocks = np.stack([squares[3][2 * row : 2 * row + 2, 4:6] for row in range(16)])
    thumbnail = np.frombuffer(table["thumbnail"][3], np.uint8).reshape(16, 16)
    assert thumbnail[:, 2].tolist() == np.rint(blocks.mean(axis=(1, 2))).tolist()


def test_a_turned_copy_is_hashed_upright(tmp_path, draw):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    draw(0).save(tmp_path / "upright.jpg", quality=95)
    draw(0).transpose(Image.Transpose.ROTATE_90).save(
        tmp_path / "turned.jpg", quality=95, exif=exif
    )
    upright, turned = (
        read_square(tmp_path / f"{n}.jpg").astype(int) for n in ("upright", "turned")
    )
    assert np.abs(upright - turned).max() < 8


def test_an_image_that_is_gone_is_an_error_that_names_it(image_folder, make_manifest):
    (image_folder / "images" / "001.jpg").unlink()
    with pytest.raises(ImageError, match=r"001\.jpg: no such file"):
        hash_table(make_manifest(2), root=image_folder, num_workers=1)
