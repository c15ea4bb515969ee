"""What a set of images is, in one string: equal strings mean equal images and targets."""

import hashlib

import pandas as pd

_COLUMNS = ["path", "target", "sha256"]


def fingerprint_rows(manifest: pd.DataFrame) -> str:
    """Return the SHA-256, in hexadecimal, of path, target and content hash of every row.

    The order of the rows counts: it decides which image a training epoch shows when.

    Args:
        manifest: At least the columns ``path``, ``target`` (0, 1 or missing) and ``sha256``.
    """
    rows = manifest[_COLUMNS].astype("string").fillna("")
    digest = hashlib.sha256(f"{len(rows)}\n".encode())
    for row in rows.itertuples(index=False, name=None):
        digest.update("\x1f".join(row).encode() + b"\n")
    return digest.hexdigest()


def fingerprint_sets(**manifests: pd.DataFrame) -> str:
    """Return one SHA-256 of several sets, whatever the order of their rows.

    Args:
        manifests: Each under the name of its part, such as ``train`` and ``val``: the same images
            split differently have another fingerprint.
    """
    digest = hashlib.sha256()
    for name in sorted(manifests):
        rows = manifests[name].sort_values(_COLUMNS, kind="stable")
        digest.update(f"{name}={fingerprint_rows(rows)}\n".encode())
    return digest.hexdigest()
