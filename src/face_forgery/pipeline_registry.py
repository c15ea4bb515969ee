"""The pipelines by name: the table of contents of the project."""

from functools import cache
from importlib import import_module

from kedro.pipeline import Pipeline

_MAIN_JOB = (
    "ingestion",
    "splitting",
    "audit",
    "training",
    "evaluation",
    "robustness",
    "submission",
    "testing",
)
_BY_NAME_ONLY = (
    *("adopt", "ensemble", "comparison", "cross_validation", "demo_data", "forging"),
    *("sampling", "inference", "explanation", "video", "export"),
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline; ``__default__`` is the main job, from label files to a submission.

    The name of a pipeline is the namespace and the tag of its nodes: Kedro-Viz draws a box for
    each, and ``kedro run --tags training`` runs one. Datasets and parameters keep their names.
    Pipelines that measure a detector end by writing the report again.
    """
    report = _create("report")
    main_job = {name: _create(name) for name in _MAIN_JOB}
    for name in ("evaluation", "robustness"):
        main_job[name] += report
    return {
        "__default__": sum(main_job.values(), Pipeline([])),
        **main_job,
        "report": report,
        **{name: _create(name) for name in _BY_NAME_ONLY},
    }


@cache  # Kedro asks once to look names up, and again for the pipelines of a run
def _create(name: str) -> Pipeline:
    nodes = import_module(f"face_forgery.pipelines.{name}").create_pipeline()
    return Pipeline(nodes, namespace=name, tags=name, prefix_datasets_with_namespace=False)
