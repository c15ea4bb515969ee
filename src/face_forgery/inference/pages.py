"""Pages that open offline: images and videos with what was found in them."""

import io
from base64 import b64encode
from collections.abc import Callable
from typing import Any, NamedTuple

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_forgery.modeling.detector import OperatingPoints

_SIDE = 640  # pixels of the longer side of images on a page
THUMBNAIL = 160  # the same, in an index


class Page(NamedTuple):
    """A page of a set of pages; ``number`` counts from 1 to ``total``."""

    number: int
    total: int
    name: str  # of the file, without its ending
    html: str
    contents: str | None = None  # of the set, where it comes with the last page


def render(
    template: str, filters: dict[str, Callable[..., str]] | None = None, **content: Any
) -> str:
    """Return a page, everything inside; names of users are escaped.

    Args:
        template: A file of ``inference/templates``.
        filters: Name in the template -> function.
        content: Name in the template -> value.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("face_forgery.inference"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= filters or {}
    return environment.get_template(template).render(content)


def render_index(
    title: str,
    unit: str,
    lines: list[dict[str, Any]],
    points: OperatingPoints,
    learnt_from: str,
) -> str:
    """Return the index of a set of pages, the highest score first.

    Args:
        title: Of the index.
        unit: What a page is about: ``image`` or ``video``.
        lines: Each with ``page`` (name of the file), ``name``, ``score``, ``verdict`` (the status
            where there is no score), ``says`` and ``thumbnail`` (a URL or ``None``).
        points: Of the detector.
        learnt_from: A sentence, as ``describe_training_data`` says it.
    """
    lines = sorted(lines, key=lambda line: 1.0 if line["score"] is None else -line["score"])
    return render(
        "index.html.jinja",
        title=title,
        unit=unit,
        lines=lines,
        points=points,
        learnt_from=learnt_from,
    )


def enlarge(pixels: NDArray[np.uint8], side: int = _SIDE) -> NDArray[np.uint8]:
    """Return ``pixels``, ``(H, W, 3)``, with ``side`` pixels on the longer side."""
    scale = side / max(pixels.shape[:2])
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    mode = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    return np.array(Image.fromarray(pixels).resize((width, height), mode))


def to_uri(pixels: NDArray[np.uint8], side: int | None = _SIDE) -> str:
    """Return ``pixels``, ``(H, W, 3)``, as a JPEG within a URL.

    ``side``: as ``enlarge``; ``None``: as they are.
    """
    shown = pixels if side is None else enlarge(pixels, side)
    stored = io.BytesIO()
    Image.fromarray(shown).save(stored, "JPEG", quality=88)
    return "data:image/jpeg;base64," + b64encode(stored.getvalue()).decode()
