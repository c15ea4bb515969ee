"""One video to the images of its sampled frames: chosen, its person followed, cut and encoded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from face_forgery.data.images.crops import cut_square
from face_forgery.data.images.decoding import ImageError
from face_forgery.data.images.faces import Face, FaceFinder
from face_forgery.data.videos.choosing import choose_times
from face_forgery.data.videos.frames import Frame, Video, open_video
from face_forgery.data.videos.persons import SeenFace, Track, choose_person
from face_forgery.data.videos.tracks import Tracker
from face_forgery.params import SamplingParams

_MOST_FACES = 8  # of a frame, the largest first; crops of all are kept until one is chosen
_GAP, _LEAST_GAP = 3, 1.0  # sampled frames, seconds; who is away for longer is somebody new
_SAME_LENGTH = 0.05  # of a real video, by which its forgery may be longer or shorter
_EARLY = 1e-3  # seconds that a frame may lie before the time it was asked for
_MASK_SIDE = 256  # pixels; masks are looked at in this size
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


@dataclass(frozen=True)
class Job:
    """A video to sample; picklable."""

    row: int  # in the table of videos
    path: Path
    masks: tuple[Path, ...] = ()  # videos, bright where this one, or a forgery of it, is forged
    track: Track | None = None  # of the real video that it was made of
    is_followed: bool = False  # by forgeries, which ask for its track


class SampledVideo(NamedTuple):
    """What has become of a video."""

    row: int  # in the table of videos
    images: tuple[tuple[int, bytes], ...]  # number of the frame in the video, ascending; a PNG each
    status: str  # ok, or why there is no image: as of `ImageError`, or no_face, too_small, ...
    detail: str  # the reason; empty for ok
    notes: tuple[str, ...] = ()  # damage, frames without the person, masks that cannot be read
    track: Track | None = None  # only where forgeries ask for it


@dataclass(eq=False)
class _Taken:
    """Sampled frames, as far as they have been looked at."""

    seconds: list[float] = field(default_factory=list)
    shape: tuple[int, int] = (1, 1)  # width and height of an upright frame
    seen: list[SeenFace] = field(default_factory=list)
    images: dict[tuple[int, int], bytes] = field(default_factory=dict)  # by frame and person
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True, eq=False)
class Sampler:
    """Samples videos; without ``finder`` frames are taken whole. Not for several threads."""

    params: SamplingParams
    finder: FaceFinder | None

    def sample(self, job: Job) -> SampledVideo:
        """Return the images of a video, or why there are none; a bad video stops nothing."""
        try:
            with open_video(job.path, num_threads=1) as video:
                if job.track is not None and _shares_timeline(video, job.track):
                    return self._sample(job, video, list(job.track.times), job.track)
                times = choose_times(video, self.params.choose, self.params.frames)
                if self.params.choose == "even":
                    return self._sample(job, video, times, None)
            with open_video(job.path, num_threads=1) as video:  # choosing used the other one up
                return self._sample(job, video, times, None)
        except ImageError as error:
            return SampledVideo(job.row, (), error.status, error.detail)

    def _sample(
        self, job: Job, video: Video, times: list[float], track: Track | None
    ) -> SampledVideo:
        notes: list[str] = []
        if self.finder is None:
            taken, person = self._take_whole(video, times), 0
        elif track is not None:
            known = _Taken(list(track.times), video.size, list(track.seen))
            person = self._choose(job, known, notes, default=track.person)
            taken = self._take_known(video, track, person)
        else:
            taken = self._take_found(video, times)
            person = self._choose(job, taken, notes)
        found = SampledVideo(job.row, _number(taken, person, video.rate), "ok", "")
        if not found.images:
            status, detail = _explain(taken, track)
            return found._replace(status=status, detail=detail, notes=tuple(video.faults))
        if (number := len(found.images)) < self.params.frames:
            notes.append(f"{number} of {self.params.frames} frames")
        if job.is_followed:
            seen = tuple(taken.seen)
            own = Track(video.size, video.duration, tuple(taken.seconds), seen, person)
            found = found._replace(track=own)
        return found._replace(notes=(*video.faults, *notes))

    def _take_whole(self, video: Video, times: list[float]) -> _Taken:
        taken = _Taken()
        for index, frame in enumerate(video.frames(times)):
            taken.seconds.append(frame.seconds)
            taken.images[index, 0] = _encode(frame.decode())
        return taken

    def _take_known(self, video: Video, track: Track, person: int) -> _Taken:
        """Cut the faces of the real video out of its forgery."""
        taken = _Taken()
        faces = {one.frame: one.face for one in track.seen if one.person == person}
        for index, frame in _by_time(video, track.times):
            taken.seconds.append(frame.seconds)
            if face := faces.get(index):
                taken.images[len(taken.seconds) - 1, person] = self._cut(frame.decode(), face)
        return taken

    def _take_found(self, video: Video, times: list[float]) -> _Taken:
        assert self.finder is not None
        taken = _Taken()
        gap = max(_LEAST_GAP, _GAP * float(np.median(np.diff(times))) if len(times) > 1 else 0.0)
        tracker = Tracker(max_gap=gap)
        for index, frame in enumerate(video.frames(times)):
            pixels = frame.decode()
            found = self.finder.find(pixels)
            taken.seconds.append(frame.seconds)
            taken.shape = (pixels.shape[1], pixels.shape[0])
            if not found.faces:
                taken.failures[found.status, found.detail] += 1
            faces = found.faces[:_MOST_FACES]
            persons = tracker.follow(faces, frame.seconds)
            for face, person in zip(faces, persons, strict=True):
                taken.seen.append(SeenFace(index, person, face))
                taken.images[index, person] = self._cut(pixels, face)
        return taken

    def _cut(self, pixels: NDArray[np.uint8], face: Face) -> bytes:
        assert self.finder is not None
        crop = cut_square(pixels, self.finder.square_of(face, pixels.shape))
        size = self.params.size
        how = cv2.INTER_AREA if len(crop) > size else cv2.INTER_CUBIC
        return _encode(np.asarray(cv2.resize(crop, (size, size), interpolation=how), np.uint8))

    @staticmethod
    def _choose(job: Job, taken: _Taken, notes: list[str], default: int | None = None) -> int:
        """Return who is meant; masks are only read where there are several."""
        is_one = len({one.person for one in taken.seen}) < 2
        masks = [] if is_one else [_read_mask(path, taken.seconds, notes) for path in job.masks]
        if default is not None and not any(masks):
            return default
        return choose_person(taken.seen, taken.shape, masks)


def _shares_timeline(video: Video, track: Track) -> bool:
    """Say whether frames of a forgery lie where those of the real video do."""
    is_as_long = abs(video.duration - track.duration) <= _SAME_LENGTH * track.duration
    return bool(is_as_long and video.size == track.size and track.seen)


def _by_time(video: Video, seconds: Sequence[float]) -> Iterator[tuple[int, Frame]]:
    """Yield frames at ``seconds``, each with the index of the last of these that it reaches."""
    for frame in video.frames(list(seconds)):
        yield int(np.searchsorted(seconds, frame.seconds + _EARLY, side="right")) - 1, frame


def _read_mask(
    path: Path, seconds: Sequence[float], notes: list[str]
) -> dict[int, NDArray[np.uint8]]:
    try:
        with open_video(path, num_threads=1) as video:
            frames = _by_time(video, seconds)
            return {index: frame.reduce(_MASK_SIDE, _MASK_SIDE) for index, frame in frames}
    except ImageError as error:
        notes.append(f"mask {path}: {error.detail}")
        return {}


def _number(taken: _Taken, person: int, rate: float) -> tuple[tuple[int, bytes], ...]:
    """Return the images of a person with the numbers of their frames, each once."""
    images, last = [], -1
    for index, seconds in enumerate(taken.seconds):
        last = max(last + 1, round(seconds * rate))
        if (image := taken.images.get((index, person))) is not None:
            images.append((last, image))
    return tuple(images)


def _explain(taken: _Taken, track: Track | None) -> tuple[str, str]:
    if not taken.seconds:
        return "no_frames", "no frame of it can be decoded"
    if taken.failures:
        return taken.failures.most_common(1)[0][0]
    assert track is not None
    return "no_face", "the face of its real video is in none of the frames that it has"


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), _PNG)[1])
