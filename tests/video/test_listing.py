

def test_a_url_is_refused_with_the_remedy():
    with pytest.raises(PicturesError, match=r"s3://clips: a URL.*copy them first"):
        list_videos("s3://clips")
