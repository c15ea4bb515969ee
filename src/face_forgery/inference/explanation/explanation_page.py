"""An explained image as one page that opens offline, and the index of such pages."""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from face_forgery.inference.explanation.regions import FULL_SCALE
from face_forgery.inference.pages import THUMBNAIL, Page, enlarge, render, to_uri, write_set
from face_forgery.modeling.detector import OperatingPoints

if TYPE_CHECKING:
    from face_forgery.inference.explanation.explain import ExplainedImage

_FAKE, _REAL = (213, 94, 0), (0, 114, 178)  # vermilion and blue of Okabe and Ito
_OPAQUE = 0.75


def write_pages(
    images: "Iterable[ExplainedImage]", points: OperatingPoints, learnt_from: str
) -> "Iterator[tuple[ExplainedImage, Page]]":
    """Yield each image, explained or not, with its page; the rest is as of `write_set`."""
    about: dict[str, Any] = {"title": "Explained images", "unit": "image"}
    return write_set(images, _write, points=points, learnt_from=learnt_from, **about)


def _write(image: "ExplainedImage", **content: Any) -> tuple[str, dict[str, Any]]:
    if (found := image.explanation) is not None:
        content |= {
            "original": to_uri(found.pixels),
            "heat": to_uri(overlay(enlarge(found.pixels), found.heat)),
            "views": [(view.title, to_uri(view.image), view.reading) for view in found.views],
            "nearest": [(n.path, n.label, to_uri(n.pixels, side=THUMBNAIL)) for n in image.nearest],
            "full": FULL_SCALE,
            "odds": math.exp(FULL_SCALE),
        }
    return render("explanation.html.jinja", image=image, **content), _summarize(image)


def overlay(pixels: NDArray[np.uint8], heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Lay a heat map over an image: vermilion speaks for forged, blue for real.

    ``heat``, ``(S, S)`` in log-odds, is stretched over ``pixels``, ``(H, W, 3)``, in grey. The
    scale is the same for all images: what is weak stays transparent, the color is full from
    ``FULL_SCALE`` on.
    """
    height, width = pixels.shape[:2]
    stretched = cv2.resize(heat.astype(np.float32), (width, height))
    strength = np.clip(stretched / FULL_SCALE, -1, 1)
    color = np.where(strength[..., None] > 0, np.array(_FAKE), np.array(_REAL))
    alpha = _OPAQUE * np.abs(strength[..., None])
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    return np.asarray(grey * (1 - alpha) + color * alpha, dtype=np.uint8)


def _summarize(image: "ExplainedImage") -> dict[str, Any]:
    """Return a line of the index: verdict, or the status where there is no score."""
    line: dict[str, Any] = {"name": image.img_name, "thumbnail": None, "score": None}
    found = image.explanation
    if found is None:
        return line | {"verdict": image.status, "says": image.detail}
    return line | {
        "score": found.score,
        "verdict": found.verdict,
        "says": f"speaks most for a forgery: {found.top_region}" if found.top_region else "",
        "thumbnail": to_uri(found.pixels, side=THUMBNAIL),
    }
