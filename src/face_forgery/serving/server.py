"""A logged detector behind request limits, served by uvicorn."""

import asyncio
from typing import Any

import mlflow
import uvicorn
from mlflow.pyfunc import scoring_server
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from face_forgery.serving.request_limits import Limits, RequestLimits

PATHS = ("/invocations", "/ping", "/health", "/version")  # all that MLflow serves, but its manual
_KEEP_ALIVE_SECONDS = 5


def build_server(
    model_uri: str, limits: Limits, *, max_images: int, max_seconds: float
) -> RequestLimits:
    """Load a model and return the application that serves it, as ``mlflow models serve`` would.

    Loading executes the model's own code: serve only models that you or people you trust logged.

    Args:
        model_uri: ``models:/NAME@ALIAS``, ``models:/ID`` or a folder.
        limits: What is let in.
        max_images: In one request; more get 400.
        max_seconds: After which the model leaves the rest of a request alone.
    """
    # The names that logged models read, of earlier releases too.
    config = {"max_pictures": max_images, "max_seconds": max_seconds}
    model = mlflow.pyfunc.load_model(model_uri, model_config=config)
    return RequestLimits(scoring_server.init(model), limits)


def run_server(
    app: RequestLimits, *, host: str, port: int, max_connections: int, head_seconds: float
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        app: From ``build_server``.
        host: An address of this machine.
        port: 1 to 65535.
        max_connections: Further ones get 503.
        head_seconds: In which the head of a request must arrive.
    """
    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,
        http=protocol_with_timeout(head_seconds),
        ws="none",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=max_connections,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )


def protocol_with_timeout(seconds: float) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol for HTTP with a time limit for the head of a request.

    uvicorn's own time-outs begin after a request: it waits for the rest of a first head for ever.
    A connection on which no request is being answered is closed ``seconds`` after it was made or
    after its last answer; one that is being answered has the request limits.
    """
    protocol: Any = AutoHTTPProtocol  # that of httptools, or of h11 where only this is there

    class WithTimeout(protocol):  # type: ignore[misc]
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._restart_timer()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._restart_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._stop_timer()

        def _restart_timer(self) -> None:
            self._stop_timer()
            self._timer = self.loop.call_later(seconds, self._close_if_idle)

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()

        def _close_if_idle(self) -> None:
            if self.cycle is None or self.cycle.response_complete:
                self.transport.close()

    return WithTimeout
