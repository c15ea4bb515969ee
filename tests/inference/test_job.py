"""A job of many images: in parts, continued, and known by what its verdicts follow from."""

from dataclasses import replace

import pandas as pd
import pytest

from face_forgery.data.images.listing import list_images
from face_forgery.inference.job import Begun, name_job, run_job
from face_forgery.inference.scoring import stream_scores

HOW = {"min_size": 48, "batch_size": 2, "num_workers": 0, "score": stream_scores}


@pytest.fixture
def images(awkward_folder, tmp_path) -> pd.DataFrame:
    return list_images(tmp_path / "pictures")


def test_parts_are_what_judging_at_once_gives(make_detector, judge_all, images):
    parts = list(run_job(make_detector(), images, None, part_size=3, **HOW))
    assert [part.start for part in parts] == [0, 4, 8]
    assert {part.total for part in parts} == {len(images)}
    together = pd.concat([part.rows for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(together, judge_all(make_detector(), images, **HOW))


@pytest.mark.parametrize("num_done", [1, 4, 8])
def test_a_begun_job_goes_on_where_it_stopped(make_detector, judge_all, images, num_done):
    detector = make_detector()
    begun = Begun(name_job(detector, images, min_size=48), num_done)
    parts = list(run_job(detector, images, begun, **HOW))
    assert parts[0].start == num_done
    rest = pd.concat([part.rows for part in parts], ignore_index=True)
    whole = judge_all(detector, images, **HOW).iloc[num_done:].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, whole, atol=1e-6)


def test_a_job_with_nothing_left_ends_with_an_empty_part(make_detector, images):
    detector = make_detector()
    begun = Begun(name_job(detector, images, min_size=48), len(images))
    (part,) = run_job(detector, images, begun, **HOW)
    assert (part.end, len(part.rows)) == (part.total, 0)


def test_what_another_job_has_begun_is_not_looked_at(make_detector, images):
    parts = list(run_job(make_detector(), images, Begun("another", 3), **HOW))
    assert parts[0].start == 0


def test_the_name_follows_from_all_that_verdicts_follow_from(make_detector, images):
    detector = make_detector()
    points = replace(detector.operating_points, fake_threshold=0.61)
    names = {
        name_job(detector, images, min_size=48),
        name_job(detector, images, min_size=47),
        name_job(detector, images.iloc[1:], min_size=48),
        name_job(replace(detector, temperature=2.0), images, min_size=48),
        name_job(replace(detector, operating_points=points), images, min_size=48),
    }
    assert len(names) == 5
    assert name_job(detector, images, min_size=48) in names
