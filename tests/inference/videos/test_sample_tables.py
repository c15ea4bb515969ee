"""What an MP4 claims is looked at before FFmpeg takes memory for it."""

import struct

import av
import numpy as np
import pytest

from face_forgery.data.images.decoding import ImageError, InputError
from face_forgery.data.videos.frames import open_video
from face_forgery.data.videos.sample_tables import check_tables

MANY = 40_000_000


def box(name, *parts):
    content = b"".join(parts)
    return struct.pack(">L4s", 8 + len(content), name) + content


def table(name, *numbers):
    return box(name, bytes(4), struct.pack(f">{len(numbers)}L", *numbers))


def track(*tables, kind=b"vide"):
    return box(b"trak", box(b"hdlr", bytes(8), kind), *tables)


SOUND = (table(b"stts", 1, MANY, 1), table(b"stsz", 2, MANY))


@pytest.mark.parametrize(
    "boxes",
    {
        "samples of one size": box(b"moov", track(table(b"stsz", 500, MANY))),
        "compact sizes": box(b"moov", track(table(b"stz2", 8, MANY))),
        "in an entry of another table": box(b"moov", track(box(b"stsd", table(b"stsz", 1, MANY)))),
        "tracks": box(b"moov", *[track(table(b"stsz", 1, MANY // 100))] * 100),
        "in a free box": box(b"free", box(b"moov", track(table(b"stsz", 1, MANY)))),
        "to the end": struct.pack(">L4s", 0, b"moov") + track(table(b"stsz", 1, MANY)),
        "of 64 bits": struct.pack(">L4sQ", 1, b"moov", 999) + track(table(b"stsz", 1, MANY)),
        "fragment": box(b"moof", table(b"trun", MANY)),
        "fragments": box(b"moof", *[table(b"trun", MANY // 100)] * 100),
        "edits": box(b"moov", track(table(b"stsz", 1, 1000), table(b"elst", MANY // 1000))),
        "offsets of times": box(b"moov", track(table(b"ctts", 2, 1, 0, MANY, 0))),
        "groups": box(
            b"moov", track(box(b"sbgp", bytes(4), b"sync", struct.pack(">3L", 1, MANY, 1)))
        ),
        "sound that lasts": box(
            b"moov",
            track(table(b"stts", 1, MANY, 2), table(b"stsz", 2, MANY), kind=b"soun"),
        ),
        "sound in chunks": box(
            b"moov",
            track(*SOUND, table(b"stsc", 1, 1, MANY, 1), table(b"stco", 1000), kind=b"soun"),
        ),
        "frames that call themselves sound": box(
            b"moov", track(box(b"hdlr", bytes(8), b"soun"), *SOUND)
        ),
    }.items(),
    ids=lambda item: item[0],
)
def test_more_samples_than_bytes_are_refused_wherever_they_are_claimed(tmp_path, boxes):
    path = tmp_path / "a.mp4"
    path.write_bytes(box(b"ftyp", b"isom") + box(b"mdat", bytes(1000)) + boxes[1])
    claim = r"tables claim [34]\d,\d{3},\d{3} samples"
    with pytest.raises(ImageError, match=claim) as refused, open_video(path):
        pass
    assert refused.value.status == "too_large"


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (box(b"moov", b"trak" * 2000), "more tracks than"),
        (box(b"moov", table(b"ctts", 1) * 100), "more tables of a kind"),
        (box(b"wide") * (2**20 + 1), "more boxes than"),
        (box(b"moov", box(b"cmov", bytes(8))), "is compressed; save it as MP4"),
    ],
)
def test_a_table_of_contents_that_would_take_long_is_refused(tmp_path, boxes, message):
    path = tmp_path / "a.mp4"
    path.write_bytes(boxes)
    with pytest.raises(ImageError, match=message), path.open("rb") as file:
        check_tables(file)


@pytest.mark.parametrize("flags", ["", "frag_keyframe+empty_moov", "frag_every_frame", "faststart"])
@pytest.mark.parametrize(("name", "codec"), [("a.mov", "pcm_s16le"), ("a.mp4", "aac")])
def test_a_clip_with_sound_claims_what_it_has(tmp_path, make_flat, flags, name, codec):
    path = tmp_path / name
    with av.open(str(path), "w", options={"movflags": flags} if flags else {}) as container:
        frames, sound = (
            container.add_stream("mpeg4", rate=10),
            container.add_stream(codec, rate=8000),
        )
        frames.width, frames.height, frames.pix_fmt = 96, 64, "yuv420p"
        for number in range(30):
            image = av.VideoFrame.from_ndarray(make_flat(90), "rgb24")
            container.mux(frames.encode(image))
            part = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
            part.sample_rate, part.pts = 8000, 800 * number
            container.mux(sound.encode(part))
        container.mux([*frames.encode(), *sound.encode()])
    with open_video(path) as video:
        assert len(list(video.frames([0.0, 1.0, 2.0]))) == 3


def test_a_box_of_media_may_hold_the_names_of_tables(write_clip, make_flat):
    path = write_clip("a.mp4", [make_flat(90)] * 5)
    data = path.read_bytes()
    path.write_bytes(data + box(b"mdat", table(b"stsz", 1, MANY)))
    with open_video(path) as video:
        assert len(list(video.frames([0.0]))) == 1


def look_at(path):
    try:
        with open_video(path) as video:
            return len(list(video.frames([0.0]))), "; ".join(video.faults)
    except ImageError as error:
        return 0, error.detail


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.avi", "mjpeg"), ("a.avi", "libx264"), ("a.webm", "libvpx-vp9"), ("a.webm", "libvpx")],
)
def test_frames_larger_than_their_file_says_are_not_decoded(
    write_clip, monkeypatch, tmp_path, *, name, codec
):
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    large = write_clip(
        f"large_{name}", [np.zeros((512, 512, 3), np.uint8)] * 3, codec=codec, pix_fmt=pix_fmt
    )
    with av.open(str(large)) as source, av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pix_fmt
        container.start_encoding()
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    monkeypatch.setenv("FACE_FORGERY_MAX_PIXELS", "262144")
    assert look_at(tmp_path / name) == (1, "")
    monkeypatch.setenv("FACE_FORGERY_MAX_PIXELS", "100000")
    number, why = look_at(tmp_path / name)
    assert number == 0
    assert "more than the 100,000" in why or "frames of too many pixels, near 0.0 s" in why


def test_a_limit_of_pixels_that_is_no_number_is_refused(write_clip, make_flat, monkeypatch):
    path = write_clip("a.mp4", [make_flat(90)])
    monkeypatch.setenv("FACE_FORGERY_MAX_PIXELS", "many")
    with pytest.raises(InputError, match="whole number"), open_video(path):
        pass
