"""The manifest, one row an image: how it is put together, its rules, and its fingerprints."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from itertools import islice

import pandas as pd

logger = logging.getLogger(__name__)

REAL, FAKE = 0, 1
SUBSETS = ("train", "val", "test")
UNKNOWN = "unknown"
DRAWN = "drawn"  # source of images that the pipeline demo_data has drawn

LABEL_COLUMNS = {
    "subset": "string",  # train, val or test: the label file the row stood in
    "row": "int64",  # position in that label file, from 0
    "img_name": "string",  # as the label file spells it
    "path": "string",  # relative to the data root, with forward slashes
    "target": "Int8",  # 0 = real, 1 = fake; missing for an unlabelled test image
    "group": "string",  # images that must stay on one side of a split share it
    "kind": "string",  # how the image was forged; "unknown" where nobody said
    "source": "string",  # the data set it came from; "unknown" where nobody said
    "video": "string",  # the video file or folder of frames it came from; missing: nobody said
    "frame": "Int64",  # its position or number within the video; missing where unknown
}
FACT_COLUMNS = {
    "width": "Int64",  # pixels, upright (after EXIF rotation)
    "height": "Int64",
    "format": "string",  # as Pillow names it: JPEG, PNG, WEBP, ...
    "num_bytes": "Int64",
    "jpeg_quality": "Int64",  # 1 to 100, from the quantization table; missing for other formats
    "sha256": "string",  # of the file
}
MANIFEST_COLUMNS = LABEL_COLUMNS | FACT_COLUMNS
KEY = ["subset", "row"]
OK = "ok"  # status of an image that can be used
NO_FACE = ("no_face", "too_small", "too_blurry")  # of one that a face detector finds no face in

# What steers a terminal, breaks a line or turns the reading direction, by which a name passes for
# another one: ranges of a character class.
UNSEEN = r"\x00-\x1f\x7f-\x9f" "\u2028-\u202e\u2066-\u2069"
# A byte-order mark within a file is one, too: files put behind one another.
CONTROL_CHARACTERS = f"[{UNSEEN}\ufeff]"

_EXAMPLES_SHOWN = 3
_SHOWN_CHARACTERS = 200
_COLUMNS_SHOWN = 10
_REJECTED = "data/08_reporting/rejected.csv"
ROWS_AT_ONCE = 65_536  # of a manifest, where Python's own texts are made of it
_FINGERPRINTED = ["path", "target", "sha256"]


class ManifestError(ValueError):
    """Labels or images that cannot become a manifest; the message names the rows and the fix."""


def cut(text: str, most: int = 60) -> str:
    """Return so many characters of ``text`` at most."""
    return text if len(text) <= most else text[: most - 3] + "..."


def shorten(text: str, most: int = _SHOWN_CHARACTERS) -> str:
    r"""Return a stranger's text for a message: of one printable line, cut.

    Example:
        >>> shorten("a\x1b" + "b" * 99, 8)
        'a\\x1b...'
    """
    shown = text[: most + 1]
    return cut(shown if shown.isprintable() else repr(shown)[1:-1], most)


def show_columns(names: Sequence[str]) -> str:
    """Return the first ten names of a header, shortened, as a list."""
    shown = [cut(name) for name in names[:_COLUMNS_SHOWN]]
    return f"{shown}" + f" and {len(names) - len(shown):,} more" * (len(names) > len(shown))


def show_examples(examples: Iterable[object]) -> str:
    """Join up to three examples, shortened, for a message; a fourth is hinted at.

    Example:
        >>> show_examples(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
        'a.jpg, b.jpg, c.jpg, ...'
    """
    shown = [shorten(str(example)) for example in islice(iter(examples), _EXAMPLES_SHOWN + 1)]
    if len(shown) > _EXAMPLES_SHOWN:
        shown[_EXAMPLES_SHOWN] = "..."
    return ", ".join(shown)


def look_up(
    rows: pd.DataFrame, table: pd.DataFrame, column: str, *, what: str, remedy: str
) -> pd.DataFrame:
    """Return the row of ``table`` that belongs to each of ``rows``, by ``KEY``.

    Raises:
        ManifestError: If there is none, or none with a value in ``column``.
    """
    found = rows[KEY].merge(table, on=KEY, how="left", validate="one_to_one")
    absent = found[column].isna().to_numpy()
    if absent.any():
        raise ManifestError(
            f"{absent.sum():,} of {len(rows):,} images have no {what}: {show_rows(rows[absent])}; "
            f"{remedy}"
        )
    return found


def assemble_manifest(table: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Return ``MANIFEST_COLUMNS`` of the images that can be used, in the order of ``table``.

    Further columns of ``table`` stand behind them.

    Raises:
        ManifestError: If one content has two targets, or the two inputs do not belong together.
    """
    check_columns(table, "label_table")
    if len(facts) != len(table):
        raise ManifestError(
            f"label_table has {len(table):,} rows and image_facts {len(facts):,}: they come from "
            "different runs; run the pipeline ingestion again"
        )
    usable = facts.loc[facts["status"] == OK, [*KEY, *FACT_COLUMNS]]
    manifest = table.merge(usable, on=KEY, how="inner", validate="one_to_one")
    further = [name for name in table.columns if name not in LABEL_COLUMNS]
    manifest = manifest[[*MANIFEST_COLUMNS, *further]].astype(MANIFEST_COLUMNS)
    check_contradictions(manifest)
    return manifest


def check_columns(table: pd.DataFrame, name: str) -> None:
    """Refuse a table of an earlier release, which lacks columns.

    Raises:
        ManifestError: Naming them.
    """
    if missing := [column for column in LABEL_COLUMNS if column not in table.columns]:
        raise ManifestError(
            f"{name} has no column {' and none '.join(missing)}: an earlier release has made it; "
            "run the pipeline ingestion again"
        )


def check_rejected(table: pd.DataFrame, rejected: pd.DataFrame, *, max_rejected: float) -> None:
    """Refuse to go on without too many images of ``train``, or of ``val``, or without all.

    Of the rows of ``table``, so many as the proportion ``max_rejected`` may be damaged or missing,
    and half without a face that can be judged.

    Raises:
        ManifestError: With the number of each status and up to three images of ``rejected``.
    """
    for subset in ("train", "val"):
        num_rows = int((table["subset"] == subset).sum())
        bad = rejected[rejected["subset"] == subset]
        has_no_face = bad["status"].isin(NO_FACE)
        damaged, faceless = bad[~has_no_face], bad[has_no_face]
        if num_rows and (len(damaged) > max_rejected * num_rows or len(damaged) == num_rows):
            raise ManifestError(
                f"{len(damaged):,} of {num_rows:,} {subset} images ({len(damaged) / num_rows:.2%}) "
                f"cannot be used ({show_statuses(damaged)}); at most {max_rejected:.2%} may be "
                f"left out: {_reasons(damaged)}. All are listed in {_REJECTED}. {_remedy(damaged)}"
            )
        if faceless.empty:
            continue
        said = (
            f"{len(faceless):,} of {num_rows:,} {subset} images ({len(faceless) / num_rows:.2%}) "
            f"have no face that can be judged ({show_statuses(faceless)}): {_reasons(faceless)}. "
            f"All are listed in {_REJECTED}"
        )
        if len(faceless) > num_rows / 2:
            raise ManifestError(
                f"{said}. Are the images cut to their faces already? Then faces.detector=null "
                "takes them whole; else see faces.min_confidence, min_size and max_blur"
            )
        logger.warning("%s, and left out", said)


def check_contradictions(manifest: pd.DataFrame) -> None:
    """Refuse labels that call the same bytes real in one row and forged in another.

    Raises:
        ManifestError: With the number of such contents and up to three pairs of rows.
    """
    labelled = manifest[manifest["target"].notna()]
    num_targets = labelled.groupby("sha256")["target"].transform("nunique")
    torn = labelled[num_targets > 1]
    if torn.empty:
        return
    pairs = (
        " and ".join(
            f"{show_rows(rows)} target {target}"
            for target, rows in same.groupby("target").head(1).groupby("target")
        )
        for _, same in torn.groupby("sha256", sort=False)
    )
    raise ManifestError(
        f"the labels contradict themselves: {torn['sha256'].nunique():,} image(s) stand under both "
        f"targets with the same content: {show_examples(pairs)}. Keep one row of each."
    )


def show_rows(rows: pd.DataFrame) -> str:
    """Name up to three rows of a table with ``subset``, ``row`` and ``img_name``."""
    first = rows.head(_EXAMPLES_SHOWN + 1)
    named = zip(first["subset"], first["row"], first["img_name"], strict=True)
    return show_examples(f"{subset} row {row} ({name})" for subset, row, name in named)


def show_statuses(rows: pd.DataFrame) -> str:
    """Count the rows of a table by their ``status``."""
    return ", ".join(f"{n:,} {status}" for status, n in rows["status"].value_counts().items())


def fingerprint_rows(manifest: pd.DataFrame) -> str:
    """Return the SHA-256, in hexadecimal, of path, target and content hash of every row.

    The order of the rows counts: it decides which image a training epoch shows when.
    """
    digest = hashlib.sha256(f"{len(manifest)}\n".encode())
    for start in range(0, len(manifest), ROWS_AT_ONCE):
        rows = manifest[_FINGERPRINTED].iloc[start : start + ROWS_AT_ONCE]
        path, target, sha256 = (column for _, column in rows.astype("string").fillna("").items())
        lines = path + "\x1f" + target + "\x1f" + sha256 + "\n"
        digest.update("".join(lines.tolist()).encode())
    return digest.hexdigest()


def fingerprint_sets(**manifests: pd.DataFrame) -> str:
    """Return one SHA-256 of several sets, ``train`` and ``val``, whatever the order of their rows.

    The same images split differently have another fingerprint.
    """
    digest = hashlib.sha256()
    for name in sorted(manifests):
        rows = manifests[name][_FINGERPRINTED].sort_values(_FINGERPRINTED, kind="stable")
        digest.update(f"{name}={fingerprint_rows(rows)}\n".encode())
    return digest.hexdigest()


def _remedy(bad: pd.DataFrame) -> str:
    if (bad["status"] == "missing").all():
        return (
            f"Correct the names, or data.{bad['subset'].iloc[0]}_images; or raise "
            "ingestion.max_rejected to go on without them."
        )
    return "Repair or delete them, or raise ingestion.max_rejected."


def _reasons(bad: pd.DataFrame) -> str:
    """Name up to three images; the reason goes with the first of each status."""
    first = ~bad["status"].duplicated()
    rows = zip(bad["img_name"], bad["detail"], first, strict=True)
    return show_examples(f"{name} ({why})" if is_first else name for name, why, is_first in rows)
