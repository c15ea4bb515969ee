"""The report in another language: English sentences, the numbers in them, and a table."""

import json
import re
from importlib import resources
from string import Formatter

from face_forgery.modeling.provenance import Language

_RANGE = re.compile(r"(?<=[\d%]) to (?=[\d-])")
_NUMBER = r"[-+\d.,%e]+"


class Translator:
    """Translates text by ``words.LANGUAGE.json``; what is not in it stays as it is.

    A sentence of the table has fields in braces, ``{name}`` for anything and ``{name:n}`` for a
    number. It is found by what stands between them, so that sentences of stored results are
    translated, too; so is what stands in a field.
    """

    def __init__(self, language: Language) -> None:
        self._table: dict[str, str] = {}
        if language != "en":
            file = resources.files(__package__).joinpath(f"words.{language}.json")
            self._table = json.loads(file.read_text(encoding="utf-8"))
        self._patterns = [
            (re.compile(_to_pattern(english), re.DOTALL), other)
            for english, other in self._table.items()
            if "{" in english
        ]

    def __call__(self, text: str, **values: object) -> str:
        """Return ``text`` translated, with ``values`` in its fields."""
        if values:
            return self._table.get(text, text).format(**values)
        if not self._table or text in self._table:
            return self._table.get(text, text)
        for pattern, other in self._patterns:
            if found := pattern.fullmatch(text):
                return other.format(
                    **{name: self(part) for name, part in found.groupdict().items()}
                )
        return _RANGE.sub("\N{EN DASH}", text)


def _to_pattern(english: str) -> str:
    """Return the regular expression of a sentence with fields."""
    pattern, known = "", set()
    for words, name, spec, _ in Formatter().parse(english):
        pattern += re.escape(words)
        if name is not None:
            kind = _NUMBER if spec == "n" else ".+?"
            pattern += f"(?P={name})" if name in known else f"(?P<{name}>{kind})"
            known.add(name)
    return pattern
