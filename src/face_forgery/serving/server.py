"""A logged detector behind a gate: MLflow's answers, and limits on what is asked."""

from typing import Any

from face_forgery.gate import Gate, Limits

_KEEP_ALIVE_SECONDS = 5


def build_server(model_uri: str, limits: Limits, *, max_pictures: int) -> Gate:
    """Load a model and return what serves it, as ``mlflow models serve`` would, behind the gate.

    Loading executes the model's own code: serve only models that you or people you trust logged.

    Args:
        model_uri: ``models:/NAME@ALIAS``, ``models:/ID`` or a folder.
        limits: What the gate lets in.
        max_pictures: In one request; more get 400.
    """
    import mlflow
    from mlflow.pyfunc import scoring_server

    model = mlflow.pyfunc.load_model(model_uri, model_config={"max_pictures": max_pictures})
    return Gate(scoring_server.init(model), limits)


def run_server(gate: Gate, *, host: str, port: int, max_connections: int) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        gate: What ``build_server`` returns.
        host: An address of this machine.
        port: 1 to 65535.
        max_connections: Further ones get 503.
    """
    import uvicorn

    options: dict[str, Any] = {"limit_concurrency": max_connections, "server_header": False}
    uvicorn.run(
        gate,
        host=host,
        port=port,
        access_log=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        **options,
    )
