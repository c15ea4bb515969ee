"""The doors of the page: the few that its browser needs, and none leads out of this machine."""

import asyncio
import socket
import sys
from urllib.parse import quote

import httpx
import pytest

import face_forgery as ff

pytest.importorskip("gradio")

from gradio.routes import App

from face_forgery.serving.page.page import build_page, launch_options
from face_forgery.serving.request_limits import RequestLimits

API = "/gradio_api"
OPEN = {  # of the toolkit's, with what each does; all others must be shut
    "/": "the page",
    "/assets/{path:path}": "its scripts and styles",
    "/static/{path:path}": "its icons",
    "/config": "its components",
    "/favicon.ico": "its icon",
    "/manifest.json": "its name",
    "/theme.css": "its colors",
    f"{API}/upload": "takes files",
    f"{API}/upload_progress": "says how many bytes came",
    f"{API}/file={{path_or_url:path}}": "gives an upload back, by its path",
    f"{API}/queue/join": "judges",
    f"{API}/queue/data": "tells the verdicts",
    f"{API}/heartbeat/{{session_hash}}": "tells when a browser leaves",
    f"{API}/startup-events": "starts the queue",
}
URLS = ["http://evil.example/x.png", "https://huggingface.co/x.png", "http://127.0.0.1:1/x.png"]
GIVEN = [*URLS, "HTTPS://evil.example/", "//evil.example/x", "/etc/passwd", "../../etc/passwd"]


@pytest.fixture
def page(make_detector):
    return build_page(ff.Judge(ff.Detector(make_detector())), max_images=2)


def walk(routes, prefix=""):
    """Yield path and method of each route, of routers and applications within, too."""
    for route in routes:
        inner = getattr(route, "original_router", route)  # of a router that was included
        path = prefix + getattr(route, "path", "")
        if within := getattr(inner, "routes", None):
            yield from walk(within, path)
        elif methods := getattr(route, "methods", None):
            yield from ((path, method) for method in methods)
        else:
            yield f"{path}/{{path}}", "GET"  # a mount


def fill(path, value):
    """Put a value in place of every parameter of a path."""
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + value + rest.partition("}")[2]
    return path


async def ask(app, path, method):
    """Return the status of an answer to a request without a body."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"{}"}

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    await app(scope, receive, send)
    return sent[0]["status"]


def test_all_doors_of_the_toolkit_are_shut_but_those_that_the_page_needs(page):
    async def serve(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    options = launch_options(max_bytes=2**20)
    (middleware,) = options["app_kwargs"]["middleware"]
    gate = RequestLimits(serve, **middleware.kwargs)
    routes = list(walk(App.create_app(page).routes))
    assert OPEN.keys() <= {path for path, _ in routes}
    assert len(routes) > 80
    for path, method in routes:
        let_in = {asyncio.run(ask(gate, fill(path, value), method)) for value in ["x", "0", *GIVEN]}
        assert let_in == {404} if path not in OPEN else 200 in let_in, (method, path)
        if "file=" in path:
            assert {asyncio.run(ask(gate, fill(path, url), method)) for url in URLS} == {404}


@pytest.fixture
def forbid_the_outside(monkeypatch):
    """Return what forbids look-ups of names and connections, but to a port; returns the asked."""

    def forbid(port):
        asked = []

        def guard(owner, name, has_host):
            real = getattr(owner, name)

            def call(*args, **kwargs):
                if has_host and ("127.0.0.1", port) in (args[:2], args[1]):
                    return real(*args, **kwargs)
                asked.append((name, args))
                raise OSError(name)

            monkeypatch.setattr(owner, name, call)

        for loop in (asyncio.BaseEventLoop, getattr(sys.modules.get("uvloop"), "Loop", None)):
            for name in ("getaddrinfo", "create_connection", "sock_connect") if loop else ():
                guard(loop, name, has_host=False)
        guard(socket, "getaddrinfo", has_host=True)
        guard(socket.socket, "connect", has_host=True)
        guard(socket.socket, "connect_ex", has_host=True)
        return asked

    return forbid


@pytest.fixture
def client(page):
    """Serve a page without request limits; yield who asks it."""
    options = launch_options(max_bytes=2**20) | {"app_kwargs": {}}
    _, address, _ = page.launch(prevent_thread_lock=True, inbrowser=False, **options)
    try:
        with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
            yield client
    finally:
        page.close()


def hide(url):
    """Yield data that has the address of a file in it, where the toolkit may look for one."""
    file = {"path": url, "meta": {"_type": "gradio.FileData"}}
    for data in (
        file,
        file | {"path": file},
        file | {"path": "a", "url": url},
        file | {"is_stream": True},
        {"path": 1, "x": file},
        {"path": "a", "x": [file]},
    ):
        yield from ([[data], "English", None], [data, "English", None])
        yield from ([None, data, None], [None, "English", data])


@pytest.mark.slow
def test_no_door_of_the_toolkit_leads_out_of_this_machine(page, client, forbid_the_outside, caplog):
    asked = forbid_the_outside(client.base_url.port)
    (number,) = [key for key, fn in page.fns.items() if fn.fn.__name__ == "show"]
    doors = sorted({*walk(page.app.routes)})
    for path, method in doors:
        for value in GIVEN if "{" in path else GIVEN[:1]:
            given = dict.fromkeys(["url", "path", "deep_link", "session_hash", "page", "id"], value)
            body = given | {"data": [value] * 3, "fn_index": number}
            door = fill(path, quote(value, safe=""))
            with client.stream(method, door, params=given, json=body):
                pass
    for url in URLS:
        for session, data in enumerate(hide(url)):
            body = {"fn_index": number, "session_hash": f"{url}{session}", "data": data}
            for path in ("run/show", "call/show", "queue/join"):
                client.post(f"{API}/{path}", json=body)
            told = client.get(f"{API}/queue/data", params={"session_hash": body["session_hash"]})
            assert "process_completed" in told.text
    assert asked == []
    assert any("an address is not fetched" in line for line in caplog.messages)
    with pytest.raises(httpx.ConnectError):
        httpx.get(URLS[0], trust_env=False)
    assert asked != []
