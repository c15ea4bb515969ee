"""A part of a table that looks like the whole."""

import numpy as np
import pandas as pd


def choose_subset(table: pd.DataFrame, num_images: int, *, seed: int) -> pd.DataFrame:
    """Draw at most ``num_images`` rows such that each class, kind and source keeps its share.

    Args:
        table: Columns ``target``, ``kind``, ``source``.
        num_images: At least 2. At least one row of each class is drawn.
        seed: Any number from 0.

    Returns:
        The rows drawn, in their order.
    """
    if len(table) <= num_images:
        return table
    luck = pd.Series(np.random.default_rng(seed).random(len(table)), index=table.index)
    strata = luck.groupby([table["target"], table["kind"], table["source"]], dropna=False)
    # The n-th of a stratum of size s stands at (n - 1/2) / s: the first ones of all strata are
    # drawn at the pace of their sizes.
    place = (strata.rank(method="first") - 0.5) / strata.transform("size")
    first_of_class = luck.groupby(table["target"]).rank(method="first") == 1
    order = pd.DataFrame({"late": ~first_of_class, "place": place, "luck": luck})
    drawn = order.sort_values(["late", "place", "luck"]).index[:num_images]
    return table.loc[table.index.isin(drawn)]
