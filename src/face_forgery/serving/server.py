"""A logged detector behind a gate: MLflow's answers, and limits on what is asked."""

import asyncio
from typing import Any

from face_forgery.serving.request_limits import Gate, Limits

PATHS = ("/invocations", "/ping", "/health", "/version")  # all that MLflow serves, but its manual
_KEEP_ALIVE_SECONDS = 5


def build_server(model_uri: str, limits: Limits, *, max_pictures: int, max_seconds: float) -> Gate:
    """Load a model and return what serves it, as ``mlflow models serve`` would, behind the gate.

    Loading executes the model's own code: serve only models that you or people you trust logged.

    Args:
        model_uri: ``models:/NAME@ALIAS``, ``models:/ID`` or a folder.
        limits: What the gate lets in.
        max_pictures: In one request; more get 400.
        max_seconds: After which the model leaves the rest of a request alone.
    """
    import mlflow
    from mlflow.pyfunc import scoring_server

    config = {"max_pictures": max_pictures, "max_seconds": max_seconds}
    model = mlflow.pyfunc.load_model(model_uri, model_config=config)
    return Gate(scoring_server.init(model), limits)


def run_server(
    gate: Gate, *, host: str, port: int, max_connections: int, header_seconds: float
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        gate: What ``build_server`` returns.
        host: An address of this machine.
        port: 1 to 65535.
        max_connections: Further ones get 503.
        header_seconds: In which the head of a request must arrive.
    """
    import uvicorn

    options: dict[str, Any] = {"limit_concurrency": max_connections, "server_header": False}
    uvicorn.run(
        gate,
        host=host,
        port=port,
        access_log=False,
        http=hurried_protocol(header_seconds),
        ws="none",
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        **options,
    )


def hurried_protocol(seconds: float) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol for HTTP, which alone would wait for the rest of a head for good.

    A connection on which no request is being answered is closed ``seconds`` after it was made or
    after its last answer; one that is being answered has the gate's limits.
    """
    from uvicorn.protocols.http import auto

    protocol: Any = auto.AutoHTTPProtocol  # that of httptools, or of h11 where only this is there

    class Hurried(protocol):  # type: ignore[misc]
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wind_up()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._wind_up()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._stop()

        def _wind_up(self) -> None:
            self._stop()
            self._timer = self.loop.call_later(seconds, self._leave)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()

        def _leave(self) -> None:
            if self.cycle is None or self.cycle.response_complete:
                self.transport.close()

    return Hurried
