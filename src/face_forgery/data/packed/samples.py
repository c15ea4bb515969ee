"""A sample of a packed set: an image's bytes and what stands beside them."""

from collections.abc import Mapping
from typing import NamedTuple

LABELS = ("target", "label", "labels")  # columns of labels, by their usual names


class PackedError(ValueError):
    """A packed set that cannot be unpacked; the message names the shard and the remedy."""


class Sample(NamedTuple):
    """One image as a shard holds it, or why there is none."""

    name: str  # of the file to write, relative and with forward slashes; not yet checked
    image: bytes = b""
    columns: Mapping[str, str] = {}  # texts; empty where nobody labelled it
    fault: str = ""  # why it is left out

    @property
    def is_labelled(self) -> bool:
        """Whether any column, and that of the labels if there is one, says anything."""
        labels = [self.columns[name] for name in LABELS if name in self.columns]
        return bool(labels[0] if labels else any(self.columns.values()))


def choose_image(where: str, candidates: list[str], there: list[str], wanted: str | None) -> str:
    """Return which of the fields of a sample or a table is the image.

    Raises:
        PackedError: None is, or several may be.
    """
    shown = ", ".join(name[:40] for name in there[:10]) or "none"
    if wanted is not None:
        if wanted not in there:
            raise PackedError(f"{where}: no {wanted}; there are: {shown} (--image)")
        return wanted
    if len(candidates) > 1:
        raise PackedError(
            f"{where}: several may be the image: {', '.join(candidates[:10])}; say which: "
            f"--image {candidates[0]}"
        )
    if not candidates:
        raise PackedError(f"{where}: nothing in it is an image; there are: {shown} (--image)")
    return candidates[0]
