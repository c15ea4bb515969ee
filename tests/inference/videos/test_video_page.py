"""The page of a video says what was found, opens offline and escapes what is foreign."""

import re

import pytest

from face_forgery.data.images.listing import list_videos
from face_forgery.datasets.growing import PagesDataset
from face_forgery.inference.videos.judge import judge_videos
from face_forgery.inference.videos.judgement import JudgedVideo
from face_forgery.inference.videos.video_page import (
    draw_scores_over_time,
    format_time,
    write_video_pages,
)

LEARNT = "Learnt from drawn faces."


def write_page(video, points, params):
    ((_, page),) = write_video_pages([video], points, params, LEARNT)
    return page


@pytest.fixture
def judged(write_clip, make_flat, bright_is_forged, make_video_params):
    """Return a function that judges a clip with a bright stretch; and the operating points."""

    def run(**changes):
        images = [make_flat(200 if 100 <= i < 160 else 60) for i in range(300)]
        path = write_clip("<b>clip.mp4", images)
        detector, params = bright_is_forged(), make_video_params(**changes)
        videos = judge_videos(detector, list_videos(path), params, min_size=48, batch_size=64)
        return next(iter(videos)), detector.operating_points, params

    return run


def test_the_page_says_what_was_found(judged):
    video, points, params = judged()
    page = write_page(video, points, params)
    assert [*page.files] == ["0001.html", "index.html"]
    text = " ".join(page.html.split())
    assert "Judged a forgery." in text
    assert "from 10 s to 15.5 s" in text
    assert "60 of 60 frames" in text
    assert "no promise about videos" in text
    assert "spread evenly" not in text
    assert "&lt;b&gt;clip.mp4" in text
    assert "<b>clip.mp4" not in text
    assert "http" not in text
    assert text.count("data:image/jpeg") == len(video.scenes) <= 6
    assert any(10 <= scene.seconds <= 16 for scene in video.scenes)


def test_the_page_of_a_long_clip_says_what_was_not_looked_at(judged):
    text = " ".join(write_page(*judged(max_frames=30)).html.split())
    assert "in 3 stretches of 4 s that are spread evenly over it" in text


def test_a_video_that_cannot_be_judged_has_a_page_too(judged):
    _, points, params = judged()
    page = write_page(JudgedVideo(2, 2, "x.mp4", "missing", "no such file"), points, params)
    assert "cannot be judged (missing)" in page.html
    assert "no such file" in page.html


def test_the_last_page_brings_an_index_of_all_the_highest_score_first(judged, tmp_path):
    video, points, params = judged()
    bad = JudgedVideo(1, 3, "<i>x.mp4", "missing", "no such file")
    low = video._replace(number=2, total=3, name="low.mp4", summary=video.summary._replace(score=0))
    dataset = PagesDataset(filepath=str(tmp_path))
    videos = (bad, low, video._replace(number=3, total=3))
    for one, page in write_video_pages(videos, points, params, LEARNT):
        assert (page.contents is None) == (one.number < 3)
        assert LEARNT in page.html
        dataset.save(page)
    index = (tmp_path / "index.html").read_text()
    assert re.findall(r'href="(\d+\.html)"', index) == ["0003.html", "0002.html", "0001.html"]
    assert LEARNT in index
    assert "most suspicious from 10 s to 15.5 s" in index
    assert "cannot be judged (missing)" in index
    assert "&lt;i&gt;x.mp4" in index
    assert [path.name for path in dataset.load()] == ["0001.html", "0002.html", "0003.html"]


def test_the_chart_shows_bands_dots_and_the_stretch(judged):
    video, points, _ = judged()
    (axes,) = draw_scores_over_time(video, points).axes
    labels = axes.get_legend_handles_labels()[1]
    assert {'frame "fake"', 'frame "real"', "median, person 1", "most suspicious stretch"} == set(
        labels
    )
    assert sum(len(dots.get_offsets()) for dots in axes.collections) == 60


@pytest.mark.parametrize(
    ("seconds", "longest", "text"),
    [(2.52, 3, "2.5 s"), (65, 90, "1:05"), (3599.7, 4000, "1:00:00"), (0, 7200, "0:00:00")],
)
def test_times_are_written_as_players_show_them(seconds, longest, text):
    assert format_time(seconds, longest=longest) == text
