"""What the file of a model does not say of itself, and you do: its input, and what means fake."""

from collections.abc import Mapping
from typing import Any

from face_forgery.modeling.detector import BackboneError, Preprocessing
from face_forgery.params import AdoptParams

_SHOWN = ("image_size", "interpolation", "mean", "std")


def complete_preprocessing(
    adopt: AdoptParams, own: Mapping[str, Any], *, usual: Mapping[str, Any] | None = None
) -> Preprocessing:
    """Return what images go through: what you say, else what the model says of itself (``own``).

    ``usual`` is what such a model mostly has, which a message names and nobody takes for granted.

    Raises:
        BackboneError: If neither says it, or no image can go through it.
    """
    found = {name: own.get(name) for name in _SHOWN}
    found |= {name: value for name in _SHOWN if (value := getattr(adopt, name)) is not None}
    if missing := [name for name, value in found.items() if value is None]:
        shown = {name: usual[name] for name in missing if name in usual} if usual else {}
        hint = f"; such models mostly have {_show(shown)}" if shown else ""
        raise BackboneError(
            f"adopt.model={adopt.model!r} does not say what images go through before it; give "
            f"{', '.join(f'adopt.{name}' for name in missing)} as it was trained{hint}"
        )
    try:
        return Preprocessing(
            image_size=found["image_size"],
            interpolation=found["interpolation"],
            mean=tuple(found["mean"]),
            std=tuple(found["std"]),
        )
    except ValueError as error:
        raise BackboneError(f"adopt.model={adopt.model!r}: {error}") from error


def _show(values: Mapping[str, Any]) -> str:
    listed = {n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}
    return ", ".join(f"adopt.{name}={value}" for name, value in listed.items())


def choose_fake(adopt: AdoptParams, num_logits: int) -> tuple[int, ...]:
    """Return the indices of the logits that mean fake; never guessed.

    Of a single logit, with sigmoid, the index is that of the class that its high side means.

    Raises:
        BackboneError: If you do not say it, or say one that is not there.
    """
    given = adopt.fake
    chosen = (given,) if isinstance(given, int) else given
    known = max(num_logits, 2)  # a single logit tells two classes apart
    what = (
        "adopt.fake=1 if high values of its single logit mean fake, adopt.fake=0 if low ones do"
        if num_logits == 1
        else f"which of its logits 0 to {known - 1} means fake: adopt.fake=1, or several of them"
    )
    if not chosen:
        raise BackboneError(f"adopt.model={adopt.model!r} does not say what means fake; say {what}")
    if max(chosen) >= known or len(chosen) >= known:
        raise BackboneError(
            f"adopt.fake={given} does not fit adopt.model={adopt.model!r} with {num_logits} "
            f"logit(s), of which some must be left to mean real; say {what}"
        )
    return chosen
