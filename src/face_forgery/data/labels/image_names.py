"""Names of images as label files spell them: which are refused, and the paths they stand for."""

import posixpath
from collections.abc import Callable, Sequence

import pandas as pd

from face_forgery.data.labels.manifest import ManifestError, show_examples

# What steers a terminal, breaks a line or turns the reading direction, by which a name passes for
# another one: ranges of a character class.
UNSEEN = r"\x00-\x1f\x7f-\x9f" "\u2028-\u202e\u2066-\u2069"
# A byte-order mark within a file is one, too: files put behind one another.
CONTROL_CHARACTERS = f"[{UNSEEN}\ufeff]"

# Checked in this order; RE2 syntax.
_REFUSED = {
    r"^$": ("have an empty name", "name the image or delete the row"),
    CONTROL_CHARACTERS: ("hold control characters", "is the file damaged, or UTF-16?"),
    r"^(?:/|[A-Za-z]:[\\/]|\\)": (
        "are absolute paths",
        "names are relative to the image folder",
    ),
    r"\\": ("hold a backslash", "separate folders with forward slashes (/)"),
    r"(?:^|/)\.\.(?:/|$)": ("lead out of the image folder", "remove '..' from the names"),
}
_NOT_NORMAL = r"(?:^|/)\.(?:/|$)|//|/$"

Locate = Callable[[Sequence[int]], list[str]]


def check_names(names: pd.Series, *, where: str, locate: Locate) -> None:
    """Refuse names that are no relative path below the image folder.

    Args:
        names: ``(N,)`` strings, without white space around them.
        where: The label file or folder, for messages.
        locate: Row positions (from 0) to places a user can find, such as ``line 7``.

    Raises:
        ManifestError: On the first broken rule, with the count and up to three rows.
    """
    for pattern, (fault, remedy) in _REFUSED.items():
        refused = names.str.contains(pattern, regex=True)
        if refused.any():
            raise ManifestError(
                f"{where}: {refused.sum():,} of {len(names):,} image names {fault}: "
                f"{_show(names, refused, locate)}; {remedy}"
            )


def image_paths(names: pd.Series, *, folder: str, where: str, locate: Locate) -> pd.Series:
    """Return where the images lie relative to the data root, with forward slashes.

    ``./a.jpg`` and ``a.jpg`` are the same path.

    Args:
        names: ``(N,)``, as `check_names` passes them.
        folder: The image folder, relative to the data root; ``.`` is the root itself.
        where: The label file or folder, for messages.
        locate: As for `check_names`.

    Raises:
        ManifestError: If two names stand for one path, with the count and up to three rows.
    """
    normal = names
    odd = names.str.contains(_NOT_NORMAL, regex=True)
    if odd.any():
        normal = names.where(~odd, names[odd].map(posixpath.normpath))
    repeated = normal.duplicated(keep=False)
    if repeated.any():
        raise ManifestError(
            f"{where}: {normal[repeated].nunique():,} image(s) are listed more than once: "
            f"{_show(names, repeated, locate)}; keep one row an image"
        )
    prefix = posixpath.normpath(folder.replace("\\", "/"))
    return normal if prefix == "." else prefix.rstrip("/") + "/" + normal


def _show(names: pd.Series, chosen: pd.Series, locate: Locate) -> str:
    rows = chosen.to_numpy().nonzero()[0][:4]
    named = zip(locate(rows.tolist()), names.iloc[rows], strict=True)
    return show_examples(f"{place}: {name!r}" for place, name in named)
