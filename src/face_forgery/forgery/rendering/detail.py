"""How busy pixels are, and making generated pixels as busy as those they replace.

Generators are trained to give skin a texture, and those who paste match sharpness and grain; so
the strength of the detail gives nothing away. What does is its kind: halos of sharpening, a
checkerboard (Odena et al. 2016, Deconvolution and checkerboard artifacts) and grain as coarse as
the generator's own pixels.
"""

import numpy as np

from face_forgery.forgery.rendering.fields import Plane, blur, stream
from face_forgery.forgery.rendering.resampling import enlarge, kept_pixels

_MAX_SHARPENING = 2.0
_MAX_TEXTURE = 0.13
_GRID_CELLS = 40  # across a picture


def sharpened(part: Plane, original: Plane, mask: Plane, *, radius: float, lens: float) -> Plane:
    """Return generated pixels sharpened until their edges are as strong as the original's.

    Args:
        part: ``(3, h, w)``, the generated pixels.
        original: ``(3, h, w)``, what they replace.
        mask: ``(h, w)`` in [0, 1].
        radius: Of the sharpening, in pixels.
        lens: Radius of the blur, in pixels, after which the two are compared.
    """
    halo = part - blur(part, radius)
    weights = mask[1:-1, 1:-1].astype(np.float64)
    wanted, present, added = (
        _second_differences(blur(values[1], lens)) for values in (original, part, halo)
    )
    missing = float(((present * present - wanted * wanted) * weights).sum())
    mixed = float((present * added * weights).sum())
    square = max(float((added * added * weights).sum()), 1e-9)
    # The strength s that solves |present + s added|^2 = |wanted|^2.
    root = max(mixed * mixed - square * missing, 0.0) ** 0.5
    strength = min(max((root - mixed) / square, 0.0), _MAX_SHARPENING)
    return part + halo * np.float32(strength)


def invented_texture(
    part: Plane,
    original: Plane,
    mask: Plane,
    *,
    resolution: float,
    checker: float,
    seed: int,
    lens: float,
) -> Plane:
    """Return the texture that makes generated pixels as busy as those they replace, ``(h, w)``.

    Args:
        part: ``(3, h, w)``, the generated pixels.
        original: ``(3, h, w)``, what they replace.
        mask: ``(h, w)`` in [0, 1].
        resolution: Share of the pixels along a side that the generator works with.
        checker: Share of the checkerboard in the texture; the rest is grain.
        seed: Of the grain.
        lens: Radius of the blur, in pixels, after which the two are compared.
    """
    shape = (part.shape[1], part.shape[2])
    rows, columns = kept_pixels(shape, resolution)
    signs = (np.arange(rows)[:, None] + np.arange(columns)[None, :]) % 2 * 2.0 - 1.0
    grain = (stream(seed).random((rows, columns)) - 0.5) * 12.0**0.5
    mixed = checker * signs + (1.0 - checker) * grain
    texture = enlarge(mixed.astype(np.float32), shape)
    wanted, present, offered = (
        _fineness(blur(plane, lens), mask) for plane in (original[1], part[1], texture)
    )
    lacking = max(wanted * wanted - present * present, 0.0) ** 0.5
    strength = min(lacking / max(offered, 1e-9), _MAX_TEXTURE)
    return texture * np.float32(strength)


def color_grid(shape: tuple[int, ...], size: int) -> Plane:
    """Return the colored grid that a generator leaves behind, ``(3, h, w)`` around 0.

    Red against green, as bright everywhere as nowhere: luminance does not change.

    Args:
        shape: Of the part of the picture, ``(3, h, w)``.
        size: Pixels of the whole picture, which the mesh scales with.
    """
    cells = [
        ((np.arange(length) + 0.5) * (_GRID_CELLS / size)).astype(np.int64) % 2 * 2.0 - 1.0
        for length in shape[1:]
    ]
    grid = (0.5 * (cells[0][:, None] + cells[1][None, :])).astype(np.float32)
    return grid * np.array([1.0, -0.509, 0.0], dtype=np.float32).reshape(3, 1, 1)


def _second_differences(plane: Plane) -> Plane:
    beside = plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]
    return plane[1:-1, 1:-1] * 4.0 - beside


def _fineness(plane: Plane, mask: Plane) -> float:
    """Mean size under the mask of the detail that is no edge and no slope."""
    across = plane[:, 1:-1] * 2.0 - plane[:, :-2] - plane[:, 2:]
    detail = across[1:-1] * 2.0 - across[:-2] - across[2:]
    weights = mask[1:-1, 1:-1].astype(np.float64)
    return float((np.abs(detail) * weights).sum() / max(weights.sum(), 1e-9))
