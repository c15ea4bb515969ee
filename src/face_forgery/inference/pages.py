"""Pages that open offline: images and videos with what was found in them."""

import io
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
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
    html: str
    contents: str | None  # of the set: comes with the last page

    @property
    def files(self) -> dict[str, str]:
        """What a folder holds of it: name -> HTML."""
        contents = {} if self.contents is None else {"index.html": self.contents}
        return {f"{self.number:04d}.html": self.html, **contents}


def render(
    template: str, filters: dict[str, Callable[..., str]] | None = None, **content: Any
) -> str:
    """Return a page of ``inference/templates``, everything inside; names of users are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("face_forgery.inference"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= filters or {}
    return environment.get_template(template).render(content)


def write_set(
    items: Iterable[Any],
    write: Callable[..., tuple[str, dict[str, Any]]],
    *,
    title: str,
    unit: str,
    points: OperatingPoints,
    learnt_from: str,
) -> Iterator[tuple[Any, Page]]:
    """Yield each item with its page; with the last one comes the index, the highest score first.

    Args:
        items: What the pages are about, each with ``number`` and ``total``.
        write: Returns the page of an item, given ``points`` and ``learnt_from``, and its line of
            the index: ``name``, ``score``, ``verdict`` (the status where there is no score),
            ``says`` and ``thumbnail`` (a URL or ``None``).
        title: Of the index.
        unit: What a page is about: ``image`` or ``video``.
        points: Of the detector.
        learnt_from: A sentence, as ``describe_training_data`` says it.
    """
    lines: list[dict[str, Any]] = []
    about: dict[str, Any] = {"points": points, "learnt_from": learnt_from}
    for item in items:
        html, line = write(item, **about)
        lines.append(line | {"page": f"{item.number:04d}.html"})
        contents = None
        if item.number == item.total:
            lines.sort(key=lambda line: 1.0 if line["score"] is None else -line["score"])
            contents = render("index.html.jinja", title=title, unit=unit, lines=lines, **about)
        yield item, Page(item.number, item.total, html, contents)


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
