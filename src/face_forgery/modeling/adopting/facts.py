"""What the file of a model does not say of itself, and you do: its input, and what means fake."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from face_forgery.modeling.detector import BackboneError, Preprocessing
from face_forgery.params import AdoptParams

logger = logging.getLogger(__name__)

_SAYS_FAKE = "fake fakes forged forgery deepfake deepfakes manipulated synthetic generated spoof"
_SAYS_REAL = "real reals original pristine authentic genuine bonafide live"
_LABELS_SHOWN, _LONGEST = 6, 40
_SHOWN = ("image_size", "interpolation", "mean", "std")


def complete_preprocessing(
    adopt: AdoptParams, own: Mapping[str, Any], *, usual: Mapping[str, Any] | None = None
) -> Preprocessing:
    """Return what images go through: what you say, else what the model says of itself (``own``).

    ``usual`` is what such a model mostly has, which a message names and nobody takes for granted.

    Raises:
        BackboneError: If neither says it, or no image can go through it.
    """
    found: dict[str, Any] = {name: own.get(name) for name in _SHOWN}
    found |= {name: value for name in _SHOWN if (value := getattr(adopt, name)) is not None}
    if missing := [name for name, value in found.items() if value is None]:
        shown = {name: usual[name] for name in missing if name in usual} if usual else {}
        hint = f"; such models mostly have {_show(shown)}" if shown else ""
        raise BackboneError(
            f"adopt.model={adopt.model!r} does not say what images go through before it; give "
            f"{', '.join(f'adopt.{name}' for name in missing)} as it was trained{hint}"
        )
    found |= {name: tuple(found[name]) for name in ("mean", "std")}
    try:
        return Preprocessing(**found)
    except ValueError as error:
        raise BackboneError(f"adopt.model={adopt.model!r}: {error}") from error


def _show(values: Mapping[str, Any]) -> str:
    listed = {n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}
    return ", ".join(f"adopt.{name}={value}" for name, value in listed.items())


def choose_fake(adopt: AdoptParams, num_logits: int, labels: Sequence[str] = ()) -> tuple[int, ...]:
    """Return the indices of the logits that mean fake: what you say, else what two labels say.

    Of a single logit, with sigmoid, the index is that of the class that its high side means.
    ``labels`` count where one says plainly that it means fake, and the other that it means real.

    Raises:
        BackboneError: If neither says it, or you say one that is not there.
    """
    given = adopt.fake
    chosen = (given,) if isinstance(given, int) else given
    said = [_class_of(label) for label in labels]
    plain = (said.index("fake"),) if sorted(map(str, said)) == ["fake", "real"] else None
    if not chosen and plain and num_logits == 2:
        return plain
    if chosen and plain and tuple(chosen) != plain:
        logger.warning("adopt.fake=%s, although its labels are %s", given, _list(labels))
    known = max(num_logits, 2)  # a single logit tells two classes apart
    what = (
        "adopt.fake=1 if high values of its single logit mean fake, adopt.fake=0 if low ones do"
        if num_logits == 1
        else f"which of its logits 0 to {known - 1} means fake: adopt.fake=1, or several of them"
    )
    shown = f" (its labels are {_list(labels)})" if labels else ""
    if not chosen:
        raise BackboneError(
            f"adopt.model={adopt.model!r}{shown} does not say what means fake; say {what}"
        )
    if max(chosen) >= known or len({*chosen}) >= known:
        raise BackboneError(
            f"adopt.fake={given} does not fit adopt.model={adopt.model!r}{shown} with {num_logits} "
            f"logit(s), of which some must be left to mean real; say {what}"
        )
    return tuple(sorted({*chosen}))


def _class_of(label: str) -> str | None:
    words = set(re.split(r"[\W_]+", label.lower()))
    known = {"fake": _SAYS_FAKE, "real": _SAYS_REAL}
    found = [name for name, said in known.items() if words & set(said.split())]
    return found[0] if len(found) == 1 else None


def _list(labels: Sequence[str]) -> str:
    shown = [f"{index}: {label[:_LONGEST]!r}" for index, label in enumerate(labels)]
    return ", ".join(shown[:_LABELS_SHOWN]) + (", ..." if len(shown) > _LABELS_SHOWN else "")
