"""Detector + val_manifest -> scores, metrics, figures."""

from kedro.pipeline import Node, Pipeline

from . import nodes


def create_pipeline() -> Pipeline:
    """Judge ``trained_detector`` on the validation images and certify it as ``detector``."""
    return (
        Pipeline(
            [
                Node(
                    nodes.take_own_validation,
                    inputs=["trained_detector", "train_manifest", "val_manifest"],
                    outputs="own_validation",
                    name="take_own_validation",
                ),
                Node(
                    nodes.score_validation,
                    inputs=[
                        "trained_detector",
                        "own_validation",
                        "params:data",
                        "params:scoring",
                        "params:evaluation",
                    ],
                    outputs="val_margins",
                    name="score_validation",
                ),
                Node(
                    nodes.calibrate,
                    inputs=["val_margins", "params:evaluation"],
                    outputs="calibration",
                    name="calibrate",
                ),
                Node(
                    nodes.apply_temperature,
                    inputs=["val_margins", "calibration"],
                    outputs="val_scores",
                    name="apply_temperature",
                ),
                Node(
                    nodes.evaluate_scores,
                    inputs=["val_scores", "params:evaluation"],
                    outputs=["metrics", "roc_curve"],
                    name="evaluate_scores",
                ),
                Node(
                    nodes.break_down_scores,
                    inputs=["val_scores", "params:evaluation"],
                    outputs="breakdown",
                    name="break_down_scores",
                ),
                Node(
                    nodes.measure_holdout,
                    inputs=["val_scores", "val_holdout", "trained_detector", "params:evaluation"],
                    outputs="holdout_results",
                    name="measure_holdout",
                ),
                Node(
                    nodes.choose_operating_points,
                    inputs=["val_scores", "params:evaluation"],
                    outputs="operating_points",
                    name="choose_operating_points",
                ),
                Node(
                    nodes.certify_detector,
                    inputs=[
                        "trained_detector",
                        "calibration",
                        "metrics",
                        "operating_points",
                        "params:scoring",
                    ],
                    outputs="detector",
                    name="certify_detector",
                ),
            ]
        )
        + _create_figures()
    )


def _create_figures() -> Pipeline:
    return Pipeline(
        [
            Node(
                nodes.find_mistakes,
                inputs=["val_scores", "operating_points"],
                outputs="mistakes",
                name="find_mistakes",
            ),
            Node(
                nodes.plot_roc,
                inputs=["roc_curve", "metrics", "operating_points"],
                outputs="roc_figure",
                name="plot_roc",
            ),
            Node(
                nodes.plot_scores,
                inputs=["val_scores", "operating_points"],
                outputs="score_figure",
                name="plot_scores",
            ),
            Node(
                nodes.plot_confusion,
                inputs=["val_scores", "operating_points"],
                outputs="confusion_figure",
                name="plot_confusion",
            ),
            Node(
                nodes.plot_calibration,
                inputs="calibration",
                outputs="calibration_figure",
                name="plot_calibration",
            ),
            Node(
                nodes.plot_mistakes,
                inputs=["mistakes", "params:data"],
                outputs="mistakes_figure",
                name="plot_mistakes",
            ),
        ]
    )
