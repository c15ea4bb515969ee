"""One video to images: whose face is cut, and what forgeries take from their real video."""

import cv2
import numpy as np
import pytest

from face_forgery.data.images.faces import FaceFinder
from face_forgery.data.videos.persons import Track
from face_forgery.data.videos.sampling import Job, Sampler

LEFT, RIGHT = (10, 20, 60, 60), (120, 30, 50, 50)
pytestmark = pytest.mark.usefixtures("find_red_faces")


@pytest.fixture
def make_sampler(make_params):
    """Return a builder of samplers; changes are of the section sampling."""

    def make(**changes):
        changes = {"frames": 4, "crop": "square", "scale": 1.0, "size": 32} | changes
        given = make_params(
            **{f"sampling.{name}": value for name, value in changes.items()},
            **{"faces.max_blur": 1.0, "faces.min_size": 20},
        )
        if given.sampling.crop == "none":
            return Sampler(given.sampling, None)
        return Sampler(given.sampling, FaceFinder(b"", given.sampling.faces(given.faces)))

    return make


@pytest.fixture
def two_people(draw_red_faces):
    """Return a builder of ten frames; with ``swapped`` its box is no face that is found."""

    def make(swapped=None):
        pixels = np.array(draw_red_faces(LEFT, RIGHT))
        if swapped is not None:
            left, top, width, height = swapped
            pixels[top : top + height, left : left + width] = (20, 20, 240)
        return [pixels] * 10

    return make


def color_of(image):
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    return "red" if pixels[..., 2].mean() > pixels[..., 0].mean() else "blue"


def sizes_of(found):
    return {cv2.imdecode(np.frombuffer(i, np.uint8), 1).shape for _, i in found.images}


def test_the_larger_person_is_cut_in_each_frame(write_clip, two_people, make_sampler):
    path = write_clip("real.mp4", two_people())
    found = make_sampler().sample(Job(3, path))
    assert (found.row, found.status, found.detail, found.notes) == (3, "ok", "", ())
    assert [number for number, _ in found.images] == [1, 4, 6, 9]
    assert sizes_of(found) == {(32, 32, 3)}
    whole = make_sampler(crop="none").sample(Job(0, path))
    assert sizes_of(whole) == {(120, 200, 3)}
    few = make_sampler(frames=100).sample(Job(0, path))
    assert (len(few.images), few.notes) == (10, ("10 of 100 frames",))


def test_a_forgery_is_cut_where_its_real_video_is(write_clip, two_people, make_sampler):
    sampler = make_sampler()
    real = sampler.sample(Job(0, write_clip("real.mp4", two_people()), is_followed=True))
    track = Track.from_values(real.track.to_values())
    path = write_clip("fake.mp4", two_people(LEFT))
    shared = sampler.sample(Job(1, path, track=track))
    assert [number for number, _ in shared.images] == [number for number, _ in real.images]
    assert {color_of(image) for _, image in shared.images} == {"blue"}
    own = sampler.sample(Job(1, path))  # the face that is found is the other one
    assert {color_of(image) for _, image in own.images} == {"red"}
    longer = write_clip("longer.mp4", two_people(LEFT) * 2)  # another timeline
    assert {color_of(i) for _, i in sampler.sample(Job(1, longer, track=track)).images} == {"red"}


@pytest.mark.parametrize("size", [(200, 120), (50, 30), (96, 96)])
def test_a_mask_of_any_size_chooses_the_person(write_clip, two_people, make_sampler, size):
    mask = np.zeros((120, 200, 3), np.uint8)
    mask[30:80, 120:170] = 255
    masks = write_clip("mask.mp4", [cv2.resize(mask, size)] * 10)
    sampler = make_sampler()
    real = sampler.sample(Job(0, write_clip("real.mp4", two_people()), (masks,), is_followed=True))
    assert real.track.person == 2
    fake = write_clip("fake.mp4", two_people(RIGHT))
    shared = sampler.sample(Job(1, fake, (masks,), real.track))
    assert {color_of(image) for _, image in shared.images} == {"blue"}
    other = cv2.resize(np.fliplr(mask), size)  # of another forgery, which swaps the other person
    own = sampler.sample(Job(1, fake, (write_clip("other.mp4", [other] * 10),), real.track))
    assert {color_of(image) for _, image in own.images} == {"red"}


def test_a_mask_that_cannot_be_read_is_noted(write_clip, two_people, make_sampler, tmp_path):
    (tmp_path / "mask.mp4").write_bytes(b"no video")
    path = write_clip("real.mp4", two_people())
    found = make_sampler().sample(Job(0, path, (tmp_path / "mask.mp4",)))
    assert len(found.images) == 4
    assert "mask.mp4: not a video" in found.notes[0]


def test_what_gives_no_image_has_a_reason(write_clip, make_flat_clip, make_sampler, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    sampler = make_sampler()
    found = [
        sampler.sample(Job(0, path))
        for path in (make_flat_clip, tmp_path / "bad.mp4", tmp_path / "gone.mp4")
    ]
    assert [one.status for one in found] == ["no_face", "unreadable", "missing"]
    assert all(one.detail and not one.images for one in found)


@pytest.fixture
def make_flat_clip(write_clip):
    return write_clip("flat.mp4", [np.full((120, 200, 3), 120, np.uint8)] * 5)


def test_an_aligned_crop_is_at_the_scale_of_the_template(write_clip, two_people, make_sampler):
    path = write_clip("real.mp4", two_people())
    near, far = (
        make_sampler(crop="aligned", scale=scale).sample(Job(0, path)) for scale in (1.0, 1.3)
    )
    reds = [
        float((cv2.imdecode(np.frombuffer(one.images[0][1], np.uint8), 1)[..., 2] > 180).mean())
        for one in (near, far)
    ]
    assert reds[1] * 1.3**2 == pytest.approx(min(reds[0] * 1.0, 1.0), rel=0.15)
