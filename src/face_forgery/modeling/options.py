"""What a stranger's description may ask of timm, and how deep it may be nested."""

import json
from collections.abc import Iterator
from typing import Any

from face_forgery.limits import MAX_JSON_DEPTH, MAX_OPTION, MAX_OPTIONS, MAX_WINDOW


def check_options(options: dict[str, Any]) -> None:
    """Raise ``ValueError`` where timm's options are long, or hold numbers that no network has."""
    if (length := len(json.dumps(options))) > MAX_OPTIONS:
        raise ValueError(f"has {length:,} characters, more than {MAX_OPTIONS:,}")
    # NaN is not above anything, nor below.
    if odd := [one for one in _numbers_in(options) if not abs(one) <= MAX_OPTION]:
        shown = str(odd[0])[:20]
        raise ValueError(f"must not hold {shown}: no network has more than {MAX_OPTION:,}")
    windows = [value for name, value in options.items() if "window" in name]
    if any(abs(one) > MAX_WINDOW for one in _numbers_in(windows)):
        raise ValueError(f"must not hold a window of more than {MAX_WINDOW}")


def _numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers_in(inner)
    elif isinstance(value, int | float):
        yield value


def is_deep(value: Any) -> bool:
    """Tell whether lists and mappings lie in one another deeper than any description has them."""
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        nests = (one.values() if isinstance(one, dict) else one for one in level)
        level = [inner for nest in nests for inner in nest if isinstance(inner, dict | list)]
    return bool(level)
