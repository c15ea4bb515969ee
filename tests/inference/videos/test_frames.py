"""Frames come upright, at their times, from whatever is there to be read."""

import gc
import re

import av
import cv2
import numpy as np
import pytest

from face_forgery.data.images.decoding import ImageError, read_rgb
from face_forgery.data.videos.frames import Video, open_video, plan_times

SHORT = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]


def levels_of(path, times=SHORT):
    with open_video(path) as video:
        frames = list(video.frames(times))
        levels = [round(float(frame.decode().mean())) for frame in frames]
        return [round(frame.seconds, 3) for frame in frames], levels, video.faults


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "mpeg4", "yuv420p"),
        ("b.mov", "libx264", "yuv420p10le"),
        ("c.webm", "libvpx", "yuv420p"),
        ("d.mkv", "ffv1", "gray"),
    ],
)
def test_containers_and_pixel_formats_are_read(write_clip, make_flat, name, codec, pix_fmt):
    path = write_clip(
        name, [make_flat(60 + 4 * i) for i in range(30)], codec=codec, pix_fmt=pix_fmt
    )
    times, levels, faults = levels_of(path)
    assert times == SHORT
    assert np.abs(np.array(levels) - [60 + 40 * t for t in SHORT]).max() <= 3
    assert faults == []


def test_times_are_those_of_the_file_at_a_variable_rate(write_clip, make_flat):
    times = [0.0, 0.04, 0.08, 3.0, 3.04, 9.0, 9.5, 10.2]
    images = [make_flat(60 + 10 * i) for i in range(8)]
    path = write_clip("vfr.mp4", images, times=times, codec="libx264")
    seconds, levels, _ = levels_of(path, [0.0, 0.06, 1.0, 2.0, 3.02, 9.0, 10.0])
    assert seconds == [0.0, 0.08, 3.0, 3.04, 9.0, 10.2]
    assert np.abs(np.array(levels) - [60, 80, 90, 100, 110, 130]).max() <= 3


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_frames_are_upright_as_another_reader_has_them(write_clip, make_flat, rotation):
    image = make_flat(90)
    image[:20, :40] = (220, 30, 30)
    path = write_clip("turned.mp4", [image] * 5, rotation=rotation)
    with open_video(path) as video:
        (frame,) = video.frames([0.0])
    other = cv2.VideoCapture(str(path)).read()[1][..., ::-1]
    assert frame.decode().shape == other.shape
    assert np.abs(frame.decode().astype(int) - other).mean() < 4


def test_pixels_that_are_not_square_are_made_so(write_clip, make_flat):
    path = write_clip("wide.mkv", [make_flat(90)] * 3, aspect=(2, 1))
    with open_video(path) as video:
        (frame,) = video.frames([0.0])
    assert frame.decode().shape == (64, 192, 3)


def test_far_times_are_sought_and_near_ones_decoded_to_the_same_frames(write_clip, make_flat):
    images = [make_flat(40 + i) for i in range(160)]
    path = write_clip("long.mp4", images, rate=4, codec="libx264", options={"g": "12"})
    far = [0.0, 12.3, 25.0, 25.5, 39.0]
    dense = [index / 4 for index in range(160)]
    seconds, levels, _ = levels_of(path, far)
    everything = dict(zip(*levels_of(path, dense)[:2], strict=True))
    assert seconds == [0.0, 12.5, 25.0, 25.5, 39.0]
    assert levels == [everything[at] for at in seconds]


def test_a_video_with_one_key_frame_is_decoded_a_few_times_and_not_once_a_window(
    write_clip, make_flat, monkeypatch
):
    images = [make_flat(40 + i) for i in range(160)]
    path = write_clip("one.mp4", images, rate=1, codec="libx264", options={"g": "999"})
    num_decoded = 0

    def count(frame, *args):
        nonlocal num_decoded
        num_decoded += 1
        return time_of(frame, *args)

    time_of = Video._time_of
    monkeypatch.setattr(Video, "_time_of", count)
    times = [float(at) for at in range(0, 160, 8)]
    seconds, levels, _ = levels_of(path, times)
    assert seconds == times
    assert np.abs(np.array(levels) - [40 + at for at in times]).max() <= 3
    assert num_decoded < 3 * len(images)


def test_a_frame_is_gone_as_soon_as_the_next_one_is_read(write_clip, make_flat):
    path = write_clip("a.mp4", [make_flat(value) for value in range(0, 200, 5)])
    gc.collect()
    gc.disable()
    try:
        with open_video(path) as video:
            for frame in video.frames([number / 25 for number in range(40)]):
                frame.decode()
            num_held = sum(type(one) is av.VideoFrame for one in gc.get_objects())
    finally:
        gc.enable()
    assert num_held < 10


def test_a_file_that_does_not_say_how_long_it_is_is_measured(write_clip, make_flat):
    path = write_clip("live.mkv", [make_flat(90)] * 30, container_options={"live": "1"})
    with av.open(str(path)) as container:
        assert container.duration is None
    with open_video(path) as video:
        assert video.duration == pytest.approx(3.0, abs=0.11)
        assert len(list(video.frames(SHORT))) == 6


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.mp4", "a.flv"])
@pytest.mark.parametrize("start", [0.0, 5.0, 36_000.0])
def test_a_clip_is_as_long_as_it_is_wherever_its_times_begin(write_clip, make_flat, name, start):
    codec = "flv1" if name == "a.flv" else "mpeg4"
    levels = [make_flat(level) for level in range(0, 240, 8)]
    times = [start + n / 10 for n in range(len(levels))]
    path = write_clip(name, levels, codec=codec, times=times)
    with open_video(path) as video:
        found = list(video.frames([0.0, 1.5, 2.9]))
        assert video.duration == pytest.approx(3.0, abs=0.25)
        assert [frame.decode().mean() for frame in found] == pytest.approx([0, 120, 232], abs=12)
        assert video.faults == []


def test_a_cut_off_file_is_read_up_to_the_cut(write_clip, make_noise):
    path = write_clip("cut.mp4", make_noise(60), container_options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    seconds, _, faults = levels_of(path, [index / 2 for index in range(12)])
    assert 2 <= len(seconds) <= 8
    assert faults[-1].startswith("no frame after")
    assert "of 6.0 s" in faults[-1]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("b.mkv", "mpeg4")])
def test_damage_in_the_middle_is_passed_over_and_said(write_clip, make_noise, name, codec):
    path = write_clip(name, make_noise(60), codec=codec, options={"g": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = np.random.default_rng(0).bytes(20_000)
    path.write_bytes(data)
    seconds, _, faults = levels_of(path, [index / 10 for index in range(60)])
    assert 50 <= len(seconds) < 60
    assert seconds[-1] == 5.9
    assert len(faults) == 1
    assert re.match(r"damaged near [23]\.\d s", faults[0])


def write_sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def no_videos(write_clip, make_flat, make_picture, encode, tmp_path):
    """A folder of files that are called as videos and are none."""
    good = write_clip("good.mp4", [make_flat(90)] * 10)
    write_sound(tmp_path / "sound.mp4")
    contents = {
        "empty.mp4": b"",
        "image.mp4": encode(make_picture()),
        "text.mp4": b"this is no video " * 100,
        "playlist.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\ngood.mp4\n#EXT-X-ENDLIST\n",
        "no_index.mp4": good.read_bytes()[:1500],
    }
    for file, content in contents.items():
        (tmp_path / file).write_bytes(content)
    (tmp_path / "folder.mp4").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("sound.mp4", "no_video", "only audio"),
        ("empty.mp4", "unreadable", "it is empty"),
        ("image.mp4", "unreadable", "--pipelines inference"),
        ("text.mp4", "unreadable", "not a video"),
        ("playlist.mp4", "unreadable", "not a video"),
        ("no_index.mp4", "unreadable", "cut off"),
        ("folder.mp4", "unreadable", "a folder, not a video"),
        ("nowhere.mp4", "missing", "no such file"),
    ],
)
def test_what_is_no_video_has_a_status_and_a_reason(no_videos, name, status, words):
    with pytest.raises(ImageError, match=words) as caught, open_video(no_videos / name):
        pass
    assert caught.value.status == status


@pytest.mark.parametrize("name", ["a.mov", "a.avi", "a.webm"])
def test_inference_says_of_a_video_that_it_is_one(write_clip, make_flat, name):
    codec = "libvpx" if name.endswith("webm") else "mpeg4"
    path = write_clip(name, [make_flat(90)] * 3, codec=codec)
    with pytest.raises(ImageError, match=r"a video, not an image.*--pipelines video") as caught:
        read_rgb(path)
    assert caught.value.status == "unreadable"


def test_a_clip_is_looked_at_evenly_and_a_short_one_as_often_as_a_window(make_video_params):
    params = make_video_params()
    assert plan_times(1.0, params) == pytest.approx([index / 9 for index in range(9)])
    assert len(plan_times(0.04, params)) == 9
    assert plan_times(30.0, params) == [index / 2 for index in range(60)]
    assert len(plan_times(300.0, params)) == 600


@pytest.mark.parametrize("duration", [300.4, 7200.0, 1e7])
def test_a_long_clip_is_looked_at_in_windows_that_are_spread_over_it(make_video_params, duration):
    times = np.array(plan_times(duration, make_video_params()))
    assert len(times) == 66 * 9
    assert times[0] == 0.0
    assert times[-1] == pytest.approx(duration - 0.5)
    stretches = times.reshape(66, 9)
    assert np.allclose(np.diff(stretches, axis=1), 0.5)
    gaps = stretches[1:, 0] - stretches[:-1, -1]
    assert np.allclose(gaps, gaps[0])
    assert gaps[0] > 0.5
