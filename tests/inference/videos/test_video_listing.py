"""Videos are files."""

import pytest

from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.listing import list_videos


def test_a_url_is_refused_with_the_remedy():
    with pytest.raises(InputError, match=r"s3://clips: a URL.*copy them first"):
        list_videos("s3://clips")
