"""Request limits: who may ask, how much, how many at once, and what an error tells."""

import asyncio
import json
from dataclasses import replace

import pytest

from face_forgery.serving.request_limits import LOOPBACK, Limits, RequestLimits

LIMITS = Limits(
    hosts=LOOPBACK,
    max_bytes=1000,
    max_working=2,
    max_waiting=3,
    body_seconds=0.2,
    content_type="application/json",
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


def fail_with(told, status=500):
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
    status, _, body = ask_limited(b"12345", b"678", host=host)
    assert (status, body) == (200, b"8")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:7860", "localhost.evil.example", "127.0.0.1.evil", "", "["],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_was_pointed_at_this_machine_is_refused(host, method):
    assert ask_limited(host=host, method=method)[0] == 400


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example"]
)
def test_a_foreign_page_may_not_send_anything(origin):
    assert ask_limited(origin=origin)[0] == 403
    assert ask_limited(origin="http://localhost:7860")[0] == 200


@pytest.mark.parametrize("length", ["1001", "9" * 400, "-1", "1e2"])
def test_a_body_that_claims_too_much_is_refused_unread(length):
    status, headers, body = ask_limited(content_length=length)
    assert status == 413
    assert headers[b"connection"] == b"close"
    assert b"1,000 bytes" in body


@pytest.mark.parametrize(
    ("host", "origin", "again"),
    [
        ("evil.example", "http://localhost", ("host", "localhost:7860")),
        ("localhost:7860", "https://evil.example", ("origin", "http://localhost:7860")),
    ],
)
def test_a_header_that_comes_twice_does_not_hide_the_first(host, origin, again):
    assert ask_limited(host=host, origin=origin, again=[again])[0] in (400, 403)


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


@pytest.mark.parametrize("mark", [b"[", b"{", b",", b":"])
def test_a_small_body_of_very_many_values_is_cut_off(mark):
    limits = replace(LIMITS, max_marks=20)
    assert ask_limited(mark * 10, mark * 10, b"]}+/=" * 20, limits=limits)[0] == 200
    status, _, body = ask_limited(mark * 10, mark * 11, limits=limits)
    assert status == 413
    assert b"20 commas" in body


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
    assert ask_limited(*[b"a" * 100] * 11)[0] == 413


def test_a_body_that_drips_is_cut_off():
    assert ask_limited(*[b"a"] * 100, pause=0.05)[0] == 408


def test_only_bodies_of_the_right_kind_are_read():
    parquet = {"content_type": "application/vnd.apache.parquet"}
    assert ask_limited(**parquet)[0] == 415
    assert ask_limited(content_type="Application/JSON; charset=utf-8")[0] == 200


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


def test_an_error_keeps_its_message_and_loses_its_stack_trace():
    told = {"error_code": "BAD_REQUEST", "message": "no", "stack_trace": "File /home/me/x.py"}
    app = fail_with(json.dumps(told).encode(), status=400)
    status, _, body = asyncio.run(ask(RequestLimits(app, LIMITS)))
    assert (status, json.loads(body)) == (400, {"error_code": "BAD_REQUEST", "message": "no"})


def test_a_long_error_keeps_both_ends():
    app = fail_with(json.dumps({"message": "begin" + "x" * 9000 + "end"}).encode())
    message = json.loads(asyncio.run(ask(RequestLimits(app, LIMITS)))[2])["message"]
    assert len(message) < 600
    assert message.startswith("begin")
    assert message.endswith("end")


def test_an_error_that_is_no_json_says_only_that_it_is_one():
    _, _, body = asyncio.run(ask(RequestLimits(fail_with(b"Traceback: /home/me/x.py"), LIMITS)))
    assert json.loads(body) == {"message": "the request failed"}


def test_web_sockets_are_closed():
    async def main():
        sent = []

        async def send(message):
            sent.append(message["type"])

        await RequestLimits(Echo(), LIMITS)({"type": "websocket", "headers": []}, None, send)
        return sent

    assert asyncio.run(main()) == ["websocket.close"]
