"""What validation during training measures, by scikit-learn: whole score vectors, checked first."""

from sklearn import metrics as sklearn_metrics

from face_forgery.evaluation.metrics.weighted import (
    Scores,
    Targets,
    check_probabilities,
    check_scores,
)


def auc(scores: Scores, targets: Targets) -> float:
    """Area under the ROC curve; raises as `check_scores`."""
    scores, targets = check_scores(scores, targets)
    return float(sklearn_metrics.roc_auc_score(targets, scores))


def accuracy(scores: Scores, targets: Targets) -> float:
    """Proportion of images on the right side of 0.5; raises as `check_probabilities`."""
    scores, targets = check_probabilities(scores, targets)
    return float(sklearn_metrics.accuracy_score(targets, scores >= 0.5))


def log_loss(scores: Scores, targets: Targets) -> float:
    """Mean negative log-likelihood in nats; raises as `check_probabilities`."""
    scores, targets = check_probabilities(scores, targets)
    return float(sklearn_metrics.log_loss(targets, scores))
