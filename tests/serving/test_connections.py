"""Connections that ask for nothing, or never end to ask, are closed."""

import asyncio
import socket
import threading
import time
from contextlib import suppress

import pytest
import uvicorn

from face_forgery.serving.server import run_server

SECONDS = 0.5
REQUEST = b"GET /quick HTTP/1.1\r\nHost: localhost\r\n"


async def answer(scope, receive, send):
    """Answer at once, or, at ``/slow``, after three times the seconds for a head."""
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * SECONDS)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture(scope="module")
def port():
    """Serve `answer` in a thread, with the settings that a served detector has."""
    settings = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(uvicorn, "run", lambda app, **options: settings.update(options))
        run_server(answer, host="127.0.0.1", port=0, max_connections=99, head_seconds=SECONDS)
    server = uvicorn.Server(uvicorn.Config(answer, lifespan="off", log_level="error", **settings))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(20)


def read_until_closed(connection):
    """Return what comes; fails if the server has not hung up after many times the seconds."""
    connection.settimeout(20 * SECONDS)
    parts = []
    with suppress(ConnectionResetError):
        while part := connection.recv(4096):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        (b"", 0),
        (b"\r\n", 0),
        (b"GET /qui", 0),
        (REQUEST + b"X-Slow: ", 0),
        (REQUEST + b"\r\n" + REQUEST + b"X-Slow: ", 1),
        (REQUEST + b"Content-Length: 1000000\r\n\r\nabc", 1),
        (2 * (REQUEST + b"\r\n"), 2),
    ],
)
def test_a_connection_that_does_not_go_on_is_closed(port, sent, answers):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        assert read_until_closed(connection).count(b"done") == answers


def drip(connection):
    """Send a byte ten times a second until the other end has hung up, or has had time to."""
    for _ in range(int(20 * SECONDS / 0.1)):
        connection.sendall(b"a")
        time.sleep(0.1)


@pytest.mark.parametrize("path", [b"quick", b"slow"])
def test_a_body_that_drips_after_its_answer_keeps_no_connection(port, path):
    head = REQUEST.replace(b"quick", path) + b"Content-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head)
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            drip(connection)


def test_a_request_that_takes_longer_is_answered(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(REQUEST.replace(b"quick", b"slow") + b"\r\n")
        assert b"done" in read_until_closed(connection)
