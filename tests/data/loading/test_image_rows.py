"""A picture is the one that ingestion read, or an error that says so."""

import pytest

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.loading.image_rows import ImageRows


def rows_of(image_folder, make_manifest, **given):
    sizes = [path.stat().st_size for path in sorted((image_folder / "images").iterdir())]
    manifest = make_manifest(8, **({"num_bytes": sizes} | given))
    return ImageRows.of(manifest, str(image_folder))


def test_a_picture_that_was_written_over_is_an_error_with_both_sizes(
    image_folder, make_manifest, draw
):
    rows = rows_of(image_folder, make_manifest)
    rows.read(3)
    draw(9).save(image_folder / "images/003.jpg", quality=50)
    with pytest.raises(ImageError, match=r"003\.jpg: it has [\d,]+ bytes and had [\d,]+ when"):
        rows.read(3)


def test_where_ingestion_said_no_size_none_is_asked_for(image_folder, make_manifest):
    assert rows_of(image_folder, make_manifest, num_bytes=None).read(3).shape[0] == 3
