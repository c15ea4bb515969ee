"""Can the label be predicted without looking at the face?

A probe is a model that sees only some numbers of an image: facts of its file, or statistics of all
its pixels. If it tells forgeries from real images, a detector trained on the set may have learned
the same, and will fail where that shortcut is closed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from face_forgery.data.images.decoding import ImageError, read_rgb
from face_forgery.data.images.parallel import map_in_order
from face_forgery.evaluation.audits.image_statistics import global_statistics
from face_forgery.evaluation.metrics.bootstrap import UNMEASURED, Bootstrap, measure_auc
from face_forgery.evaluation.metrics.weighted import Floats, Targets

Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]

FILE_FACTS = {
    "file format": ("format",),
    "file size": ("num_bytes",),
    "dimensions": ("width", "height", "aspect"),
    "JPEG quality": ("jpeg_quality",),
}
ALL_FACTS, STATISTICS = "all facts of the file", "statistics of all pixels"
LEAST_IMAGES = 50  # of each class, in a source that is probed on its own
_NUM_NAMED = 3
_NUM_TREES = 200
_LEAF = 20  # fewest images of a leaf
_MANY = 10  # features, from which on trees find what boosting does not


def measure_statistics(paths: Sequence[Path], *, num_workers: int) -> pd.DataFrame:
    """Return `global_statistics` of each image, a row an image, in order, by so many threads.

    Raises:
        ImageError: If an image cannot be read, or is smaller than 3 x 3 pixels; names it.
    """

    def measure(path: Path) -> dict[str, float]:
        try:
            return global_statistics(read_rgb(path), path.stat().st_size)
        except ValueError as error:
            raise ImageError(f"{path}: {error}") from error

    return pd.DataFrame(
        map_in_order(measure, paths, num_workers=num_workers, description="measuring statistics")
    )


def probe_shortcuts(
    facts: pd.DataFrame,
    statistics: pd.DataFrame,
    *,
    limit: float,
    num_folds: int,
    bootstrap: Bootstrap,
) -> list[dict[str, Any]]:
    """Try every probe on all images, and on each source that has enough of both classes.

    A probe is gradient boosting, for the statistics averaged with extremely randomized trees, which
    do better with many features (both scikit-learn's); its AUC is that of cross-validated
    predictions, whole groups together.

    ``facts`` are rows of a manifest, ``statistics``, ``(N, 30)``, those of `measure_statistics`. A
    probe is warned about above an AUC of ``limit``, unless its interval reaches down to 0.5. There
    are fewer than ``num_folds`` where a class has fewer groups; they and the models have the seed
    of ``bootstrap``.

    Returns:
        A row a probe: ``probe``, ``source`` (``None``: all), ``num_real``, ``num_fake``, ``auc``
        (``{"value", "low", "high"}``, ``None`` values where there is nothing to measure),
        ``strongest`` (up to three features by their own AUC), ``is_warning``, ``note``.
    """
    features = _collect_features(facts, statistics)
    targets = facts["target"].to_numpy(dtype=np.int64)
    file_facts = [column for columns in FILE_FACTS.values() for column in columns]
    probes = {name: list(columns) for name, columns in FILE_FACTS.items()} | {
        ALL_FACTS: file_facts,
        STATISTICS: [f"statistic {name}" for name in statistics.columns],
    }
    rows = []
    for source, part in _list_parts(facts["source"], targets):
        groups = pd.factorize(facts["group"][part])[0]
        folds = _split(targets[part], groups, num_folds=num_folds, seed=bootstrap.seed)
        for probe, columns in probes.items():
            row = _probe(features.loc[part, columns], targets[part], groups, folds, bootstrap)
            value, low = row["auc"]["value"], row["auc"]["low"]
            is_warning = value is not None and value > limit and low > 0.5
            rows.append({"probe": probe, "source": source, **row, "is_warning": is_warning})
    return rows


def _list_parts(sources: pd.Series, targets: Targets) -> list[tuple[str | None, NDArray[np.bool_]]]:
    """All images, and where there are several sources those of each that has enough of both."""
    parts: list[tuple[str | None, NDArray[np.bool_]]] = [(None, np.full(len(targets), True))]
    names = sorted(sources.dropna().unique())
    for name in names if len(names) > 1 else []:
        part = (sources == name).to_numpy(dtype=bool)
        if np.bincount(targets[part], minlength=2).min() >= LEAST_IMAGES:
            parts.append((str(name), part))
    return parts


def _collect_features(facts: pd.DataFrame, statistics: pd.DataFrame) -> pd.DataFrame:
    numbers = pd.DataFrame({"format": pd.factorize(facts["format"], sort=True)[0]})
    for name in ("num_bytes", "width", "height", "jpeg_quality"):
        numbers[name] = facts[name].to_numpy(dtype=np.float64, na_value=np.nan)
    numbers["aspect"] = numbers["width"] / numbers["height"]
    return pd.concat([numbers, statistics.add_prefix("statistic ").reset_index(drop=True)], axis=1)


def _probe(
    features: pd.DataFrame,
    targets: Targets,
    groups: NDArray[np.int64],
    folds: Folds,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    num_fake = int(targets.sum())
    row: dict[str, Any] = {"num_real": len(targets) - num_fake, "num_fake": num_fake}
    row |= {"auc": UNMEASURED, "strongest": [], "note": None}
    if not folds:
        return row | {"note": "fewer than two groups of a class: nothing to validate on"}
    varying = features.columns[features.nunique(dropna=False) > 1]
    if not len(varying):
        return row | {"note": "the same in every image"}
    values = features[varying].to_numpy(dtype=np.float64)
    scores = _predict_out_of_fold(values, targets, folds, seed=bootstrap.seed)
    return row | {
        "auc": measure_auc(scores, targets, groups, bootstrap),
        "strongest": _name_strongest(features[varying], targets),
    }


def _split(targets: Targets, groups: NDArray[np.int64], *, num_folds: int, seed: int) -> Folds:
    """Return rows to fit and rows to check; no fold where a class has fewer than two groups."""
    groups_of = [len(np.unique(groups[targets == target])) for target in (0, 1)]
    if min(groups_of) < 2:
        return []
    folds = StratifiedGroupKFold(min(num_folds, *groups_of), shuffle=True, random_state=seed)
    return list(folds.split(targets, targets, groups))


def _predict_out_of_fold(values: Floats, targets: Targets, folds: Folds, *, seed: int) -> Floats:
    scores = np.zeros(len(targets))
    for fit, check in folds:
        if len(np.unique(targets[fit])) < 2:
            scores[check] = targets.mean()  # one class to learn from: nothing to predict
            continue
        boosting = HistGradientBoostingClassifier(
            max_iter=150,
            learning_rate=0.05,
            max_leaf_nodes=8,
            min_samples_leaf=_LEAF,
            early_stopping=False,
            random_state=seed,
        )
        trees = make_pipeline(
            SimpleImputer(strategy="constant", fill_value=-1.0),
            ExtraTreesClassifier(_NUM_TREES, n_jobs=-1, random_state=seed),
        )
        models = (boosting, trees) if values.shape[1] >= _MANY else (boosting,)
        for model in models:
            with threadpool_limits(1):  # on so little, threads that share cores cost more
                model.fit(values[fit], targets[fit])
                if model is trees:  # threads add votes up in the order in which they are done
                    trees[-1].set_params(n_jobs=1)
                scores[check] += model.predict_proba(values[check])[:, 1] / len(models)
    return scores


def _name_strongest(features: pd.DataFrame, targets: Targets) -> list[str]:
    """Names of the features that tell most on their own, by the distance of their AUC from 0.5."""
    distance = {
        name: abs(roc_auc_score(targets, column.fillna(column.min() - 1)) - 0.5)
        for name, column in features.items()
    }
    strongest = sorted(distance, key=lambda name: -distance[name])[:_NUM_NAMED]
    return [str(name).removeprefix("statistic ") for name in strongest]
