"""What several folders of tests about forgeries need."""

import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict


@pytest.fixture(scope="session")
def auc_of_statistics():
    """AUC of gradient boosting on numbers about whole images, cross-validated by group."""

    def measure(numbers, targets, groups):
        scores = cross_val_predict(
            HistGradientBoostingClassifier(random_state=0),
            pd.DataFrame(numbers),
            targets,
            groups=groups,
            cv=GroupKFold(5),
            method="predict_proba",
        )
        return roc_auc_score(targets, scores[:, 1])

    return measure
