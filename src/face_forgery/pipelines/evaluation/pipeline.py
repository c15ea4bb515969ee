"""Detector + val_manifest -> scores, metrics, figures."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Judge ``trained_detector`` on the validation images and certify it as ``detector``."""
    return Pipeline(
        [
            make_node(nodes.take_own_validation, "own_validation"),
            make_node(nodes.choose_precision, "scored_detector"),
            make_node(nodes.score_validation, "val_margins"),
            make_node(nodes.score_in_float32, "float32_margins"),
            make_node(nodes.calibrate, "calibration"),
            make_node(nodes.apply_temperature, "val_scores"),
            make_node(nodes.evaluate_scores, ["metrics", "roc_curve"]),
            make_node(nodes.evaluate_videos, "video_metrics"),
            make_node(nodes.break_down_scores, "breakdown"),
            make_node(nodes.measure_holdout, "holdout_results"),
            make_node(nodes.choose_operating_points, "operating_points"),
            make_node(nodes.learn_familiarity, ["familiarity", "appearance", "seen_images"]),
            make_node(nodes.measure_precision, "precision_cost"),
            make_node(nodes.certify_detector, "detector"),
            make_node(nodes.find_mistakes, "mistakes"),
            make_node(nodes.plot_roc, "roc_figure"),
            make_node(nodes.plot_scores, "score_figure"),
            make_node(nodes.plot_confusion, "confusion_figure"),
            make_node(nodes.plot_calibration, "calibration_figure"),
            make_node(nodes.plot_mistakes, "mistakes_figure"),
        ]
    )
