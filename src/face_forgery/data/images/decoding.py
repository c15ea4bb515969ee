"""Encoded images to upright 8-bit RGB: the one decoder, for training and for everything else.

What is decided here, once:

- Upright: an EXIF orientation (or the container's own) is applied.
- Color: grey, palette, CMYK, YCCK, YCbCr and Lab become RGB by Pillow's formulas. CMYK JPEGs are
  taken as inverted, as Adobe writes them and browsers read them. Embedded color profiles are not
  applied.
- Transparency is composited on white.
- 16 bits become 8 by dropping the low byte, in grey as in color. Floating-point pixels are refused:
  their range is not known.
- Of an animation or an image of several pages the first is used.
"""

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

import face_forgery.data.images.pillow_limits  # noqa: F401  (bounds what Pillow reads)
from face_forgery.data.images.jpeg import estimate_jpeg_quality
from face_forgery.data.images.structure import (
    RareKindError,
    StructureError,
    check_opened,
    check_structure,
)
from face_forgery.data.redaction import mask
from face_forgery.limits import PIXELS_VARIABLE, max_pixels

try:
    from simplejpeg import decode_jpeg
except ImportError:  # the benchmarks run without it
    decode_jpeg = None

# Formats that carry photographs (JPEG stands for MPO, too). Others that Pillow opens are left out:
# EPS would start a program.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

# Of ISO media files; others are images (HEIF, AVIF) or sound.
_MP4_BRANDS = (b"iso", b"mp4", b"avc1", b"M4V", b"qt  ", b"3g", b"MSNV", b"dash", b"f4v")

# The last two of videos: sound alone; a track without a frame.
ImageStatus = Literal["missing", "unreadable", "too_large", "no_video", "no_frames"]

_JPEG_END = b"\xff\xd9"
_PNG_END = b"IEND\xaeB`\x82"
_MOST_BYTES = 2**26  # of a file that is read whole
_WHOLE, _BAND = 2**24, 2**20  # pixels; a larger image would be held five times, and is cut
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {5, 6, 7, 8}  # orientations whose rows become columns
_FROM_THE_END = {3, 4, 6, 7}  # whose first row is shown last


class InputError(ValueError):
    """A path, URL or face detector that you named cannot be used; the message has the remedy."""


class ImageError(ValueError):
    """One image or video that cannot be decoded; the message says which and why.

    ``detail`` is the reason alone, without the path.
    """

    def __init__(
        self, message: str, *, status: ImageStatus = "unreadable", detail: str | None = None
    ) -> None:
        super().__init__(message)
        self.status: ImageStatus = status
        self.detail = message if detail is None else detail

    def at(self, path: str) -> "ImageError":
        """Return the same error with a path, a URL or a size before its reason."""
        return ImageError(f"{path}: {self.detail}", status=self.status, detail=self.detail)


class ImageHeader(NamedTuple):
    """What an image file says of itself."""

    width: int  # pixels, upright
    height: int
    format: str  # as Pillow names it: JPEG, PNG, WEBP, ...
    jpeg_quality: int | None  # 1 to 100, as `estimate_jpeg_quality` gives it


class ReducedImage(NamedTuple):
    """An image decoded at a smaller scale, and what it is at its own."""

    pixels: NDArray[np.uint8]  # (h, w, 3), upright 8-bit RGB, at most the original's size
    header: ImageHeader


def read_header(data: bytes) -> ImageHeader | None:
    """Read the header of a JPEG or PNG, without decoding the image.

    ``None`` where only decoding can tell: another format, a missing end, a header that cannot be
    read, or a PNG that may have to be turned. Damage in the middle is not noticed.
    """
    is_png = data.endswith(_PNG_END)
    may_be_turned = is_png and (b"eXIf" in data or b"exif" in data)  # a chunk, or a text
    if may_be_turned or not (is_png or data.endswith(_JPEG_END)):
        return None
    try:
        file = io.BytesIO(data)
        with open_image(file, formats=("PNG" if is_png else "JPEG",)) as image:
            # Asking a PNG without EXIF for it would decode it.
            return _header_of(image, image.size, _orientation(image) if "exif" in image.info else 1)
    except Exception:  # decoding it will say what is wrong
        return None


def read_reduced(path: Path, *, side: int | None) -> ReducedImage:
    """Decode all of an image at a scale that costs less, where its format has one.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size, as long as both sides keep ``side`` pixels:
    every coefficient is read, so damage is found as in full size, in a third of the time. Other
    formats, and all without ``side``, are decoded in full.

    Raises:
        ImageError: No such file (``missing``); a folder, an empty file, not an image, truncated,
            not permitted (``unreadable``); more pixels or scans than
            `face_forgery.limits` has (``too_large``).
        InputError: If ``FACE_FORGERY_MAX_PIXELS`` is no number of pixels.
    """
    try:
        with naming_file_errors():
            check_regular(path)
            with path.open("rb") as file:
                return _decode(file, side=side)
    except ImageError as error:
        raise error.at(str(path)) from error


def read_rgb(path: Path, *, side: int | None = None) -> NDArray[np.uint8]:
    """Decode the image in a file to ``(H, W, 3)``, upright, 0 to 255; writable, of its own.

    ``side`` and errors are those of `read_reduced`.
    """
    return read_reduced(path, side=side).pixels


def decode_rgb(data: bytes, *, side: int | None = None) -> NDArray[np.uint8]:
    """Decode an encoded image that is in memory; otherwise as `read_rgb`."""
    try:
        if not data:
            raise ImageError("it is empty")
        return _decode(io.BytesIO(data), side=side).pixels
    except ImageError as error:
        raise error.at(f"an image of {len(data):,} bytes") from error


@contextmanager
def naming_file_errors() -> Iterator[None]:
    """Raise `ImageError` with the reason where a file inside cannot be opened or read."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError("no such file", status="missing") from error
    except IsADirectoryError as error:
        raise ImageError("a folder, not an image") from error
    except PermissionError as error:
        raise ImageError("no permission to read it") from error
    except OSError as error:
        reason = mask(str(error.strerror or error))
        raise ImageError(f"the file cannot be read: {reason}") from error


def check_regular(path: Path, *, expected: str = "an image") -> None:
    """Check that opening ``path`` gives bytes, and at once.

    Raises:
        ImageError: A folder, a pipe, an empty file, not a file name.
        OSError: If there is no such file.
    """
    try:
        facts = path.stat()
    except ValueError as error:  # a NUL in the name
        raise ImageError(f"not a file name: {error}", status="missing") from error
    if stat.S_ISDIR(facts.st_mode):
        raise ImageError(f"a folder, not {expected}")
    if not stat.S_ISREG(facts.st_mode):  # opening a pipe would wait for a writer
        raise ImageError("not a regular file")
    if not facts.st_size:
        raise ImageError("it is empty")


def decode_opened(image: Image.Image) -> NDArray[np.uint8]:
    """Return what an image that Pillow has opened shows, as `decode_rgb` does of its file."""
    with _naming_damage():
        check_size(*image.size)
        image.load()
        return _to_upright(image)


def open_image(file: IO[bytes], *, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """Open an image that nothing is known of: the only place where Pillow meets a stranger's file.

    Raises:
        ImageError: If decoding it would cost more than any honest image does (``too_large``), or
            be done in Python (``unreadable``).
        Exception: Whatever Pillow raises.
    """
    try:
        check_structure(file)
        image = Image.open(file, formats=formats)
        check_size(*image.size)
        position = file.tell()
        num_bytes = file.seek(0, io.SEEK_END)
        file.seek(position)
        check_opened(image, num_bytes)
    except RareKindError as error:
        raise ImageError(str(error)) from error
    except StructureError as error:
        raise ImageError(str(error), status="too_large") from error
    return image


def _decode(file: IO[bytes], *, side: int | None) -> ReducedImage:
    with _naming_damage(file), open_image(file) as image:
        size = image.size
        if side is not None:
            image.draft(None, (side, side))
        pixels = _decode_plain_jpeg(file, image)
        if pixels is None:
            image.load()
            pixels = _to_upright(image)
        return ReducedImage(pixels, _header_of(image, size, _orientation(image)))


def _decode_plain_jpeg(file: IO[bytes], image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the pixels of a JPEG that is upright and in color; ``None``: Pillow has to decode it.

    They are Pillow's to the bit, in two thirds of its time. Whatever is odd about a file is left to
    Pillow, which knows what can be shown of it.
    """
    is_plain = image.format == "JPEG" and image.mode == "RGB" and _orientation(image) == 1
    if decode_jpeg is None or not is_plain or file.seek(0, io.SEEK_END) > _MOST_BYTES:
        return None
    width, height = image.size  # the scale is the one that Pillow has chosen
    file.seek(0)
    try:
        pixels = decode_jpeg(file.read(), "RGB", min_height=height, min_width=width)
    except ValueError:
        return None
    return pixels if pixels.shape == (height, width, 3) else None


@contextmanager
def _naming_damage(file: IO[bytes] | None = None) -> Iterator[None]:
    """Raise `ImageError` with the reason where an image inside cannot be decoded."""
    try:
        yield
    except (ImageError, InputError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        if file is not None and is_video(file):
            raise ImageError(
                "a video, not an image; judge it with: kedro run --pipelines video --params "
                "video.videos=PATH"
            ) from error
        raise ImageError(f"not an image in one of {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(str(error).rstrip("."), status="too_large") from error
    except Exception as error:  # damaged files make decoders raise nearly any type
        raise ImageError(f"damaged: {str(error) or type(error).__name__}") from error


def is_video(file: IO[bytes]) -> bool:
    """Say whether a file begins as MP4 and QuickTime, Matroska and WebM, or AVI do."""
    file.seek(0)
    head = file.read(12)
    is_mp4 = head[4:8] == b"ftyp" and head[8:].startswith(_MP4_BRANDS)
    is_quicktime = head[4:8] in (b"moov", b"mdat", b"wide")
    is_avi = head[:4] == b"RIFF" and head[8:] == b"AVI "
    return is_mp4 or is_quicktime or is_avi or head.startswith(b"\x1a\x45\xdf\xa3")


def pixel_limit() -> int:
    """Return how many are decoded; InputError if ``FACE_FORGERY_MAX_PIXELS`` is no number."""
    try:
        return max_pixels()
    except ValueError as error:
        raise InputError(str(error)) from error


def check_size(width: int, height: int) -> None:
    """Raise ImageError if there are more pixels than are decoded."""
    limit = pixel_limit()
    if width * height > limit:
        raise ImageError(
            f"{width} x {height} pixels are more than the {limit:,} that are decoded; "
            f"if the image is honest, raise {PIXELS_VARIABLE}",
            status="too_large",
        )


def _header_of(image: Image.Image, size: tuple[int, int], orientation: int) -> ImageHeader:
    width, height = size[::-1] if orientation in _SIDEWAYS else size
    tables = getattr(image, "quantization", None)  # of JPEG and MPO alone
    quality = estimate_jpeg_quality(tuple(tables[min(tables)])) if tables else None
    name = "JPEG" if image.format == "MPO" else str(image.format)
    return ImageHeader(width, height, name, quality)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Image.DecompressionBombError:
        raise
    except Exception:  # damaged metadata; viewers then show the pixels as they are stored
        return 1


def _to_upright(image: Image.Image) -> NDArray[np.uint8]:
    orientation = _orientation(image)
    turn, (width, height) = _UPRIGHT.get(orientation), image.size
    if width * height <= _WHOLE:
        rgb = _to_rgb(image)
        return np.array(rgb if turn is None else rgb.transpose(turn))
    rows, is_sideways = max(1, _BAND // width), orientation in _SIDEWAYS
    upright = np.empty((width, height, 3) if is_sideways else (height, width, 3), np.uint8)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        rgb = _to_rgb(image.crop((0, top, width, bottom)))
        first, last = top, bottom
        if orientation in _FROM_THE_END:
            first, last = height - bottom, height - top
        part = upright[:, first:last] if is_sideways else upright[first:last]
        part[:] = np.asarray(rgb if turn is None else rgb.transpose(turn))
    return upright


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ImageError("floating-point pixels, whose range is not known; save it with integers")
    if image.mode.startswith("I"):
        image = _to_8_bits(image)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Return grey, with alpha where the image names a transparent 16-bit value."""
    values = np.asarray(image)  # wider integers would take gigabytes of a large image
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ImageError(
            f"grey values from {values.min()} to {values.max()} leave the range of 16 bits"
        )
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey
