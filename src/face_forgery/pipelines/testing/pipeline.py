"""A frozen detector + labelled sets -> how good it is there, and whether its promise held."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Test ``detector`` on each of ``testing.sets`` and a labelled test set; nothing is fitted.

    What measures has no image and no target of training or validation among its inputs.
    """
    return Pipeline(
        [
            make_node(nodes.read_testing_labels, "testing_labels"),
            make_node(nodes.inspect_testing_images, "testing_facts"),
            make_node(nodes.leave_out_seen_images, ["testing_manifest", "testing_overlaps"]),
            make_node(nodes.score_testing_images, "testing_scores"),
            make_node(nodes.list_testing_rejected, "testing_rejected"),
            make_node(nodes.judge_sets, "testing"),
            make_node(nodes.tabulate_testing, "testing_table"),
            make_node(nodes.plot_testing, "testing_figure"),
            make_node(nodes.end_testing, "testing_ending"),
        ]
    )
