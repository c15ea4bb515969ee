"""The gate in front of a server: who may ask, how much, how many at once, for how long.

An ASGI application around another one; the page and the served detector stand behind it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_WITHOUT_BODY = {"GET", "HEAD", "OPTIONS"}
_RETRY_SECONDS = 1
_TOLD = ("error_code", "message", "detail")  # of an error; MLflow's has a stack trace as well
_LONGEST_MESSAGE = 500  # characters
_SMALL_BYTES = 2**20
_MARKS = (b",", b":", b"[", b"{")  # each is a value that a reader of JSON makes an object of


@dataclass(frozen=True)
class Limits:
    """What the gate lets in.

    Attributes:
        hosts: Names and addresses that a browser may know the server by. Others are refused: a
            foreign page whose name was pointed at this machine would ask by its own.
        max_bytes: Of the body of a request.
        large_at: The only path whose bodies may be so large, others have 1 MiB: what is sent there
            goes to the disk as it comes, and anything else into memory. ``None``: any path.
        max_working: Requests with a body that are worked on at once.
        max_waiting: Further ones that wait, unread; those beyond are told to come back.
        body_seconds: In which a whole body must arrive once it is its turn.
        content_type: Of a body; others get 415. ``None``: any.
        paths: That there are; others get 404. ``None``: what the application has.
        max_marks: Commas, colons and opening brackets in a body. As JSON, 20 MB of them take two
            gigabytes and block everybody for 14 s; of base64 they are no part. ``None``: any.
    """

    hosts: tuple[str, ...]
    max_bytes: int
    max_working: int
    max_waiting: int
    body_seconds: float
    content_type: str | None = None
    paths: tuple[str, ...] | None = None
    max_marks: int | None = None
    large_at: str | None = None

    def bytes_at(self, path: str) -> int:
        """Return how many bytes a body may have that is sent to ``path``."""
        return self.max_bytes if self.large_at in (None, path) else _SMALL_BYTES


class Gate:
    """Lets a request through to ``app``, or answers it with the reason and without reading it.

    A foreign name gets 421, a foreign page 403, a body that is too large 413, too slow 408 or of
    another kind 415, a request too many 503 with ``Retry-After``. Of errors of ``app``, JSON keeps
    code and message alone: a stack trace names the files of this machine. What a proxy would say
    of a request (``X-Forwarded-Host``) is not passed on: anybody can write it.
    """

    def __init__(self, app: Application, limits: Limits) -> None:
        self._app, self._limits = app, limits
        self._turns = asyncio.Semaphore(limits.max_working)
        self._num_inside = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            else:  # neither the page nor the model knows web sockets
                await send({"type": "websocket.close"})
            return
        headers, has_body = _headers_of(scope), scope["method"] not in _WITHOUT_BODY
        scope = {**scope, "headers": [pair for pair in scope["headers"] if not _is_hearsay(pair)]}
        refusal = self._refuse_place(headers, scope["path"])
        if refusal is None and has_body:
            refusal = self._refuse_body(headers, scope["path"])
        if refusal is not None:
            await _answer(send, *refusal)
        elif not has_body:
            await self._app(scope, receive, _Answer(send))
        elif self._num_inside >= self._limits.max_working + self._limits.max_waiting:
            await _answer(send, 503, "too many requests at once; try again")
        else:
            await self._take_turn(scope, receive, send)

    def _refuse_place(self, headers: dict[str, str], path: str) -> tuple[int, str] | None:
        if _host_of("//" + headers.get("host", "")) not in self._limits.hosts:
            return 421, "this server is not known by that name"
        if self._limits.paths is not None and path not in self._limits.paths:
            return 404, f"there are {', '.join(self._limits.paths)}"
        return None

    def _refuse_body(self, headers: dict[str, str], path: str) -> tuple[int, str] | None:
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) not in self._limits.hosts:
            return 403, "a page from elsewhere may not ask this server"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or float(length) > self._limits.bytes_at(path):
            return self._too_large(path)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if self._limits.content_type not in (None, kind):
            return 415, f"a body must be {self._limits.content_type}"
        return None

    def _too_large(self, path: str) -> tuple[int, str]:
        return 413, f"the body of a request may have {self._limits.bytes_at(path):,} bytes"

    async def _take_turn(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        self._num_inside += 1
        try:
            async with self._turns:
                await self._serve(scope, receive, send)
        finally:
            self._num_inside -= 1

    async def _serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        body, answer = _Body(receive, self._limits, scope["path"]), _Answer(send)

        async def send_unless_refused(message: Message) -> None:
            if body.fault is None:
                await answer(message)

        try:
            await self._app(scope, body, send_unless_refused)
        except Exception:
            if body.fault is None:
                raise
        if body.fault is None or answer.has_begun:
            return
        await _answer(send, *self._word(body, scope["path"]))

    def _word(self, body: "_Body", path: str) -> tuple[int, str]:
        if body.fault == 408:
            return 408, f"no whole body in {self._limits.body_seconds:g} s"
        if body.has_too_many_marks:
            most = f"{self._limits.max_marks:,}"
            return 413, f"the body of a request may have {most} commas, colons, [ and {{"
        return self._too_large(path)


class _Body:
    """A request's body as it arrives; one that breaks a limit ends as if the client had left."""

    def __init__(self, receive: Receive, limits: Limits, path: str) -> None:
        self._receive, self._limits = receive, limits
        self._max_bytes = limits.bytes_at(path)
        self._num_bytes, self._num_marks, self._is_whole = 0, 0, False
        self._end = asyncio.get_running_loop().time() + limits.body_seconds
        self.fault: int | None = None  # the status of the answer

    async def __call__(self) -> Message:
        if self.fault is not None:
            return {"type": "http.disconnect"}
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            return self._break_off(408)
        self._count(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._num_bytes > self._max_bytes or self.has_too_many_marks:
            return self._break_off(413)
        return message

    @property
    def has_too_many_marks(self) -> bool:
        """Whether it has more values than are let in."""
        return self._limits.max_marks is not None and self._num_marks > self._limits.max_marks

    def _count(self, part: bytes) -> None:
        self._num_bytes += len(part)
        if self._limits.max_marks is not None:
            self._num_marks += sum(part.count(mark) for mark in _MARKS)

    def _break_off(self, fault: int) -> Message:
        self.fault = fault
        return {"type": "http.disconnect"}


class _Answer:
    """Passes an answer on; an error in JSON is held back until it is whole, and cut down."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._error: Message | None = None
        self._content = b""
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message.get("headers", ()))
            is_json = headers.get(b"content-type", b"").startswith(b"application/json")
            if message["status"] >= 400 and is_json:
                self._error = message
                return
        elif self._error is not None:
            self._content += message.get("body", b"")
            if not message.get("more_body", False):
                status = self._error["status"]
                await _answer(self._send, status, **_cut_down(self._content))
            return
        self.has_begun = True
        await self._send(message)


def _cut_down(content: bytes) -> dict[str, str]:
    """Return what an error says; a stack trace, or whatever else is with it, stays here."""
    try:
        told = json.loads(content)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return {}
    return {name: _shorten(str(told[name])) for name in _TOLD if name in told}


def _shorten(text: str) -> str:
    """Keep both ends: MLflow begins with the data and ends with the reason."""
    half = _LONGEST_MESSAGE // 2
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:half]} ... {text[-half:]}"


async def _answer(
    send: Send, status: int, message: str = "the request failed", **more: str
) -> None:
    content = json.dumps({"message": message, **more}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    if status == 503:
        headers.append((b"retry-after", b"%d" % _RETRY_SECONDS))
    if status in (403, 404, 408, 413, 415, 421):
        headers.append((b"connection", b"close"))  # the rest of the body is not read
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _headers_of(scope: MutableMapping[str, Any]) -> dict[str, str]:
    """Return each header once; one that is there twice is all of its values, which none allows."""
    pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]
    headers: dict[str, str] = {}
    for name, value in ((n.decode("latin-1"), v.decode("latin-1")) for n, v in pairs):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _is_hearsay(header: tuple[bytes, bytes]) -> bool:
    return header[0] == b"forwarded" or header[0].startswith(b"x-forwarded-")


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # such as an unclosed bracket
        return None
