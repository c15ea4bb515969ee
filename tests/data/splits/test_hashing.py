"""A hash is that of the reference library; a copy keeps it."""

import imagehash
import numpy as np
import pytest
from PIL import ExifTags, Image

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.splits.hashing import (
    IMAGE_HASH_COLUMNS,
    hash_table,
    perceptual_hashes,
    read_square,
    shrink,
)


def test_hashes_equal_those_of_imagehash(draw):
    squares = np.stack([np.asarray(draw(seed, 32).convert("L")) for seed in range(50)])
    expected = [int(str(imagehash.phash(Image.fromarray(square))), 16) for square in squares]
    assert perceptual_hashes(squares).tolist() == expected


def test_a_thumbnail_is_the_mean_of_blocks():
    square = np.zeros((1, 32, 32), np.uint8)
    square[0, :2, :2] = [[10, 20], [30, 40]]
    small = shrink(square)
    assert small.shape == (1, 256)
    assert small[0, 0] == 25
    assert not small[0, 1:].any()


def test_a_table_of_hashes_follows_the_rows_of_the_manifest(image_folder, make_manifest):
    manifest = make_manifest(8)[::-1]
    table = hash_table(manifest, root=image_folder, num_workers=2)
    assert list(table["row"]) == list(range(8))[::-1]
    assert [str(dtype) for dtype in table.dtypes] == list(IMAGE_HASH_COLUMNS.values())
    squares = [read_square(image_folder / path) for path in manifest["path"]]
    assert table["phash"].tolist() == perceptual_hashes(np.stack(squares)).tolist()
    assert table["thumbnail"].map(len).eq(256).all()


def test_a_picture_without_structure_has_no_hash(image_folder, make_manifest):
    Image.new("RGB", (64, 64), (90, 90, 90)).save(image_folder / "images" / "000.jpg")
    table = hash_table(make_manifest(2), root=image_folder, num_workers=0)
    assert table["phash"].isna().tolist() == [True, False]


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
