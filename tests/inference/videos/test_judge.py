"""Videos become verdicts: by person, by stretch, good ones and bad ones."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.listing import list_videos
from face_forgery.inference.videos.judge import Scenes, judge_videos
from face_forgery.inference.videos.judgement import (
    FRAME_COLUMNS,
    VIDEO_COLUMNS,
    frame_rows,
    video_row,
)
from face_forgery.inference.videos.windows import FrameScore

DARK, BRIGHT = 60, 200  # scores of 0.06 and 0.95


@pytest.fixture
def judge(make_video_params):
    """Return a function that judges what is at a path."""

    def run(detector, path, *, batch_size=16, min_size=48, **changes):
        params = make_video_params(**changes)
        options = {"min_size": min_size, "batch_size": batch_size}
        return list(judge_videos(detector, list_videos(path), params, **options))

    return run


def two_faces(draw_red_faces, left, right):
    """Two red faces; what is in their blue channel makes them forged or not."""
    pixels = np.array(draw_red_faces((10, 20, 60, 60), (120, 20, 60, 60)))
    for start, level in ((10, left), (120, right)):
        if level is None:
            pixels[20:80, start : start + 60] = 120
        else:
            pixels[20:80, start : start + 60] = (255, 0, level)
    return pixels


@pytest.mark.parametrize("batch_size", [1, 16, 64])
def test_a_planted_stretch_is_found_with_start_and_end(
    write_clip, make_flat, bright_is_forged, judge, batch_size
):
    images = [make_flat(BRIGHT if 10 <= i / 10 < 16 else DARK) for i in range(300)]
    path = write_clip("clip.mp4", images)
    (video,) = judge(bright_is_forged(), path, batch_size=batch_size)
    found = video.summary
    assert (video.status, video.detail, found.verdict) == ("ok", "", "fake")
    assert (found.start, found.end) == pytest.approx((10.0, 15.5), abs=0.05)
    assert found.score == pytest.approx(0.947, abs=0.02)
    row = video_row(video).rows.iloc[0]
    assert list(row.index) == list(VIDEO_COLUMNS)
    assert row["mean_score"] < 0.3
    assert (row["frames_sampled"], row["frames_judged"], row["persons"]) == (60, 60, 1)


@pytest.mark.usefixtures("find_red_faces")
def test_the_forged_person_decides_and_gaps_stay_gaps(
    write_clip, draw_red_faces, bright_is_forged, judge
):
    images = [
        two_faces(draw_red_faces, 20 if i < 120 else None, 50 if 40 <= i < 80 else 10)
        for i in range(120)
    ] + [two_faces(draw_red_faces, None, None)] * 30
    path = write_clip("clip.mkv", images, codec="ffv1", pix_fmt="bgr0")

    detector = bright_is_forged(finds_faces=True, pivot=35.0)
    (video,) = judge(detector, path, min_size=16)
    assert video.num_persons == 2
    frames = frame_rows(video, detector.operating_points).rows
    assert list(frames.columns) == list(FRAME_COLUMNS)
    forged = frames[frames["verdict"] == "fake"]
    assert set(forged["left"]) == {120.0}
    assert set(forged["person"]) == {video.summary.person}
    assert (video.summary.start, video.summary.end) == (4.0, 7.5)
    row = video_row(video).rows.iloc[0]
    assert (row["frames_sampled"], row["frames_judged"]) == (30, 24)
    assert all(scene.box is not None for scene in video.scenes)


@pytest.mark.usefixtures("find_red_faces")
def test_without_a_face_the_video_says_so(write_clip, make_flat, bright_is_forged, judge):
    path = write_clip("clip.mp4", [make_flat(DARK)] * 30)
    (video,) = judge(bright_is_forged(finds_faces=True), path)
    assert (video.status, video.summary) == ("no_face", None)
    assert video.detail == "9 of 9 frames: no face was found (faces.min_confidence)"


def test_small_frames_and_few_frames_have_a_status(write_clip, make_flat, bright_is_forged, judge):
    detector = bright_is_forged()
    small = write_clip("small.mp4", [make_flat(DARK, size=(64, 32))] * 30)
    assert judge(detector, small)[0].status == "too_small"
    few = write_clip("few.mp4", [make_flat(DARK)] * 2)
    (video,) = judge(detector, few)
    assert video.status == "too_few_frames"
    assert "video.frames_per_second" in video.detail


@pytest.fixture
def mixed_folder(write_clip, make_flat, make_noise, tmp_path):
    """A good video, a cut off one, two that are none, and an image."""
    write_clip("b_good.mp4", [make_flat(DARK)] * 30)
    cut = write_clip("sub/c_cut.mp4", make_noise(60), container_options={"movflags": "faststart"})
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (tmp_path / "a_empty.mp4").write_bytes(b"")
    (tmp_path / "d_text.avi").write_bytes(b"no video at all")
    Image.new("RGB", (64, 64)).save(tmp_path / "image.jpg")
    return tmp_path


def test_a_bad_video_costs_a_row_and_never_the_run(bright_is_forged, judge, mixed_folder):
    videos = judge(bright_is_forged(), mixed_folder)
    rows = pd.concat([video_row(video).rows for video in videos]).set_index("video")
    assert rows["status"].to_dict() == {
        "a_empty.mp4": "unreadable",
        "b_good.mp4": "ok",
        "d_text.avi": "unreadable",
        "sub/c_cut.mp4": "ok",
    }
    assert "no frame after" in rows.loc["sub/c_cut.mp4", "detail"]
    assert rows.loc["a_empty.mp4", ["y_pred", "verdict", "start_s"]].isna().all()
    assert [video.number for video in videos] == [1, 2, 3, 4]


def test_a_long_clip_is_judged_within_its_number_of_frames(
    write_clip, make_flat, bright_is_forged, judge
):
    images = [make_flat(BRIGHT if i >= 180 else DARK) for i in range(200)]
    path = write_clip("long.mp4", images, rate=2, codec="libx264", options={"g": "20"})
    (video,) = judge(bright_is_forged(), path, max_frames=30)
    assert len(video.sampled) <= 27
    assert video.summary.verdict == "fake"
    assert video.summary.start >= 90.0


def test_a_folder_of_images_is_sent_to_inference_and_a_url_is_refused(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "image.jpg")
    with pytest.raises(InputError, match=r"--pipelines inference --params inference.images="):
        list_videos(tmp_path)
    with pytest.raises(InputError, match=r"video\.videos"):
        list_videos(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"s3://clips: a URL.*copy them first"):
        list_videos("s3://clips")


def test_the_stretch_is_shown_though_other_frames_are_more_suspicious():
    scenes = Scenes(240.0)
    for second in range(240):
        score = 0.5 if 100 <= second <= 104 else 0.9 if second % 2 else 0.1
        frame = SimpleNamespace(seconds=float(second), thumbnail=None, scale=1.0)
        scenes.offer(frame, FrameScore(float(second), 1, None, score))
    seconds = [scene.seconds for scene in scenes.choose(100.0, 104.0)]
    assert len(seconds) == 6
    assert any(100 <= second <= 104 for second in seconds)
    assert np.diff(seconds).min() >= 10


def test_one_file_and_a_pattern_are_listed(tmp_path):
    for name in ("a.mp4", "sub/b.MOV", "sub/c.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert list_videos(tmp_path)["img_name"].tolist() == ["a.mp4", "sub/b.MOV"]
    assert list_videos(tmp_path / "sub" / "c.bin")["img_name"].tolist() == ["c.bin"]
    assert list_videos(tmp_path / "**" / "*")["img_name"].tolist() == ["a.mp4", "sub/b.MOV"]
