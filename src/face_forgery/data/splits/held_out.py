"""The part of validation that training never sees anything like."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.labels.manifest import REAL

NO_FOLD = ""  # of real pictures, unless folds are sources

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HeldOutFolds:
    """Positions in validation, fold by fold.

    Args:
        rows: Held-out fold -> ``(n,)`` ascending, what its AUC is measured on: its pictures, and
            the real ones that belong to no fold.
        seen: ``(m,)`` ascending: all pictures but those of held-out folds.
    """

    rows: Mapping[str, Rows]
    seen: Rows

    @classmethod
    def of(cls, targets: NDArray[np.int64], val_folds: pd.DataFrame) -> "HeldOutFolds | None":
        """Read the table; ``None`` where no fold is held out.

        Args:
            targets: ``(N,)``, 0 = real, 1 = fake.
            val_folds: ``FOLD_COLUMNS`` in the order of ``targets``.
        """
        folds = val_folds["fold"].to_numpy(dtype=str)
        is_held_out = val_folds["is_held_out"].to_numpy(dtype=bool)
        if not is_held_out.any():
            return None
        is_shared = (folds == NO_FOLD) & (targets == REAL)
        names = np.unique(folds[is_held_out])
        return cls(
            rows={str(name): np.flatnonzero((folds == name) | is_shared) for name in names},
            seen=np.flatnonzero(~is_held_out),
        )

    @property
    def fingerprint(self) -> str:
        """Of names and positions."""
        digest = hashlib.sha256(self.seen.tobytes())
        for name, rows in sorted(self.rows.items()):
            digest.update(f"{name}={len(rows)}\n".encode() + rows.tobytes())
        return digest.hexdigest()
