"""Cards: what the page shows of each uploaded image. Knows nothing of the web toolkit."""

import csv
import io
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import jinja2
import numpy as np
from PIL import Image, ImageDraw

from face_forgery.data.images.decoding import ImageError, decode_rgb
from face_forgery.inference.explanation.explanation_page import overlay
from face_forgery.inference.judging import Detector
from face_forgery.inference.pages import enlarge, to_uri
from face_forgery.inference.verdicts import PREDICTION_COLUMNS, Judgement
from face_forgery.serving.page.words import WORDS

_PREVIEW_SIDE = 1024  # pixels; boxes are drawn on a reduction
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLORS = {"fake": (213, 94, 0), "real": (0, 114, 178), "unsure": (110, 110, 110)}


@dataclass(frozen=True)
class Card:
    """One image on the page."""

    name: str
    judgement: Judgement
    image: str | None  # an address that holds a JPEG, with boxes around faces
    heat: str | None


class Judge:
    """Judges uploads with one detector."""

    def __init__(self, detector: Detector) -> None:
        self.points = detector.points
        self._turn = Lock()  # one image at a time: it may take gigabytes
        self._detector = detector

    def judge(self, uploads: Iterable[tuple[str, bytes]]) -> Iterator[Card]:
        """Yield a card for each ``(name, content)``, in their order."""
        for name, data in uploads:
            with self._turn:
                card = self._judge_one(name, data)
            yield card

    def _judge_one(self, name: str, data: bytes) -> Card:
        judgement = self._detector.judge(data)
        return Card(name, judgement, _show(data, judgement), _explain(judgement))


def render(cards: Sequence[Card], judge: Judge, *, language: str, note: str = "") -> str:
    """Return the cards as HTML.

    Args:
        cards: In their order.
        judge: What made them.
        language: ``en`` or ``zh``.
        note: Shown first.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("face_forgery.serving.page", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    points = judge.points
    words = WORDS[language]
    limits = words["limits"].format(
        fake=points.fake_threshold,
        real=points.real_threshold,
        fpr=points.fpr.value,
        tpr=points.tpr.value,
        num_real=points.num_real,
        num_fake=points.num_fake,
    )
    csv_uri = "data:text/csv;charset=utf-8;base64," + b64encode(to_csv(cards)).decode()
    return environment.get_template("cards.html.jinja").render(
        cards=cards, points=points, words=words, limits=limits, note=note, csv_uri=csv_uri
    )


def to_csv(cards: Sequence[Card]) -> bytes:
    """Return ``PREDICTION_COLUMNS`` of the cards as a CSV in UTF-8 that is safe to open.

    A spreadsheet would execute a name that begins as a formula: it gets an apostrophe in front.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(PREDICTION_COLUMNS)
    for card in cards:
        j = card.judgement
        name = f"'{card.name}" if card.name.startswith(_FORMULA) else card.name
        score = "" if j.score is None else j.score
        writer.writerow((name, score, j.verdict or "", j.status, j.detail))
    return file.getvalue().encode()


def _explain(judgement: Judgement) -> str | None:
    if judgement.status != "ok":
        return None
    found = judgement.explain(has_views=False)
    return to_uri(overlay(enlarge(found.pixels), found.heat))


def _show(data: bytes, judgement: Judgement) -> str | None:
    try:
        pixels = decode_rgb(data)
    except ImageError:
        return None
    image = Image.fromarray(pixels)
    image.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE), Image.Resampling.LANCZOS)
    scale = image.width / pixels.shape[1]
    draw = ImageDraw.Draw(image)
    for face in judgement.faces:
        left, top, width, height = (
            value * scale for value in (face.left, face.top, face.width, face.height)
        )
        box = (left, top, left + width, top + height)
        draw.rectangle(box, outline=_COLORS[face.verdict], width=max(2, image.width // 160))
    return to_uri(np.asarray(image))
