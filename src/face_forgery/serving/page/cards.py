"""Cards: what the page shows of each upload. Knows nothing of the web toolkit."""

import io
import math
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

import face_forgery as ff
from face_forgery.data.images.decoding import ImageError, is_video, read_rgb
from face_forgery.data.images.listing import VIDEO_SUFFIXES, printable
from face_forgery.inference.explanation.explanation_page import overlay
from face_forgery.inference.explanation.regions import FULL_SCALE
from face_forgery.inference.judging import Detector
from face_forgery.inference.pages import enlarge, to_uri
from face_forgery.inference.verdicts import PREDICTION_COLUMNS, Judgement
from face_forgery.modeling.familiarity import UNFAMILIAR
from face_forgery.modeling.provenance import Language
from face_forgery.params import VideoParams
from face_forgery.serving.page.words import WORDS

_PREVIEW_SIDE, _THUMBNAIL_SIDE = 800, 160  # pixels
_HEAT_SIDE = 480  # pixels
_MAX_MAPS = 4  # of an image: of its most suspicious faces
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLORS = {"fake": (213, 94, 0), "real": (0, 114, 178), "unsure": (110, 110, 110)}
_VIDEO = VideoParams(videos=".", frames_per_second=2.0, max_frames=60, window_seconds=4.0)


class Reason(NamedTuple):
    """Why a face, or an image that is taken whole, has its score."""

    face: int | None  # its index among the faces of the judgement
    heat: str  # a URL that holds a JPEG
    region: str | None  # what speaks most for a forgery; None: nothing, or there is no face


class ShownVideo(NamedTuple):
    """What is shown of a video that was judged."""

    start: str  # of its most suspicious stretch
    end: str
    chart: str  # a URL that holds a PNG
    scenes: list[dict[str, Any]]  # uri, seconds, score


@dataclass(frozen=True)
class Card:
    """One upload on the page."""

    name: str
    judgement: Judgement
    image: str | None = None  # a URL that holds a JPEG; small where there is no verdict
    reasons: tuple[Reason, ...] = ()
    video: ShownVideo | None = None

    @property
    def unexplained(self) -> list[int | None]:
        """What has no reason yet and gets one: indices of faces; ``None``: the whole image."""
        if self.judgement.verdict is None or self.judgement.explainer is None:
            return []
        faces = self.judgement.faces
        worst = sorted(range(len(faces)), key=lambda face: -faces[face].score)[:_MAX_MAPS]
        wanted: Sequence[int | None] = worst or (None,)
        return list(wanted[len(self.reasons) :])


class Judge:
    """Judges uploads with one detector."""

    def __init__(self, detector: Detector) -> None:
        self.points, self.training_data = detector.points, detector.trained.training_data
        self._turn = Lock()  # one image at a time: it may take gigabytes
        self._detector = detector
        blank = io.BytesIO()
        Image.new("RGB", (256, 256)).save(blank, "JPEG")
        detector.judge(blank.getvalue())  # the first one takes longer

    def judge(self, path: Path) -> Card:
        """Judge an image or a video."""
        with self._turn:
            if _holds_video(path):
                return self._judge_video(path)
            judgement = self._detector.judge(path)
            return Card(printable(path.name), judgement, _show(path, judgement))

    def explain(self, card: Card) -> Iterator[Card]:
        """Yield the card with one reason more each time, until it has them all."""
        for face in card.unexplained:
            with self._turn:
                found = card.judgement.explain(has_views=False, face=face)
                heat = to_uri(overlay(enlarge(found.pixels, _HEAT_SIDE), found.heat), side=None)
            card = replace(card, reasons=(*card.reasons, Reason(face, heat, found.top_region)))
            yield card

    def _judge_video(self, path: Path) -> Card:
        video = self._detector.judge_video(path, _VIDEO)
        found, name = video.summary, printable(path.name)
        if found is None:
            return Card(name, Judgement(None, None, video.status, video.detail))
        verdict = None if video.status == UNFAMILIAR else found.verdict
        judgement = Judgement(found.score, verdict, video.status, video.detail)
        say = partial(ff.format_time, longest=video.duration)
        shown = ff.describe_video(video, self.points, _VIDEO)
        scenes = [
            {"uri": one["uri"], "seconds": say(scene.seconds), "score": scene.score}
            for one, scene in zip(shown["scenes"], video.scenes, strict=True)
        ]
        stretch = ShownVideo(say(found.start), say(found.end), shown["chart"], scenes)
        return Card(name, judgement, video=stretch)


@dataclass
class Visit:
    """What one visitor has dropped, and what has become of it so far."""

    paths: list[Path] = field(default_factory=list)
    cards: dict[Path, Card] = field(default_factory=dict)
    turn: int = 0  # work of an earlier one ends

    def card(self, number: int) -> Card | None:
        """Return the card of the upload of this number, from 0, if there is one already."""
        return self.cards.get(self.paths[number]) if number < len(self.paths) else None

    def begin(self, paths: list[Path]) -> int:
        """Forget all other uploads; return a turn."""
        self.paths = paths
        self.cards = {path: self.cards[path] for path in paths if path in self.cards}
        self.turn += 1
        return self.turn

    def work(self, judge: Judge, turn: int) -> Iterator[int]:
        """Judge what is not yet judged, then explain; yield the number of each card that changes.

        Verdicts come first. Ends when another turn has begun.
        """
        paths = list(self.paths)
        for number, path in enumerate(paths):
            if path not in self.cards:
                card = judge.judge(path)
                if self.turn != turn:
                    return
                self.cards[path] = card
                yield number
        for number, path in enumerate(paths):
            for card in judge.explain(self.cards[path]):
                if self.turn != turn:
                    return
                self.cards[path] = card
                yield number


def render_card(card: Card, judge: Judge, language: Language) -> str:
    """Return a card as HTML; names of users are escaped."""
    words = WORDS[language]
    heat_key = words["heat_key"].format(full=FULL_SCALE, odds=math.exp(FULL_SCALE))
    return _template().render(
        card=card,
        points=judge.points,
        words=words,
        language=language,
        waiting=card.unexplained,
        reasons={reason.face: reason for reason in card.reasons},
        full=FULL_SCALE,
        heat_key=heat_key,
    )


@cache
def _template() -> jinja2.Template:
    packages = ("face_forgery.serving.page", "."), ("face_forgery.inference", "templates")
    loader = jinja2.ChoiceLoader([jinja2.PackageLoader(*package) for package in packages])
    return jinja2.Environment(loader=loader, autoescape=True).get_template("card.html.jinja")


def say_limits(judge: Judge, language: Language) -> str:
    """Say at which scores verdicts begin, and what was measured there."""
    points, words, card = judge.points, WORDS[language], judge.training_data
    is_drawn = card is not None and card.origin == "drawn"
    return words["limits"].format(
        images=words["drawn_images" if is_drawn else "images"],
        fake=points.fake_threshold,
        real=points.real_threshold,
        fpr=points.fpr.value,
        tpr=points.tpr.value,
        num_real=points.num_real,
        num_fake=points.num_fake,
    )


def say_counts(cards: Iterable[Card], language: Language) -> str:
    """Say how many of which verdict there are."""
    verdicts = [card.judgement.verdict or "bad" for card in cards]
    counts = {name: verdicts.count(name) for name in ("fake", "real", "unsure", "bad")}
    return WORDS[language]["done"].format(**counts)


def to_csv(cards: Iterable[Card]) -> bytes:
    """Return ``PREDICTION_COLUMNS`` of the cards as a CSV in UTF-8 that is safe to open.

    A spreadsheet would execute a name that begins as a formula: it gets an apostrophe in front.
    """
    rows = []
    for card in cards:
        name, one = card.name, card.judgement
        safe = f"'{name}" if name.startswith(_FORMULA) else name
        rows.append((safe, one.score, one.verdict, one.status, one.detail))
    table = pd.DataFrame(rows, columns=list(PREDICTION_COLUMNS))
    return table.to_csv(index=False, lineterminator="\r\n").encode()


def to_csv_uri(cards: Iterable[Card]) -> str:
    """Return the CSV of the cards within a URL."""
    return "data:text/csv;charset=utf-8;base64," + b64encode(to_csv(cards)).decode()


def _holds_video(path: Path) -> bool:
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return is_video(file)
    except OSError:
        return False


def _show(path: Path, judgement: Judgement) -> str | None:
    """Return the image with numbered boxes around faces, small where it cannot be judged."""
    try:
        pixels = read_rgb(path)
    except ImageError:
        return None
    side = _PREVIEW_SIDE if judgement.verdict else _THUMBNAIL_SIDE
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    scale = image.width / pixels.shape[1]
    draw, line = ImageDraw.Draw(image), max(2, image.width // 200)
    font = ImageFont.load_default(size=max(13, image.width // 36))
    for number, face in enumerate(judgement.faces, start=1):
        left, top = face.left * scale, face.top * scale
        right, bottom = left + face.width * scale, top + face.height * scale
        draw.rectangle((left, top, right, bottom), outline=_COLORS[face.verdict], width=line)
        if len(judgement.faces) > 1:
            label = draw.textbbox((left + 2 * line, top + line), str(number), font=font)
            box = (left, top, label[2] + 2 * line, label[3] + line)
            draw.rectangle(box, fill=_COLORS[face.verdict])
            draw.text((left + 2 * line, top + line), str(number), fill="white", font=font)
    return to_uri(np.asarray(image), side=None)
