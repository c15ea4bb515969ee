"""Videos to frames: some of them, upright 8-bit RGB, each with its time; the one video decoder.

What is decided here, once:

- Times are those of the file (`pts`), not frame numbers divided by a rate, so that a variable
  frame rate shifts nothing. They count from the first frame of the video.
- Upright: the display matrix (rotation, mirror) is applied, and pixels that are not square are
  made so.
- Files are opened by content, as one of `FORMATS` only: FFmpeg would also take a playlist, and
  open what it names.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
from av.error import EOFError as EndOfFile
from av.error import FFmpegError
from av.stream import Disposition
from numpy.typing import NDArray

from face_forgery.data.images.decoding import (
    ImageError,
    check_regular,
    check_size,
    naming_file_errors,
    pixel_limit,
)
from face_forgery.data.videos.sample_tables import check_tables, is_mp4
from face_forgery.params import VideoParams

FORMATS = "mov,mp4,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg"
_OTHER_FORMATS = FORMATS.removeprefix("mov,mp4,")
_SEEK_AHEAD = 5.0  # seconds; decoding what lies between is faster than seeking below that
_EARLY = 1e-3  # seconds that a frame may lie before the time it is taken for
_CUT_OFF = 1.0  # seconds; a video that ends so much before its stated end is said to be cut off


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video, not yet converted."""

    seconds: float  # from the first frame of the video
    _raw: Any  # an av.VideoFrame
    _aspect: float  # width of a pixel by its height
    _matrix: bytes | None  # by which it is shown upright

    def reduce(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return ``(height, width, 3)``, as stored: whichever way up, pixels square or not."""
        return np.asarray(
            self._raw.reformat(width=width, height=height, format="rgb24").to_ndarray()
        )

    def decode(self) -> NDArray[np.uint8]:
        """Return ``(H, W, 3)``, upright, 0 to 255, an array of its own.

        Raises:
            ImageError: More pixels than are decoded (``too_large``).
        """
        width, height = round(self._raw.width * self._aspect), self._raw.height
        check_size(width, height)
        rgb = self._raw.reformat(width=width, height=height, format="rgb24").to_ndarray()
        return _turn_upright(rgb, self._matrix)


@dataclass(eq=False)
class Video:
    """A video that is open."""

    duration: float  # seconds
    _container: Any
    _stream: Any
    faults: list[str] = field(default_factory=list)  # for the user; grows while frames are read
    _matrix: list[bytes | None] = field(default_factory=list)  # of the first frame

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its frames as they are stored, in pixels."""
        return self._stream.codec_context.width, self._stream.codec_context.height

    @property
    def rate(self) -> float:
        """Frames a second, on average; 25 where the file does not say."""
        return float(self._stream.average_rate or self._stream.guessed_rate or 25)

    def frames(self, times: list[float]) -> Iterator[Frame]:
        """Yield the first frame at or after each of ``times``, ascending seconds, no frame twice.

        Decodes on to a time that is near, and seeks one that is far; where that led back, because
        key frames are rare, only after as long. Ends early where the file does; ``faults`` then
        says so.
        """
        decoded = self.all_frames()
        index, last, no_seek_before = 0, -math.inf, -math.inf
        while index < len(times):
            is_far = times[index] - max(last, 0.0) > _SEEK_AHEAD and last >= no_seek_before
            sought_at = last if is_far and self._seek(times[index]) else None
            decoded = decoded if sought_at is None else self.all_frames()
            for frame in decoded:
                if sought_at is not None:
                    no_seek_before, sought_at = max(sought_at, 2 * sought_at - frame.seconds), None
                last = max(last, frame.seconds)
                if frame.seconds >= times[index] - _EARLY:
                    yield frame
                    while index < len(times) and times[index] - _EARLY <= frame.seconds:
                        index += 1
                    break
            else:
                break
        if index < len(times) and self.duration - max(last, 0.0) > _CUT_OFF:
            self.faults.append(
                f"no frame after {max(last, 0.0):.1f} s of {self.duration:.1f} s: cut off or "
                "damaged"
            )

    def _seek(self, seconds: float) -> bool:
        try:
            offset = int((seconds + self._start) / self._stream.time_base)
            self._container.seek(offset, stream=self._stream)
        except FFmpegError:  # a file that can only be read from front to back
            return False
        return True

    @property
    def _start(self) -> float:
        if self._stream.start_time is not None:
            return float(self._stream.start_time * self._stream.time_base)
        return float(self._container.start_time or 0) / 1e6

    def all_frames(self) -> Iterator[Frame]:
        """Yield every frame from here on that is whole, from the first where none was read."""
        aspect = self._stream.sample_aspect_ratio
        aspect = float(aspect) if aspect and 0.1 <= aspect <= 10 else 1.0
        seconds = 0.0
        for raws in self._decode_packets():
            if raws is None:
                self._note_damage(seconds)
                continue
            for raw in raws:
                seconds = self._time_of(raw, seconds)
                if raw.is_corrupt:
                    self._note_damage(seconds)
                else:
                    yield Frame(seconds, raw, aspect, self._matrix_of(raw))

    def _matrix_of(self, raw: Any) -> bytes | None:
        """Ask the first frame alone: asked, a frame stays in memory until garbage is collected."""
        if not self._matrix:
            found = raw.side_data.get("DISPLAYMATRIX")
            self._matrix.append(None if found is None else bytes(found))
        return self._matrix[0]

    def _note_damage(self, seconds: float) -> None:
        if not any(fault.startswith("damaged") for fault in self.faults):
            known = self._stream.codec_context.width
            what = "damaged" if known else "damaged, or frames of too many pixels,"
            self.faults.append(f"{what} near {seconds:.1f} s")

    def _decode_packets(self) -> Iterator[list[Any] | None]:
        """Yield the frames of each packet; ``None`` for one that cannot be decoded."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except EndOfFile:
                return
            except FFmpegError:
                yield None
                return
            if packet is None:
                return
            try:
                yield packet.decode()
            except EndOfFile:
                return
            except FFmpegError:
                yield None

    def _time_of(self, raw: Any, previous: float) -> float:
        if raw.time is not None:
            return float(raw.time) - self._start
        rate = self._stream.average_rate or self._stream.guessed_rate
        return previous + (1.0 / float(rate) if rate else 0.0)


@contextmanager
def open_video(path: Path, *, num_threads: int = 0) -> Iterator[Video]:
    """Open the video in a file; ``num_threads`` decode it, 0: as many as there are cores.

    Raises:
        ImageError: With a status for each fault, as `ImageStatus` has them.
    """
    with naming_file_errors():
        check_regular(path, expected="a video")
        file = path.open("rb")
    with file, _open_container(file) as container:
        stream = _video_stream(container, num_threads)
        duration = _stated_duration(container, stream)
        if duration is None:
            duration = _measure_duration(container, stream)
            with _open_container(file) as again:
                yield Video(duration, again, _video_stream(again, num_threads))
            return
        yield Video(duration, container, stream)


def plan_times(duration: float, params: VideoParams) -> list[float]:
    """Return the times, in seconds, at which a video is looked at.

    A clip shorter than a window gets as many frames as a window has. A clip too long for
    ``max_frames`` is looked at in windows that are spread evenly over it: single frames far apart
    could not confirm each other, and a person could not be followed from one to the next.
    """
    rate, per_window = params.frames_per_second, params.frames_per_window
    if duration < params.window_seconds:
        rate = max(rate, per_window / max(duration, 1e-3))
    num_times = max(1, math.ceil(duration * rate - 1e-9))
    if num_times <= params.max_frames:
        return [index / rate for index in range(num_times)]
    num_windows = max(1, params.max_frames // per_window)
    last = duration - params.window_seconds - 1 / params.frames_per_second
    starts = np.linspace(0.0, last, num_windows) if num_windows > 1 else np.array([last / 2])
    return [float(start + index / rate) for start in starts for index in range(per_window)]


@contextmanager
def _open_container(file: IO[bytes]) -> Iterator[Any]:
    formats = FORMATS if is_mp4(file) else _OTHER_FORMATS
    if formats == FORMATS:
        check_tables(file)
    file.seek(0)
    # Probing, too, decodes. A decoder rounds sizes up; `check_size` is exact.
    options = {"format_whitelist": formats, "max_pixels": str(2 * pixel_limit())}
    try:
        container = av.open(file, options=options)
    except (FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(
            f"not a video, cut off before its table of contents, or damaged ({reason}). "
            "Images are judged by --pipelines inference"
        ) from error
    with container:
        yield container


def _video_stream(container: Any, num_threads: int) -> Any:
    """Return the first video track that is not the cover of a record."""
    tracks = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not tracks:
        kinds = sorted({stream.type for stream in container.streams})
        raise ImageError(
            f"it holds no frames, only {' and '.join(kinds) or 'nothing'}", status="no_video"
        )
    stream = tracks[0]
    if stream.codec_context is None:
        raise ImageError("no decoder for its frames is installed")
    check_size(stream.codec_context.width, stream.codec_context.height)
    stream.codec_context.options = {"max_pixels": str(2 * pixel_limit())}
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = num_threads
    return stream


def _stated_duration(container: Any, stream: Any) -> float | None:
    if stream.duration is not None and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    # Where a file begins late, some formats and writers state its end, others its length.
    start = container.start_time
    begins_at_zero = start is not None and abs(start) <= _CUT_OFF * 1e6
    if begins_at_zero and container.duration is not None and container.duration > 0:
        return float(container.duration) / 1e6
    return None


def _measure_duration(container: Any, stream: Any) -> float:
    """Read the file to its end, without decoding, where it does not say how long it is."""
    start, end, num_packets = math.inf, -math.inf, 0
    try:
        for packet in container.demux(stream):
            num_packets += packet.size > 0
            if packet.size and packet.pts is not None:
                start = min(start, float(packet.pts * packet.time_base))
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except FFmpegError:  # damaged from here on; what came before counts
        pass
    if not num_packets:
        raise ImageError("its video track holds no frame", status="no_frames")
    if end > start:
        return end - start
    rate = stream.average_rate or stream.guessed_rate
    return num_packets / float(rate) if rate else 0.04 * num_packets


def _turn_upright(pixels: NDArray[np.uint8], matrix: bytes | None) -> NDArray[np.uint8]:
    """Apply a display matrix of right angles: nine 32-bit numbers, ``x' = ax + cy, y' = bx + dy``.

    Any other one leaves the pixels as they are stored.
    """
    if matrix is None:
        return pixels
    a, b, _, c, d = (
        int(np.sign(value)) if abs(value) >= 1 << 15 else 0
        for value in np.frombuffer(matrix, dtype="=i4")[:5].tolist()
    )
    is_sideways = not a and not d and b and c
    if not is_sideways and (b or c or not (a and d)):
        return pixels
    across, down = (c, b) if is_sideways else (a, d)
    if is_sideways:
        pixels = pixels.transpose(1, 0, 2)
    return np.ascontiguousarray(pixels[:: down or 1, :: across or 1])
