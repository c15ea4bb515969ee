"""A subset looks like the whole."""

import pandas as pd

from face_forgery.data.splits.subset import choose_subset


def table(**counts):
    rows = [
        {"target": int(kind != "real"), "kind": kind, "source": "s", "path": f"{kind}{n}"}
        for kind, number in counts.items()
        for n in range(number)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_a_subset_keeps_the_shares_of_kinds():
    whole = table(real=500, swap=300, drawn=200)
    subset = choose_subset(whole, 100, seed=0)
    assert subset["kind"].value_counts().to_dict() == {"real": 50, "swap": 30, "drawn": 20}
    assert subset.index.is_unique
    assert (subset.index == whole.index[whole.index.isin(subset.index)]).all()


def test_a_subset_follows_from_the_seed():
    whole = table(real=50, swap=50)
    draws = [set(choose_subset(whole, 20, seed=seed)["path"]) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_a_rare_class_is_in_every_subset():
    assert (choose_subset(table(real=500, swap=1), 2, seed=0)["target"] == 1).sum() == 1


def test_few_images_are_all_taken():
    whole = table(real=3, swap=2)
    assert choose_subset(whole, 5, seed=0) is whole
