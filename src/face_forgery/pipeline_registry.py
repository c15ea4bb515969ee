"""The pipelines by name: the table of contents of the project."""

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


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline; ``__default__`` is the main job, from label files to a submission.

    Whatever measures a detector ends by writing the report again.
    """
    page = report.create_pipeline()
    main_job = {
        "ingestion": ingestion.create_pipeline(),
        "splitting": splitting.create_pipeline(),
        "audit": audit.create_pipeline(),
        "training": training.create_pipeline(),
        "evaluation": evaluation.create_pipeline() + page,
        "robustness": robustness.create_pipeline() + page,
        "submission": submission.create_pipeline(),
    }
    return {
        "__default__": sum(main_job.values(), Pipeline([])),
        **main_job,
        "report": page,
        "ensemble": ensemble.create_pipeline(),
        "comparison": comparison.create_pipeline(),
        "cross_validation": cross_validation.create_pipeline(),
        "demo_data": demo_data.create_pipeline(),
        "forging": forging.create_pipeline(),
        "inference": inference.create_pipeline(),
        "explanation": explanation.create_pipeline(),
        "video": video.create_pipeline(),
        "export": export.create_pipeline(),
    }
