"""What sections of the report are made of: pieces of HTML in which every value is escaped."""

import base64
from collections.abc import Iterable, Sequence

from markupsafe import Markup

_CELL_CLASSES = {"h": "name", "n": "n", "t": "", "f": "file", "k": "key"}


def text(words: str, css_class: str = "") -> Markup:
    """A paragraph.

    Args:
        words: Text; markup only if it is `Markup`.
        css_class: ``note`` for a warning, ``small`` for an explanation.
    """
    return Markup("<p{}>{}</p>").format(_class(css_class), words)


def heading(words: str) -> Markup:
    """A heading below that of the section."""
    return Markup("<h3>{}</h3>").format(words)


def command(words: str, line: str) -> Markup:
    """A paragraph that ends with a command to type."""
    return Markup("<p>{} <code>{}</code></p>").format(words, line)


def code(value: object) -> Markup:
    """A value as it is written in files."""
    return Markup("<code>{}</code>").format(value)


def user_text(words: str) -> Markup:
    """A name that users chose: it may be written from right to left."""
    return Markup("<bdi>{}</bdi>").format(words)


def lines(*parts: str | None) -> Markup:
    """Parts of a cell below each other; ``None`` is left out."""
    return Markup("<br>").join(part for part in parts if part is not None)


def span(words: str | None, css_class: str) -> Markup | None:
    """Words in a class of their own; ``None`` stays ``None``."""
    return None if words is None else Markup('<span class="{}">{}</span>').format(css_class, words)


def figure(png: bytes, caption: str) -> Markup:
    """A figure inside the page, with its caption.

    Args:
        png: The encoded file.
        caption: What it shows, also for those who cannot see it.
    """
    return Markup(
        '<figure>\n<img alt="{}" src="data:image/png;base64,{}">\n'
        "<figcaption>{}</figcaption>\n</figure>"
    ).format(caption, base64.b64encode(png).decode(), caption)


def table(kinds: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    """A table.

    Args:
        kinds: A letter a column: ``h`` names the row, ``n`` is a number, ``t`` text, ``f`` a file,
            ``k`` a key.
        header: Words above the columns; empty: no header.
        rows: Cells, as many as there are columns.
    """
    heads = [
        Markup("<th{}>{}</th>").format(_class("n" if kind == "n" else ""), words)
        for kind, words in zip(kinds, header, strict=bool(header))
    ]
    head = Markup("<thead><tr>{}</tr></thead>\n").format(Markup().join(heads)) if heads else ""
    body = [
        Markup("<tr>{}</tr>\n").format(
            Markup().join(
                Markup("<td{}>{}</td>").format(_class(_CELL_CLASSES[kind]), cell)
                for kind, cell in zip(kinds, row, strict=True)
            )
        )
        for row in rows
    ]
    return Markup('<div class="wide">\n<table>\n{}<tbody>\n{}</tbody>\n</table>\n</div>').format(
        head, Markup().join(body)
    )


def _class(name: str) -> Markup:
    return Markup(' class="{}"').format(name) if name else Markup()
