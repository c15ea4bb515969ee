"""An explained image as one page that opens offline."""

import io
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_forgery.inference.explanation.explain import ExplainedImage, Explanation
from face_forgery.modeling.detector import OperatingPoints

_FAKE, _REAL = (213, 94, 0), (0, 114, 178)  # vermilion and blue of Okabe and Ito
_SIDE = 640  # pixels of the longer side of images on the page
_OPAQUE = 0.75
_THUMBNAIL = 160  # pixels of the longer side in the index


@dataclass(frozen=True)
class Page:
    """A page of a set of pages; ``number`` counts from 1 to ``total``."""

    number: int
    total: int
    name: str  # of the file, without its ending
    html: str


def write_pages(images: Iterable[ExplainedImage], points: OperatingPoints) -> Iterator[Page]:
    """Write a page for each image and, as the last one, the index of them, the highest score first.

    Args:
        images: What ``explain_images`` yields.
        points: Of the detector.
    """
    lines: list[dict[str, Any]] = []
    for image in images:
        page = write_page(image, points)
        lines.append(_summarize(image) | {"page": f"{page.name}.html"})
        yield page
    lines.sort(key=lambda line: -1.0 if line["score"] is None else line["score"], reverse=True)
    html = _load_template("index.html.jinja").render(lines=lines, points=points)
    yield Page(len(lines) + 1, len(lines) + 1, "index", html)


def write_page(image: ExplainedImage, points: OperatingPoints) -> Page:
    """Write the page of one image, explained or not.

    Args:
        image: What ``explain_images`` yields.
        points: Of the detector.
    """
    content: dict[str, Any] = {"image": image, "points": points}
    if image.explanation is not None:
        content |= _describe(image.explanation)
    html = _load_template("page.html.jinja").render(content)
    return Page(image.number, image.total + 1, f"{image.number:04d}", html)


def overlay(pixels: NDArray[np.uint8], heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Lay a heat map over an image: vermilion speaks for forged, blue for real.

    Args:
        pixels: ``(H, W, 3)``.
        heat: ``(S, S)``, stretched over the image; what is weak stays transparent.

    Returns:
        ``(H, W, 3)``: the image in grey below the colors.
    """
    height, width = pixels.shape[:2]
    stretched = cv2.resize(heat.astype(np.float32), (width, height))
    strength = stretched / max(float(np.abs(stretched).max()), 1e-12)
    color = np.where(strength[..., None] > 0, np.array(_FAKE), np.array(_REAL))
    alpha = _OPAQUE * np.abs(strength[..., None])
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    return np.asarray(grey * (1 - alpha) + color * alpha, dtype=np.uint8)


def _load_template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("face_forgery.inference.explanation", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)


def _summarize(image: ExplainedImage) -> dict[str, Any]:
    """Return a line of the index: verdict, or the status where there is no score."""
    line: dict[str, Any] = {"img_name": image.img_name, "thumbnail": None, "score": None}
    found = image.explanation
    if found is None:
        return line | {"verdict": image.status, "says": image.detail}
    top, evidence = next(iter(found.regions.items()))
    return line | {
        "score": found.score,
        "verdict": found.verdict,
        "says": f"speaks most for a forgery: {top}" if evidence.proportion > 0 else "",
        "thumbnail": to_uri(found.pixels, side=_THUMBNAIL),
    }


def _describe(explanation: Explanation) -> dict[str, Any]:
    return {
        "original": to_uri(explanation.pixels),
        "heat": to_uri(overlay(enlarge(explanation.pixels), explanation.heat)),
        "views": [(view.title, to_uri(view.image), view.reading) for view in explanation.views],
        "top": next(iter(explanation.regions)),
        "speaks": any(region.proportion > 0 for region in explanation.regions.values()),
    }


def enlarge(pixels: NDArray[np.uint8], side: int = _SIDE) -> NDArray[np.uint8]:
    """Return ``pixels``, ``(H, W, 3)``, with ``side`` pixels on the longer side."""
    scale = side / max(pixels.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
    mode = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    return np.array(Image.fromarray(pixels).resize((size[0], size[1]), mode))


def to_uri(pixels: NDArray[np.uint8], side: int = _SIDE) -> str:
    """Return ``pixels``, ``(H, W, 3)``, as a JPEG within a URL; ``side`` as ``enlarge``."""
    stored = io.BytesIO()
    Image.fromarray(enlarge(pixels, side)).save(stored, "JPEG", quality=88)
    return "data:image/jpeg;base64," + b64encode(stored.getvalue()).decode()
