"""Where runs are recorded: MLflow imported, its store and experiment made ready."""

import logging
import os
import re
import sqlite3
from contextlib import closing
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from face_forgery.data.redaction import mask
from face_forgery.hooks.declarations import TrackingError
from face_forgery.params import TrackingParams

logger = logging.getLogger(__name__)

_SQLITE = "sqlite:///"
_SERVERS = ("http", "https")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_OTHERS = ("databricks", "databricks-uc", "uc")
_HOST = re.compile(r"[\w.-]+:\d+(?=/|$)|localhost(?=/|$)|\[[0-9a-f:]+\]:\d+(?=/|$)")
_SCHEME = re.compile(r"([\w+-]*)[:/]*(.*)")
_ANY_HOST = "HOST:PORT"
_CHANGED_IN_URLS = re.compile(r"\?|%[0-9a-fA-F]{2}")  # seen from the project, no folder has it
_DATABASE_FILE = re.compile(r"\.(db|sqlite3?)$")
# Which page MLflow shows of an experiment: metrics and models, not conversations.
_KIND = {"mlflow.experimentKind": "custom_model_development"}
_OTHER_LOCATIONS = (
    "SELECT DISTINCT artifact_location FROM experiments "
    "WHERE artifact_location LIKE 'file:%/mlruns' AND artifact_location != ?"
)
_SET_LOCATION = "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?"
# Where MLflow's SQLite store holds the paths of artifacts: table -> column.
_LOCATIONS = {
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}


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


def check_uri(uri: str) -> str:
    """Return the URI of a store as MLflow takes it: of a server without what a browser adds.

    Raises:
        TrackingError: With the URI that was probably meant.
    """
    scheme, is_uri, rest = uri.partition("://")
    scheme = scheme.partition("+")[0].lower()  # of SQLAlchemy: postgresql+psycopg2
    if is_uri and scheme in _SERVERS and rest.strip("/"):
        return uri.partition("#")[0].rstrip("/")
    is_sqlite = uri.startswith(_SQLITE) and uri.strip("/") != "sqlite:"
    is_database = is_uri and scheme in _DATABASES and scheme != "sqlite"
    if is_sqlite or is_database or uri.partition(":")[0] in _OTHERS:
        return uri
    raise TrackingError(f"tracking.tracking_uri={mask(uri)}: {_mend_uri(uri)}")


def _mend_uri(uri: str) -> str:
    """Return what to write in place of a URI that MLflow does not take."""
    given, rest = _SCHEME.match(uri).groups()  # type: ignore[union-attr]
    near = get_close_matches(given.lower(), (*_SERVERS, *_DATABASES), n=1, cutoff=0.6)
    if _HOST.match(uri) or given == "www":
        return f"write {mask(f'http://{uri}')}"
    if _DATABASE_FILE.search(uri):
        return f"write {_SQLITE}{rest if near else uri}"
    if near and near[0] in _SERVERS:
        return f"write {mask(f'{near[0]}://{rest or _ANY_HOST}')}"
    if near:
        return f"write {near[0]}:///... (three slashes and a path, or two and a host)"
    return (
        f"that is no store of runs; write http://{_ANY_HOST} of a server, or sqlite:///mlflow.db "
        "(MLflow keeps no more runs in folders)"
    )


def open_store(params: TrackingParams, project_path: Path) -> None:
    """Point MLflow at the store and the experiment, and make them where they are missing.

    Args:
        params: A relative SQLite file is meant from ``project_path``; the artifacts of such a
            store lie beside the file, in ``mlruns/``, wherever the project was moved or copied to.
        project_path: The root of the project, whatever folder the command was given in.

    Raises:
        TrackingError: If the URI, the experiment or the run to go on with cannot be meant.
    """
    uri, artifacts = check_uri(params.tracking_uri), None
    mlflow = import_mlflow()
    if uri.startswith(_SQLITE):
        database = project_path / uri.removeprefix(_SQLITE)
        is_changed_in_urls = _CHANGED_IN_URLS.search(str(database))
        uri = _SQLITE + (os.path.relpath(database) if is_changed_in_urls else str(database))
        artifacts = (database.parent / "mlruns").as_uri()
        if database.is_file():
            _follow_move(database, artifacts)
        elif database.parent.is_dir() and not _CHANGED_IN_URLS.search(uri):
            _make_store(uri, database, artifacts)
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    if params.run_id is not None:
        experiment = client.get_experiment(_find_run(client, params.run_id).info.experiment_id)
    else:
        experiment = client.get_experiment_by_name(params.experiment)
    if experiment is None:
        client.create_experiment(params.experiment, artifacts, tags=_KIND)
        experiment = client.get_experiment_by_name(params.experiment)
    elif experiment.lifecycle_stage == "deleted":
        raise TrackingError(
            f"the experiment {experiment.name!r} was deleted; restore it (mlflow experiments "
            f"restore -x {experiment.experiment_id}), or name another one: --params "
            "tracking.experiment=NAME"
        )
    for name in _KIND.keys() - experiment.tags.keys():  # of an earlier release
        client.set_experiment_tag(experiment.experiment_id, name, _KIND[name])
    mlflow.set_experiment(experiment_id=experiment.experiment_id)


def _make_store(uri: str, database: Path, artifacts: str) -> None:
    """Make a store beside its place and put it there when it is whole.

    MLflow makes its tables in some fifty steps, and can use no store that was left between them.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    new = database.with_name(f"{database.name}.new")
    for left in (new, new.with_name(f"{new.name}-journal")):  # of a run that was killed
        left.unlink(missing_ok=True)
    SqlAlchemyStore(f"{uri}.new", artifacts).engine.dispose()
    new.replace(database)


def _find_run(client: Any, run_id: str) -> Any:
    mlflow = import_mlflow()
    try:
        run = client.get_run(run_id)
    except mlflow.MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise TrackingError(
            f"tracking.run_id={run_id}: the store has no run of that ID; copy it from the page of "
            "the run, or leave tracking.run_id out"
        ) from error
    if run.info.lifecycle_stage == "deleted":
        raise TrackingError(
            f"tracking.run_id={run_id}: that run was deleted; restore it (mlflow runs restore "
            f"--run-id {run_id}), or leave tracking.run_id out"
        )
    return run


def _follow_move(database: Path, artifacts: str) -> None:
    """Have a store that was moved or copied with its project write beside itself.

    MLflow stores whole paths and has no call that changes them. What lies beside the database is
    taken from there; what does not is left where it was.
    """
    from mlflow.utils.file_utils import local_file_uri_to_path

    with closing(sqlite3.connect(database)) as store, store:
        for (old,) in store.execute(_OTHER_LOCATIONS, (artifacts,)).fetchall():
            store.execute(_SET_LOCATION, (artifacts, old))
            for table, column in _LOCATIONS.items():
                select = f"SELECT rowid, {column} FROM {table} WHERE {column} LIKE ?"  # noqa: S608
                update = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"  # noqa: S608
                for row, location in store.execute(select, (f"{old}/%",)).fetchall():
                    moved = artifacts + location.removeprefix(old)
                    if Path(local_file_uri_to_path(moved)).exists():
                        store.execute(update, (moved, row))
            logger.info("%s was moved or copied: artifacts lie beside it from now on", database)
