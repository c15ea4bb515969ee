"""A logged detector behind request limits, served by uvicorn."""

import asyncio
import json
import re
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import uvicorn
from mlflow.pyfunc import scoring_server
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from face_forgery.inference.judging import find_folder
from face_forgery.modeling.detector_folder import read_meta
from face_forgery.serving.packaging import describe_model
from face_forgery.serving.request_limits import JSON, Limits, RequestLimits, content_type_of

PATHS = ("/invocations", "/ping", "/health", "/version")  # all that MLflow serves, but its manual
_KEEP_ALIVE_SECONDS = 5
_SCHEME = re.compile(r"[\w-]{2,}:/")  # models:/, runs:/, s3://


def build_server(
    location: str, limits: Limits, *, max_images: int, max_seconds: float, min_size: int | None
) -> RequestLimits:
    """Load a model and return the application that serves it, as ``mlflow models serve`` would.

    Loading a logged model executes its own code: serve only those that you or people you trust
    logged. A detector's folder is data.

    Args:
        location: A detector's folder or ``hf-hub:OWNER/NAME``; or a logged model:
            ``models:/NAME@ALIAS``, ``models:/ID`` or its folder.
        limits: What is let in.
        max_images: In one request; more get 400.
        max_seconds: After which the model leaves the rest of a request alone.
        min_size: Pixels of the shortest side that is judged; ``None``: what the model was logged
            with.

    Raises:
        DetectorError: If no folder is there, or the detector in it cannot be used.
        MlflowException: If there is no such logged model.
    """
    # The names that logged models read, of earlier releases too.
    config = {"max_pictures": max_images, "max_seconds": max_seconds}
    config |= {} if min_size is None else {"min_size": min_size}
    with TemporaryDirectory() as scratch:
        is_logged = _SCHEME.match(location) or Path(location, "MLmodel").exists()
        if not is_logged:
            folder, location = find_folder(location), f"{scratch}/model"
            read_meta(folder)
            mlflow.pyfunc.save_model(location, **describe_model(folder, Path(scratch)))
        model = mlflow.pyfunc.load_model(location, model_config=config)
    return RequestLimits(ImageBodies(scoring_server.init(model)), limits)


class ImageBodies:
    """Lets ``app``, a scoring server of MLflow, take an image as the body of a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST" and content_type_of(scope) != JSON:
            image = b64encode(await Request(scope, receive).body()).decode()
            body = json.dumps({"inputs": {"image": [image]}}).encode()
            scope = {**scope, "headers": [(b"content-type", JSON.encode())]}
            receive = _begin_with({"type": "http.request", "body": body}, receive)
        await self._app(scope, receive, send)


def _begin_with(message: Message, receive: Receive) -> Receive:
    messages = [message]

    async def receive_next() -> Message:
        return messages.pop() if messages else await receive()

    return receive_next


def run_server(
    app: RequestLimits, *, host: str, port: int, max_connections: int, head_seconds: float
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Beyond ``max_connections`` there is 503; the head of a request must arrive in ``head_seconds``.
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
