"""Labels and facts to the manifest: what is left out, how much of it, and contradictions."""

import pandas as pd

from face_forgery.data.images.inspection import OK
from face_forgery.data.labels.manifest import (
    FACT_COLUMNS,
    KEY,
    MANIFEST_COLUMNS,
    ManifestError,
    check_manifest,
    show_examples,
    show_rows,
)


def assemble_manifest(table: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Join labels and facts of the images that can be used.

    Args:
        table: The columns of ``LABEL_COLUMNS``.
        facts: The columns of ``IMAGE_FACT_COLUMNS``, one row for each row of ``table``.

    Returns:
        The columns of ``MANIFEST_COLUMNS``, in the order of ``table``.

    Raises:
        ManifestError: If one content has two targets, or the two inputs do not belong together.
    """
    if len(facts) != len(table):
        raise ManifestError(
            f"label_table has {len(table):,} rows and image_facts {len(facts):,}: they come from "
            "different runs; run the pipeline ingestion again"
        )
    usable = facts.loc[facts["status"] == OK, [*KEY, *FACT_COLUMNS]]
    manifest = table.merge(usable, on=KEY, how="inner", validate="one_to_one")
    manifest = manifest[list(MANIFEST_COLUMNS)].astype(MANIFEST_COLUMNS)
    check_contradictions(manifest)
    return check_manifest(manifest)


def check_rejected(
    table: pd.DataFrame, rejected: pd.DataFrame, *, max_rejected: float, listed_in: str
) -> None:
    """Refuse to go on without too many of the labelled images.

    Args:
        table: The columns of ``LABEL_COLUMNS``.
        rejected: The columns of ``REJECTED_COLUMNS``. Unlabelled ones do not count.
        max_rejected: Largest share of ``train``, and of ``val``, that may be left out, 0 to 1.
        listed_in: Where the user finds all of ``rejected``.

    Raises:
        ManifestError: If more are rejected, or if nothing is left; with up to three examples.
    """
    for subset in ("train", "val"):
        num_rows = int((table["subset"] == subset).sum())
        bad = rejected[rejected["subset"] == subset]
        if not len(bad):
            continue
        share = len(bad) / num_rows
        if share > max_rejected or len(bad) == num_rows:
            by_status = ", ".join(f"{n:,} {s}" for s, n in bad["status"].value_counts().items())
            raise ManifestError(
                f"{len(bad):,} of {num_rows:,} {subset} images ({share:.2%}) cannot be used "
                f"({by_status}); at most {max_rejected:.2%} may be left out: {_reasons(bad)}. All "
                f"are listed in {listed_in}. Repair or delete them, or raise "
                "ingestion.max_rejected."
            )


def check_contradictions(manifest: pd.DataFrame) -> None:
    """Refuse labels that call the same bytes real in one row and forged in another.

    Args:
        manifest: The columns of ``MANIFEST_COLUMNS``.

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


def _reasons(bad: pd.DataFrame) -> str:
    rows = zip(bad["img_name"], bad["detail"], strict=True)
    return show_examples(f"{name} ({detail})" for name, detail in rows)
