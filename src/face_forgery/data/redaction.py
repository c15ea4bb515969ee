"""Text that strangers wrote, or that has passwords in it, made fit to be shown."""

import re
from collections.abc import Mapping
from typing import Any

from face_forgery.limits import MAX_MESSAGE

_LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")
_WORDS = "token|secret|password|passwd|signature|credential|key|sig"
_QUERY = re.compile(rf"([?&][^=&\s]*(?:{_WORDS})[^=&\s]*=)[^&\s'\"]+", re.IGNORECASE)


def mask(text: str) -> str:
    """Return ``text`` without the logins in URLs and the secrets in their queries.

    Example:
        >>> mask("http://me:pass@host/a and https://host/a?x=1&X-Amz-Signature=abc&y=2")
        'http://***@host/a and https://host/a?x=1&X-Amz-Signature=***&y=2'
    """
    return _QUERY.sub(r"\1***", _LOGIN.sub("***@", text))


def mask_values(values: Any) -> Any:
    """Return parameters, lists and mappings of them included, with every text masked."""
    if isinstance(values, str):
        return mask(values)
    if isinstance(values, Mapping):
        return {name: mask_values(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [mask_values(value) for value in values]
    return values


def one_line(text: str) -> str:
    r"""Return ``text`` on one line; what would steer a terminal is escaped.

    Of more than 2,000 characters the beginning and the end are kept.

    Example:
        >>> one_line("a\n  b\x1b]0;c\u202e")
        'a b\\x1b]0;c\\u202e'
    """
    shown = _ends(" ".join(text.split()))
    return _ends(
        "".join(
            one if one.isprintable() else one.encode("unicode_escape").decode() for one in shown
        )
    )


def _ends(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 605]} ... {text[-600:]}"
