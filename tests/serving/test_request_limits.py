"""Request limits: who may ask, how much, how many at once, and what an error tells."""

import asyncio
import json
from dataclasses import replace

import pytest
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from face_forgery.serving.request_limits import LOOPBACK, Limits, RequestLimits

LIMITS = Limits(
    hosts=LOOPBACK,
    max_bytes=1000,
    max_working=2,
    max_waiting=3,
    body_seconds=0.2,
    content_types=("application/json", "image/*"),
)
JSON = {"content-type": "application/json"}


class Echo:
    """An application that answers with the number of bytes it was sent; may be held up."""

    def __init__(self):
        self.go = asyncio.Event()
        self.go.set()
        self.at_work = self.most_at_work = 0

    async def __call__(self, scope, receive, send):
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        num_bytes, more = 0, True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            num_bytes += len(message.get("body", b""))
        await self.go.wait()
        self.at_work -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(num_bytes).encode()})


def fail_with(told, status=400):
    """Return an application that answers with an error."""

    async def app(scope, receive, send):
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": told[:9], "more_body": True})
        await send({"type": "http.response.body", "body": told[9:]})

    return app


async def ask(app, *chunks, method="POST", pause=0.0, path="/", again=(), **headers):
    """Return status, headers and body of the answer; ``again``: headers that come twice."""
    named = {"host": "localhost:7860", **JSON}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    pending, sent = list(chunks or (b"{}",)), []

    async def receive():
        if not pending:
            await asyncio.sleep(10)
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": pending.pop(0), "more_body": bool(pending)}

    async def send(message):
        sent.append(message)

    pairs = [(name.encode(), value.encode()) for name, value in [*named.items(), *again]]
    scope = {"type": "http", "method": method, "path": path, "headers": pairs}
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], dict(sent[0]["headers"]), body


def ask_limited(*chunks, limits=LIMITS, **options):
    async def main():
        return await ask(RequestLimits(Echo(), limits), *chunks, **options)

    return asyncio.run(main())


@pytest.mark.parametrize("host", ["localhost", "localhost:7860", "127.0.0.1:80", "[::1]:7860"])
def test_a_request_by_a_name_of_this_machine_is_served(host):
    status, _, body = ask_limited(b"12345", b"678", host=host, origin=f"http://{host}")
    assert (status, body) == (200, b"8")


HERE = "http://localhost:7860"
OTHER_ORIGINS = ["http://localhost:9999", "http://localhost", "http://127.0.0.1:7860"]
OTHER_ORIGINS += ["http://me@localhost:7860", "http://[", "localhost:7860", ""]
EVIL_HOSTS = ["evil.example:7860", "localhost.evil.example", "me@localhost", ""]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        *[({"host": host}, 400) for host in EVIL_HOSTS],
        ({"host": "evil.example", "again": [("host", "localhost:7860")]}, 400),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost.evil.example"}, 403),
        ({"origin": "https://evil.example", "again": [("origin", "http://localhost")]}, 403),
        ({"origin": HERE, "again": [("origin", "https://evil.example")]}, 403),
        *[({"origin": origin}, 403) for origin in OTHER_ORIGINS],
        ({"origin": "https://LOCALHOST:7860", "sec_fetch_site": "same-origin"}, 200),
        ({"host": "localhost", "origin": "http://localhost:7860"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "none"}, 200),
        ({"content_length": "1001"}, 413),
        ({"content_length": "9" * 400}, 413),
        ({"content_length": "-1"}, 413),
        ({"content_length": "1e2"}, 413),
        ({"content_type": "application/vnd.apache.parquet"}, 415),
        ({"content_type": "Application/JSON; charset=utf-8"}, 200),
        ({"content_type": "image/jpeg"}, 200),
        ({"content_type": "a/b", "again": [("content-type", "application/json")]}, 415),
        ({"content_type": "image/a", "again": [("content-type", "application/json")]}, 415),
    ],
)
def test_a_request_that_its_head_speaks_against_is_refused_unread(headers, status):
    answered, told, body = ask_limited(**headers)
    assert answered == status
    assert (told.get(b"connection") == b"close") is (status != 200)
    assert status != 413 or b"1,000 bytes" in body


def test_another_name_or_site_is_refused_whatever_is_asked_but_its_links_lead_here():
    assert ask_limited(host="evil.example", method="GET")[0] == 400
    assert ask_limited(origin="http://localhost:9999", method="GET")[0] == 403
    assert ask_limited(sec_fetch_site="cross-site", method="GET")[0] == 200


def test_what_a_proxy_would_say_is_not_passed_on():
    async def tell(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        told = b",".join(name for name, _ in scope["headers"])
        await send({"type": "http.response.body", "body": told})

    claims = {"x_forwarded_host": "evil.example", "x_forwarded_proto": "https", "forwarded": "a=b"}
    _, _, body = asyncio.run(ask(RequestLimits(tell, LIMITS), **claims))
    assert body == b"host,content-type"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_there_are_no_paths_but_those_that_are_named(method):
    limits = replace(LIMITS, paths=("/invocations",))
    assert ask_limited(limits=limits, path="/invocations", method=method)[0] == 200
    status, _, body = ask_limited(limits=limits, path="/docs", method=method)
    assert (status, json.loads(body)) == (404, {"message": "the paths are /invocations"})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/a", 200),
        ("/f/x/y", 200),
        ("/g=/x", 200),
        *[(path, 404) for path in ("/", "/a/", "//a", "/A", "/a/b", "/f", "/x/f/y", "/g=x", "")],
    ],
)
def test_a_path_may_be_a_pattern(path, status):
    limits = replace(LIMITS, paths=("/a", "/f/*", "/g=/*"))
    assert ask_limited(limits=limits, path=path)[0] == status


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b'{"a": [-Infinity]}',
        b"1e999",
        b"1" * 500 + b".5e" + b"9" * 9,
        rb'{"\ud800": 1}',
        rb'["\udfff\ud800"]',
        b'"\xff"',
        b"{",
        b"",
        b"[" * 900,
    ],
)
def test_json_that_could_not_be_written_again_is_refused_where_that_is_asked_for(body):
    limits = replace(LIMITS, strict_json=True)
    parts = (body[:3], body[3:])
    status, _, told = ask_limited(*parts, limits=limits)
    assert (status, b"must be JSON" in told) == (400, True)
    assert ask_limited(*parts)[0] == 200
    assert ask_limited(*parts, limits=limits, content_type="image/png")[0] == 200
    good = rb'{"a": ["\ud83d\ude00", 1e99, -0.5]}'
    assert ask_limited(good[:5], good[5:], limits=limits)[2] == b"%d" % len(good)


@pytest.mark.parametrize("mark", [b"[", b"{", b",", b":"])
def test_a_small_body_of_very_many_values_is_cut_off(mark):
    limits = replace(LIMITS, max_marks=20)
    assert ask_limited(mark * 10, mark * 10, b"]}+/=" * 20, limits=limits)[0] == 200
    status, _, body = ask_limited(mark * 10, mark * 11, limits=limits)
    assert status == 413
    assert b"20 commas" in body
    assert ask_limited(mark * 99, limits=limits, content_type="image/png")[0] == 200


@pytest.mark.parametrize("claim", [{}, {"content_length": "1048577"}])
def test_a_large_body_goes_to_one_path_alone(claim):
    limits = replace(LIMITS, max_bytes=2**21, large_at="/upload")
    halves = [b"a" * 2**20, b"a"]
    assert ask_limited(*halves, limits=limits, path="/upload", **claim)[0] == 200
    status, _, body = ask_limited(*halves, limits=limits, path="/join", **claim)
    assert status == 413
    assert b"1,048,576 bytes" in body
    assert ask_limited(halves[0], limits=limits, path="/join")[0] == 200


def test_a_body_that_claims_nothing_is_cut_off_at_the_limit():
    assert ask_limited(*[b"a" * 100] * 10)[0] == 200
    status, _, body = ask_limited(*[b"a" * 100] * 11)
    assert status == 413
    assert b"1,000 bytes" in body


async def pass_on(request, call_next):
    return await call_next(request)


@pytest.mark.parametrize("wrap", [lambda app: app, lambda app: BaseHTTPMiddleware(app, pass_on)])
@pytest.mark.parametrize(
    ("part", "num_parts", "pause", "status"), [(b"a", 100, 0.05, 408), (b"a" * 600, 2, 0.0, 413)]
)
def test_a_body_that_drips_or_goes_on_is_cut_off_whatever_the_application_makes_of_errors(
    wrap, part, num_parts, pause, status
):
    async def read(scope, receive, send):
        await Request(scope, receive).body()
        await Response("read")(scope, receive, send)

    app = RequestLimits(wrap(read), LIMITS)
    assert asyncio.run(ask(app, *[part] * num_parts, pause=pause))[0] == status
    assert asyncio.run(ask(RequestLimits(wrap(read), LIMITS)))[2] == b"read"


def test_requests_beyond_those_that_work_and_wait_are_told_to_come_back():
    async def main():
        echo = Echo()
        app = RequestLimits(echo, LIMITS)
        echo.go.clear()
        inside = [asyncio.create_task(ask(app)) for _ in range(5)]
        await asyncio.sleep(0.05)
        refused = await ask(app)
        looked = asyncio.create_task(ask(app, method="GET"))
        await asyncio.sleep(0.05)
        echo.go.set()
        served = await asyncio.gather(*inside)
        return echo, refused, served, await looked, await ask(app)

    echo, refused, served, looked, later = asyncio.run(main())
    assert refused[0] == 503
    assert refused[1][b"retry-after"] == b"1"
    assert [answer[0] for answer in (*served, looked, later)] == [200] * 7
    assert echo.most_at_work == 3  # two, and the one that only looks


def test_a_request_that_is_cut_off_gives_its_place_back():
    async def main():
        app = RequestLimits(Echo(), LIMITS)
        slow = [ask(app, *[b"a"] * 100, pause=0.05) for _ in range(5)]
        return [a[0] for a in await asyncio.gather(*slow)], (await ask(app))[0]

    assert asyncio.run(main()) == ([408] * 5, 200)


@pytest.mark.parametrize(
    ("told", "left"),
    [
        (
            {"error_code": "BAD_REQUEST", "message": "no", "stack_trace": "File /home/me/x.py"},
            {"error_code": "BAD_REQUEST", "message": "no"},
        ),
        ({"message": "a" * 9000 + "z" * 250}, {"message": "a" * 250 + " ... " + "z" * 250}),
        ("Traceback: /home/me/x.py", {"message": "the request failed"}),
    ],
)
def test_an_error_keeps_its_message_and_loses_its_stack_trace(told, left):
    text = told if isinstance(told, str) else json.dumps(told)
    status, _, body = asyncio.run(ask(RequestLimits(fail_with(text.encode()), LIMITS)))
    assert (status, json.loads(body)) == (400, left)


def raising(error, *, before=0):
    """Return an application that sends ``before`` messages of an answer, then raises."""

    async def app(scope, receive, send):
        start = {"type": "http.response.start", "status": 200, "headers": []}
        for message in [start, {"type": "http.response.body", "more_body": True}][:before]:
            await send(message)
        raise error

    return app


@pytest.mark.parametrize("wrap", [lambda app: app, ServerErrorMiddleware])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TypeError("unhashable\x1b[31m\n\ud800"), 400),
        (KeyError("a" * 9000), 400),
        (RuntimeError("no\u202e"), 500),
        (OSError(28, "No space left on device", "/home/me/x"), 500),
    ],
)
def test_an_error_that_is_raised_is_answered_in_json_and_one_line_of_the_log(
    wrap, error, status, caplog
):
    app = RequestLimits(wrap(raising(error)), LIMITS)
    answered, headers, body = asyncio.run(ask(app, path="/a\n"))
    assert answered == status
    assert (headers[b"content-type"], headers[b"connection"]) == (b"application/json", b"close")
    assert json.loads(body) == {"message": "the request failed"}
    (line,) = caplog.messages
    assert line.isprintable()
    assert len(line) < 700
    assert f"{type(error).__name__}: " in line
    assert "test_request_limits.py, line " in line
    assert caplog.records[0].exc_info is None
    assert asyncio.run(ask(app, method="GET"))[0] == 500


def test_an_error_in_the_midst_of_an_answer_ends_it(caplog):
    answer = asyncio.run(ask(RequestLimits(raising(ValueError(), before=2), LIMITS)))
    assert answer == (200, {}, b"")
    assert len(caplog.messages) == 1


def test_a_client_that_leaves_is_no_error(caplog):
    async def main():
        async def receive():
            return {"type": "http.disconnect"}

        async def read(scope, receive, send):
            await Request(scope, receive).body()

        sent, headers = [], [(b"host", b"localhost"), (b"content-type", b"image/png")]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
        await RequestLimits(BaseHTTPMiddleware(read, pass_on), LIMITS)(scope, receive, sent.append)
        await RequestLimits(raising(ClientDisconnect()), LIMITS)(scope, receive, sent.append)
        return sent

    assert asyncio.run(main()) == []
    assert caplog.messages == []


def test_an_error_in_plain_text_becomes_json():
    app = RequestLimits(PlainTextResponse("Method Not Allowed", 405, {"allow": "GET"}), LIMITS)
    status, headers, body = asyncio.run(ask(app))
    assert (status, headers[b"allow"]) == (405, b"GET")
    assert int(headers[b"content-length"]) == len(body)
    assert json.loads(body) == {"message": "Method Not Allowed"}


def test_web_sockets_are_closed():
    async def main():
        sent = []

        async def send(message):
            sent.append(message["type"])

        await RequestLimits(Echo(), LIMITS)({"type": "websocket", "headers": []}, None, send)
        return sent

    assert asyncio.run(main()) == ["websocket.close"]


def test_a_number_of_many_digits_is_cut_off_before_json_fails_at_it():
    limits = replace(LIMITS, max_bytes=5000)
    assert ask_limited(b"9" * 900, b"," + b"9" * 900, limits=limits)[0] == 200
    status, _, body = ask_limited(b'{"inputs":' + b"9" * 600, b"9" * 600 + b"}", limits=limits)
    assert status == 400
    assert b"1,000 digits" in body
