"""The pipelines by name: the table of contents of the project."""

from types import ModuleType

from kedro.pipeline import Pipeline

from face_forgery.pipelines import (
    audit,
    comparison,
    cross_validation,
    demo_data,
    ensemble,
    evaluation,
    explanation,
    export,
    forging,
    inference,
    ingestion,
    report,
    robustness,
    splitting,
    submission,
    training,
    video,
)

_MAIN_JOB = (
    ingestion,
    splitting,
    audit,
    training,
    evaluation,
    robustness,
    submission,
)
_BY_NAME_ONLY = (
    ensemble,
    comparison,
    cross_validation,
    demo_data,
    forging,
    inference,
    explanation,
    video,
    export,
)
_MEASURE_A_DETECTOR = (evaluation, robustness)


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline; ``__default__`` is the main job, from label files to a submission.

    The name of a pipeline is the namespace and the tag of its nodes: Kedro-Viz draws a box for
    each, and ``kedro run --tags training`` runs one. Datasets and parameters keep their names.
    Pipelines that measure a detector end by writing the report again.
    """
    report_page = _in_namespace(report)
    main_job = {_name(module): _in_namespace(module) for module in _MAIN_JOB}
    for module in _MEASURE_A_DETECTOR:
        main_job[_name(module)] += report_page
    return {
        "__default__": sum(main_job.values(), Pipeline([])),
        **main_job,
        "report": report_page,
        **{_name(module): _in_namespace(module) for module in _BY_NAME_ONLY},
    }


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[-1]


def _in_namespace(module: ModuleType) -> Pipeline:
    name = _name(module)
    return Pipeline(
        module.create_pipeline(), namespace=name, tags=name, prefix_datasets_with_namespace=False
    )
