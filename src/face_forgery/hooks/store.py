"""Where runs are recorded: MLflow imported, its store and experiment made ready."""

import logging
import os
from pathlib import Path
from typing import Any

from face_forgery.params import TrackingParams

_SQLITE = "sqlite:///"


def import_mlflow() -> Any:
    """Import MLflow (seconds, hence late): without usage reports, bars and chatter.

    A request to a server that is gone is tried three times in about six seconds, and one to a
    server that takes it and says nothing in about a minute; MLflow's own defaults are eight times,
    in minutes and in a quarter of an hour. All four variables can be set from outside.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    for name in ("mlflow", "alembic"):  # importing MLflow sets INFO and a handler of its own
        logging.getLogger(name).setLevel(logging.WARNING)
    # It writes the traceback of an error that it also raises; who catches that says what it is.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    return mlflow


def open_store(params: TrackingParams, project_path: Path) -> None:
    """Point MLflow at the store and the experiment, and make them where they are missing.

    Args:
        params: A relative SQLite file is meant from ``project_path``; the artifacts of such a
            store lie beside the file, in ``mlruns/``.
        project_path: The root of the project, whatever folder the command was given in.
    """
    mlflow = import_mlflow()
    uri, artifacts = params.tracking_uri, None
    if uri.startswith(_SQLITE):
        database = project_path / uri.removeprefix(_SQLITE)
        uri = _SQLITE + str(database)
        artifacts = (database.parent / "mlruns").as_uri()
    mlflow.set_tracking_uri(uri)
    if params.run_id is not None:
        experiment_id = mlflow.get_run(params.run_id).info.experiment_id
        mlflow.set_experiment(experiment_id=experiment_id)
        return
    if mlflow.get_experiment_by_name(params.experiment) is None:
        mlflow.create_experiment(params.experiment, artifact_location=artifacts)
    mlflow.set_experiment(params.experiment)
