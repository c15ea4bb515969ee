"""Detector + val_manifest -> scores, metrics, figures."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import step

from . import nodes


def create_pipeline() -> Pipeline:
    """Judge ``trained_detector`` on the validation images and certify it as ``detector``."""
    return Pipeline(
        [
            step(
                nodes.take_own_validation,
                ["trained_detector", "train_manifest", "val_manifest"],
                "own_validation",
            ),
            step(
                nodes.score_validation,
                [
                    "trained_detector",
                    "own_validation",
                    "params:data",
                    "params:scoring",
                    "params:evaluation",
                ],
                "val_margins",
            ),
            step(nodes.calibrate, ["val_margins", "params:evaluation"], "calibration"),
            step(nodes.apply_temperature, ["val_margins", "calibration"], "val_scores"),
            step(
                nodes.evaluate_scores, ["val_scores", "params:evaluation"], ["metrics", "roc_curve"]
            ),
            step(nodes.break_down_scores, ["val_scores", "params:evaluation"], "breakdown"),
            step(
                nodes.measure_holdout,
                ["val_scores", "val_holdout", "trained_detector", "params:evaluation"],
                "holdout_results",
            ),
            step(
                nodes.choose_operating_points,
                ["val_scores", "params:evaluation"],
                "operating_points",
            ),
            step(
                nodes.certify_detector,
                [
                    "trained_detector",
                    "calibration",
                    "metrics",
                    "operating_points",
                    "params:scoring",
                ],
                "detector",
            ),
            step(nodes.find_mistakes, ["val_scores", "operating_points"], "mistakes"),
            step(nodes.plot_roc, ["roc_curve", "metrics", "operating_points"], "roc_figure"),
            step(nodes.plot_scores, ["val_scores", "operating_points"], "score_figure"),
            step(nodes.plot_confusion, ["val_scores", "operating_points"], "confusion_figure"),
            step(nodes.plot_calibration, "calibration", "calibration_figure"),
            step(nodes.plot_mistakes, ["mistakes", "params:data"], "mistakes_figure"),
        ]
    )
