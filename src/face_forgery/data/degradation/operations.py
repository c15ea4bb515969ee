"""Every degradation, with the levels it is measured at.

To add one, write a function below and register it: ``python -m pytest tests/data/degradation``
tries it at all its levels, the pipeline ``robustness`` measures it, and with ``training`` it is a
step of the random chains, too. Everywhere ``pixels`` is uint8 RGB ``(H, W, 3)`` and so is the
result; the argument is not changed.
"""

import hashlib
import io
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Operation = Callable[[Pixels, Any, np.random.Generator], Pixels]

_NO_LUCK = np.random.default_rng(0)  # for what draws nothing
_BLOCK = 8  # pixels
_GRAY = 128
# ITU-R BT.601: the weights of red, green and blue in luma.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# A studio-range signal spends 219 of 255 steps on luma and 224 on each color difference.
_LUMA_SCALE, _CHROMA_SCALE = 219.0 / 255.0, 224.0 / 255.0


class Degradation(NamedTuple):
    """One degradation at one level; level 1 is the weakest."""

    family: str
    name: str
    level: int
    title: str  # the name for people
    label: str  # how strong, in the unit people know
    operation: Operation
    strength: Any  # that the operation is given
    is_random: bool

    @property
    def key(self) -> str:
        """Name and level in one word, such as ``jpeg_quality@3``."""
        return f"{self.name}@{self.level}"

    def describe(self) -> dict[str, Any]:
        """Return what a report says of it, as JSON values."""
        return dict(zip(self._fields[:5], self[:5], strict=True))

    def apply(self, pixels: Pixels) -> Pixels:
        """Return ``pixels`` degraded; what is random follows from them and the key alone."""
        rng = rng_of_content(pixels, self.key) if self.is_random else _NO_LUCK
        return self.operation(pixels, self.strength, rng)


DEGRADATIONS: list[Degradation] = []  # the measured grid: weakest level of each first
# Steps of the random chains: by name the operation and its strength for 0 (none) to 1.
CHAIN_STEPS: dict[str, tuple[Operation, Callable[[float], Any]]] = {}


def register(
    family: str,
    title: str,
    levels: tuple[Any, ...],
    label: str,
    *,
    training: Callable[[float], Any] | None = None,
    is_random: bool = False,
) -> Callable[[Operation], Operation]:
    """Return a decorator that adds a function ``(pixels, strength, rng)`` under its own name.

    ``levels`` are strengths, weakest first, or pairs of words and strength where ``label`` cannot
    format one. ``training`` makes a strength of 0 to 1 in the random chains. Only one that
    ``is_random`` may draw from ``rng``.
    """

    def add(operation: Operation) -> Operation:
        name = operation.__name__
        for level, given in enumerate(levels, start=1):
            words, strength = given if isinstance(given, tuple) else (given, given)
            shown = (family, name, level, title, label.format(words))
            DEGRADATIONS.append(Degradation(*shown, operation, strength, is_random))
        if training is not None:
            CHAIN_STEPS[name] = (operation, training)
        return operation

    return add


def list_degradations(families: Iterable[str] | None = None) -> tuple[Degradation, ...]:
    """Return the degradations of ``families``, or all, weakest level of each first.

    Raises:
        ValueError: If a family is unknown.
    """
    known = list(dict.fromkeys(one.family for one in DEGRADATIONS))
    wanted = known if families is None else list(families)
    if unknown := sorted(set(wanted) - set(known)):
        raise ValueError(f"unknown families of degradations {unknown}; there are {known}")
    return tuple(one for one in DEGRADATIONS if one.family in wanted)


def rng_of_content(pixels: Pixels, key: str) -> np.random.Generator:
    """Return a generator that follows from the image's content and a key alone."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes())
    digest.update(f"{pixels.shape} {key}".encode())
    return np.random.default_rng(int.from_bytes(digest.digest()[:8], "little"))


# The seven perturbations of DeeperForensics-1.0 at its five levels (Jiang et al. 2020, CVPR; levels
# as in the authors' code; "JPEG" there is a reduction in resolution, here called pixelation).


@register("deeper_forensics", "Color saturation", (0.4, 0.3, 0.2, 0.1, 0.0), "x {:g}")
def color_saturation(pixels: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Draw colors towards gray of the same luma; 0 leaves gray, 1 everything."""
    mixing = factor * np.eye(3, dtype=np.float32) + (1 - factor) * _LUMA
    return _to_bytes(cv2.transform(pixels.astype(np.float32), mixing))


@register("deeper_forensics", "Color contrast", (0.85, 0.725, 0.6, 0.475, 0.35), "x {:g}")
def color_contrast(pixels: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Multiply values, which for factors below 1 darkens and flattens."""
    return _look_up(pixels, _to_bytes(np.arange(256, dtype=np.float32) * factor))


@register(*("deeper_forensics", "Gray blocks", (16, 32, 48, 64, 80), "{} of 8 px"), is_random=True)
def block_wise(pixels: Pixels, number: int, rng: np.random.Generator) -> Pixels:
    """Put gray blocks of 8 by 8 pixels anywhere, ``number`` for each 256 of the shorter side."""
    height, width = pixels.shape[:2]
    covered = pixels.copy()
    rooms = [max(side - _BLOCK, 0) + 1 for side in (height, width)]
    number *= max(1, min(height, width) // 256)
    for top, left in rng.integers(0, rooms, size=(number, 2)).tolist():
        covered[top : top + _BLOCK, left : left + _BLOCK] = _GRAY
    return covered


@register(
    *("deeper_forensics", "Color noise", (0.001, 0.002, 0.005, 0.01, 0.05), "variance {:g}"),
    is_random=True,
)
def gaussian_noise_color(pixels: Pixels, variance: float, rng: np.random.Generator) -> Pixels:
    """Add independent Gaussian noise, on the scale 0 to 1, to luma and color differences."""
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(255 * variance**0.5)
    # Color differences run from -128 to 127 while red and blue less luma run over more.
    red, blue = (2 * (1 - _LUMA[color]) / _CHROMA_SCALE for color in (0, 2))
    green_of_red, green_of_blue = -_LUMA[0] * red / _LUMA[1], -_LUMA[2] * blue / _LUMA[1]
    colors = [[0, red], [green_of_blue, green_of_red], [blue, 0]]  # of blue and red differences
    mixing = np.array([[1 / _LUMA_SCALE, *row] for row in colors], dtype=np.float32)
    return _add(pixels, cv2.transform(noise, mixing))


@register("deeper_forensics", "Gaussian blur", (7, 9, 13, 17, 21), "kernel {}")
def gaussian_blur(pixels: Pixels, size: int, rng: np.random.Generator) -> Pixels:
    """Blur with a Gaussian kernel of ``size`` pixels, which ends at 3 sigma."""
    return _blur(pixels, size / 6, radius=size // 2)


@register("deeper_forensics", "Pixelation", (2, 3, 4, 5, 6), "1 / {}")
def pixelation(pixels: Pixels, factor: int, rng: np.random.Generator) -> Pixels:
    """Sample every ``factor``-th pixel, bilinear and without a low-pass, and enlarge bilinearly."""
    height, width = pixels.shape[:2]
    small = (max(width // factor, 1), max(height // factor, 1))
    reduced = cv2.resize(pixels.astype(np.float32), small, interpolation=cv2.INTER_LINEAR)
    back = cv2.resize(np.rint(reduced), (width, height), interpolation=cv2.INTER_LINEAR)
    return _to_bytes(back)


@register("deeper_forensics", "H.264 key frame", (30, 32, 35, 38, 40), "crf {}")
def video_compression(pixels: Pixels, crf: int, rng: np.random.Generator) -> Pixels:
    """Encode as a video of one frame, H.264 with 4:2:0, and decode; ``crf`` is 0 (best) to 51.

    One frame is a key frame: what prediction from other frames does to a face is not in it.
    """
    height, width = pixels.shape[:2]
    # libx264 refuses odd sides with 4:2:0, and sides below 16.
    rows, columns = (max(side + side % 2, 16) - side for side in (height, width))
    padded = np.pad(pixels, ((0, rows), (0, columns), (0, 0)), mode="edge")
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = padded.shape[1], padded.shape[0]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1  # the same bytes on every machine
    encoder.options = {"crf": str(crf), "preset": "medium"}
    frame = av.VideoFrame.from_ndarray(padded, format="rgb24").reformat(format="yuv420p")
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames = [decoded for packet in [*packets, None] for decoded in decoder.decode(packet)]
    return np.ascontiguousarray(frames[0].to_ndarray(format="rgb24")[:height, :width])


# The sweeps that later papers report (Wang et al. 2020, CVPR, and successors).


@register(
    *("compression", "JPEG", (95, 85, 70, 50, 30), "quality {}"),
    training=lambda strength: round(95 - 70 * strength),
)
def jpeg_quality(pixels: Pixels, quality: int, rng: np.random.Generator) -> Pixels:
    """Encode as baseline JPEG with halved color resolution (4:2:0) and decode."""
    return _through_jpeg(pixels, quality)


@register("compression", "WebP", (95, 80, 60, 40, 20), "quality {}")
def webp_quality(pixels: Pixels, quality: int, rng: np.random.Generator) -> Pixels:
    """Encode as lossy WebP, quality 0 to 100, and decode."""
    return through_webp(pixels, quality, method=2)


@register("scaling", "Down and up", (0.75, 0.5, 0.35, 0.25), "x {:g}")
def down_and_up(pixels: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Resize by ``factor`` in (0, 1], bicubic and with a low-pass, and back."""
    height, width = pixels.shape[:2]
    small = (max(round(width * factor), 1), max(round(height * factor), 1))
    image = Image.fromarray(pixels).resize(small, Image.Resampling.BICUBIC)
    return np.array(image.resize((width, height), Image.Resampling.BICUBIC))


@register("blur_and_noise", "Blur", (0.5, 1.0, 2.0, 3.0), "sigma {:g} px")
def blur_sigma(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Blur with a Gaussian kernel of ``sigma`` pixels, which ends at 4 sigma."""
    return _blur(pixels, sigma)


@register("blur_and_noise", "Noise", (2, 5, 10, 20), "sigma {} / 255", is_random=True)
def noise_sigma(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Add independent Gaussian noise to red, green and blue; ``sigma`` on the scale 0 to 255."""
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(sigma)
    return _add(pixels, noise)


# Steps in a row, as of images that are passed on.


@register(
    "chains",
    "Social media",
    (  # of each upload: by how much the service scales both sides, and the quality of its JPEG
        ("1 upload", ((1.0, 85),)),
        ("2 uploads", ((0.9, 85), (1.0, 75))),
        ("2, smaller", ((0.6, 80), (0.9, 70))),
        ("3, smaller", ((0.5, 75), (0.8, 65), (1.0, 60))),
    ),
    "{}",
)
def social_media(
    pixels: Pixels, uploads: tuple[tuple[float, int], ...], rng: np.random.Generator
) -> Pixels:
    """Upload, download, crop by some pixels, upload again; back to the original size at the end.

    The crop moves the image against the grid of JPEG: no compression repeats the one before.
    """
    height, width = pixels.shape[:2]
    for scale, quality in uploads:
        pixels = _crop_border(_through_jpeg(_resize(pixels, scale), quality), 3)
    return _resize_to(pixels, height, width)


@register(
    "chains",
    "Screenshot",
    (  # scale and gamma (above 1 darkens) of the display, quality of the JPEG or None: lossless
        ("x 1.37", (1.37, 1.0, None)),
        ("x 1.37, dark", (1.37, 1.1, 90)),
        ("x 0.71, JPEG", (0.71, 1.1, 80)),
        ("x 0.53, JPEG", (0.53, 1.2, 70)),
    ),
    "{}",
)
def screenshot(
    pixels: Pixels, capture: tuple[float, float, int | None], rng: np.random.Generator
) -> Pixels:
    """Show the image on a screen, capture the screen, and bring it back to its size."""
    scale, gamma, quality = capture
    height, width = pixels.shape[:2]
    table = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    captured = _look_up(_resize(pixels, scale), table)
    if quality is not None:
        captured = _through_jpeg(captured, quality)
    return _resize_to(captured, height, width)


def through_webp(pixels: Pixels, quality: int, *, method: int) -> Pixels:
    """Encode as lossy WebP and decode; ``method`` is the encoder's effort, 0 (fast) to 6."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=quality, method=method)
    return _decode(np.frombuffer(buffer.getbuffer(), np.uint8))


def _through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Return what Pillow would, to the byte, in half the time."""
    halved = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, *halved]
    return _decode(cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1])


def _decode(encoded: NDArray[np.uint8]) -> Pixels:
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)


def _blur(pixels: Pixels, sigma: float, radius: int | None = None) -> Pixels:
    """Blur with a Gaussian kernel; pixels beyond the border are mirrored."""
    size = 2 * (int(4 * sigma + 0.5) if radius is None else radius) + 1
    kernel = cv2.getGaussianKernel(size, sigma)
    border = cv2.BORDER_REFLECT_101
    return _to_bytes(cv2.sepFilter2D(pixels, cv2.CV_32F, kernel, kernel, borderType=border))


def _resize(pixels: Pixels, scale: float) -> Pixels:
    height, width = pixels.shape[:2]
    return _resize_to(pixels, max(round(height * scale), 1), max(round(width * scale), 1))


def _resize_to(pixels: Pixels, height: int, width: int) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def _crop_border(pixels: Pixels, border: int) -> Pixels:
    height, width = pixels.shape[:2]
    if min(height, width) < 16 * border:  # a crop would take away too much of it
        return pixels
    return np.ascontiguousarray(pixels[border:, border:])


def _look_up(pixels: Pixels, table: Pixels) -> Pixels:
    return np.asarray(cv2.LUT(pixels, table), dtype=np.uint8)


def _to_bytes(values: NDArray[Any]) -> Pixels:
    rounded: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


def _add(pixels: Pixels, noise: NDArray[np.float32]) -> Pixels:
    return np.asarray(cv2.add(pixels, noise, dtype=cv2.CV_8U), dtype=np.uint8)  # rounds and clips
