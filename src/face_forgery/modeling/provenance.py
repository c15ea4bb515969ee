"""Where a detector's training data came from, and the sentence that says so first, everywhere.

Importing this is cheap.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

Language = Literal["en", "zh"]
Origin = Literal["drawn", "photographed", "unknown"]
Count = Annotated[int, Field(ge=0)]


def _check_name(name: str) -> str:
    if not name or not name.isprintable():
        raise ValueError("the name of a set is not empty and holds no control characters")
    return name


_NOT_RECORDED: dict[Language, str] = {
    "en": "What this detector learnt from is not recorded: an older release trained it.",
    "zh": "未记录此检测器的训练数据：它由旧版本训练。",
}
_SENTENCES: dict[Language, dict[str, str]] = {
    "en": {
        "drawn": "Learnt from drawn faces: a demonstration, not for photographs.",
        "partly": "Learnt partly from drawn faces: {drawn:,} of {total:,} images of {name}.",
        "photographed": "Learnt from {total:,} photographs of {name}: {real:,} real, "
        "{fake:,} forged.",
        "elsewhere": "Trained elsewhere ({name}): what it learnt from is unknown.",
        "unknown": "Learnt from {total:,} images of {name}: {real:,} real, {fake:,} forged; "
        "whether they are photographs is not recorded.",
    },
    "zh": {
        "drawn": "用绘制的人脸训练：仅供演示，不适用于照片。",
        "partly": "部分用绘制的人脸训练：{name} 的 {total:,} 张图像中有 {drawn:,} 张。",
        "photographed": "用 {name} 的 {total:,} 张照片训练：真实 {real:,} 张，伪造 {fake:,} 张。",
        "elsewhere": "由他处训练（{name}）：其训练数据未知。",
        "unknown": "用 {name} 的 {total:,} 张图像训练：真实 {real:,} 张，伪造 {fake:,} 张；"
        "未记录它们是否为照片。",
    },
}


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainingData:
    """What a detector learnt from, as far as anybody said; counts are of images.

    Several sets, as of the members of an ensemble, have their names joined.
    """

    name: Annotated[str, AfterValidator(_check_name)]
    num_real: Count
    num_fake: Count
    num_groups: Count  # images of one group stay on one side of a split
    kinds: dict[str, Count]  # of forgery
    sources: dict[str, Count]
    origins: dict[Origin, Count]

    @property
    def num_images(self) -> int:
        """How many images it learnt from."""
        return self.num_real + self.num_fake

    @property
    def is_known(self) -> bool:
        """Whether anybody said what the images were."""
        return self.num_images > 0

    @property
    def origin(self) -> Literal["drawn", "partly", "photographed", "unknown"]:
        """What the images are; ``partly``: some of them are drawn."""
        found = {origin for origin, count in self.origins.items() if count}
        if found == {"drawn"}:
            return "drawn"
        if "drawn" in found:
            return "partly"
        return "photographed" if found == {"photographed"} else "unknown"


def describe_training_data(card: TrainingData | None, language: Language = "en") -> str:
    """Say in one sentence what a detector learnt from; ``None``: nobody recorded it.

    Example:
        >>> describe_training_data(TrainingData("demo", 4, 4, 4, {}, {}, {"drawn": 8}))
        'Learnt from drawn faces: a demonstration, not for photographs.'
    """
    if card is None:
        return _NOT_RECORDED[language]
    return _SENTENCES[language][card.origin if card.is_known else "elsewhere"].format(
        name=card.name,
        total=card.num_images,
        real=card.num_real,
        fake=card.num_fake,
        drawn=card.origins.get("drawn", 0),
    )


def trained_elsewhere(name: str) -> TrainingData:
    """Return the card of a model of that name whose training data nobody here knows."""
    return TrainingData(name, 0, 0, 0, {}, {}, {"unknown": 1})


def join_training_data(cards: Iterable[TrainingData | None]) -> TrainingData | None:
    """Return what several detectors learnt from together; ``None`` where nobody recorded any.

    Sets of one name count once: the largest number of each kind, source and class. One that is not
    recorded adds images of unknown origin, nobody knows how many, so the numbers are lower bounds.
    """
    sets: dict[str, TrainingData] = {}
    cards = list(cards)
    for card in filter(None, cards):
        same = sets.get(card.name)
        sets[card.name] = card if same is None else _merge(card.name, same, card, most=True)
    if not sets:
        return None
    if None in cards:
        sets["not recorded"] = trained_elsewhere("not recorded")
    joined, *others = sets.values()
    for other in others:
        joined = _merge(f"{joined.name} + {other.name}", joined, other, most=False)
    return joined


def _merge(name: str, one: TrainingData, other: TrainingData, *, most: bool) -> TrainingData:
    """Add two cards, field by field, or take the larger number where they are of ``most``."""
    values: dict[str, Any] = {}
    for field in fields(TrainingData):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, dict):
            mine, theirs = Counter(mine), Counter(theirs)
            values[field.name] = dict(mine | theirs if most else mine + theirs)
        elif isinstance(mine, int):
            values[field.name] = max(mine, theirs) if most else mine + theirs
    return TrainingData(name=name, **values)
