"""Near-identical pictures are found, similar ones are not, whatever their number."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from face_forgery.data.splits import duplicates
from face_forgery.data.splits.duplicates import HashedPictures, close_pairs, near_identical_pairs
from face_forgery.data.splits.hashing import hash_table

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
        patch.setattr(duplicates, "_QUERIES_AT_ONCE", 4)
        found = {
            frozenset(pair)
            for left, right in close_pairs(hashes, None, max_bits=max_bits)
            for pair in zip(left.tolist(), right.tolist(), strict=True)
        }
    assert found == {frozenset(pair) for pair in slow_close_pairs(hashes, hashes, max_bits)}


def test_blocks_stay_small_when_a_thousand_pictures_share_a_hash(monkeypatch):
    monkeypatch.setattr(duplicates, "_PAIRS_AT_ONCE", 5000)
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
        pictures = HashedPictures.of(hash_table(manifest, root=tmp_path, num_workers=0))
        blocks = near_identical_pairs(pictures, pictures, max_bits=6, skip=nothing)
        return {
            (i, j)
            for left, right in blocks
            for i, j in zip(left.tolist(), right.tolist(), strict=True)
            if i < j
        }

    return find


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_found_among_other_pictures(find, draw, copy):
    others = [(draw(seed), {"quality": 90}) for seed in range(1, 30)]
    assert find((draw(0), {"quality": 90}), *others, COPIES[copy](draw(0))) == {(0, 30)}


def test_pictures_alike_in_low_frequencies_only_are_not_the_same(find, draw):
    """Another face in front of the same background: the hash is close, the picture is not."""
    picture, other = draw(0), draw(0)
    other.paste(draw(5).crop((24, 24, 104, 104)).convert("L").convert("RGB"), (40, 40))
    blend = Image.blend(picture, other, 0.35)
    assert find((picture, {"quality": 90}), (blend, {"quality": 90})) == set()


def test_pictures_without_structure_are_never_called_the_same(find):
    flat = Image.new("RGB", (64, 64), (90, 90, 90))
    assert find((flat, {"quality": 90}), (flat, {"quality": 50})) == set()


def test_what_may_be_skipped_is_not_compared():
    thumbnails = np.random.default_rng(0).integers(0, 256, (1, 256), dtype=np.uint8)
    pictures = HashedPictures(
        np.array([7, 8, 9]), np.zeros(3, np.uint64), np.repeat(thumbnails, 3, axis=0)
    )
    pairs = near_identical_pairs(
        pictures, pictures, max_bits=0, skip=lambda left, right: (left == 7) | (right != 9)
    )
    assert [(left.tolist(), right.tolist()) for left, right in pairs] == [([8, 9], [9, 9])]
