"""Request limits: who may ask a server, how much, how many at once, for how long.

An ASGI middleware in front of the page and of the served detector. starlette checks the names of
the host; docs/decisions/0021-request-limits.md says why the rest is ours.
"""

import asyncio
import json
import logging
import re
import traceback
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from face_forgery.data.images.listing import printable
from face_forgery.limits import MAX_DIGITS

_LOG = logging.getLogger(__name__)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_OF_A_PROXY = re.compile(rb"forwarded\Z|x-forwarded-")
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))
JSON, BYTES = "application/json", "application/octet-stream"
_DOES_NOT_FIT = (LookupError, TypeError, ValueError)  # what Python raises for foreign data
_WITHOUT_BODY = {"GET", "HEAD", "OPTIONS"}
_RETRY_SECONDS = "1"
_KEPT_OF_ERRORS = ("error_code", "message", "detail")  # MLflow's have a stack trace as well
_LONGEST_MESSAGE = 500  # characters
_SMALL_BYTES = 2**20
_MARKS = (b",", b":", b"[", b"{")  # each is a value that a reader of JSON makes an object of


@dataclass(frozen=True)
class Limits:
    """What is let in.

    Attributes:
        hosts: Names and addresses that a browser may know the server by. Others are refused: the
            page of another site could point its name at this machine and ask by it.
        max_bytes: Of the body of a request.
        max_working: Requests with a body that are worked on at once.
        max_waiting: Further ones that wait, unread; those beyond are told to come back.
        body_seconds: In which a whole body must arrive once it is its turn.
        content_types: Patterns of those of a body; others get 415. ``None``: any.
        paths: Patterns of the only ones; others get 404. ``None``: what the application has.
        max_marks: Commas, colons and opening brackets in a body of JSON. 20 MB of them take two
            gigabytes and block everybody for 14 s; base64 has none. ``None``: any number.
        strict_json: JSON must be what all readers agree on: no NaN, Infinity, 1e999 or half of a
            surrogate pair, which applications take, and then fail to write into their answers. It
            is read as a whole: for small bodies.
        large_at: The only path whose bodies may have ``max_bytes``, others have 1 MiB: what is sent
            there goes to the disk as it comes, anything else into memory. ``None``: any path.
    """

    hosts: tuple[str, ...]
    max_bytes: int
    max_working: int
    max_waiting: int
    body_seconds: float
    content_types: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    max_marks: int | None = None
    strict_json: bool = False
    large_at: str | None = None

    def bytes_at(self, path: str) -> int:
        """Return how many bytes a body may have that is sent to ``path``."""
        return self.max_bytes if self.large_at in (None, path) else _SMALL_BYTES


def content_type_of(scope: Scope) -> str:
    """Return what a body is said to be, without parameters; bytes where nothing is said.

    Two that differ give one that nobody knows: readers would disagree which counts.
    """
    given = Headers(scope=scope).getlist("content-type") or [BYTES]
    return " and ".join(sorted({kind.partition(";")[0].strip().lower() for kind in given}))


class RequestLimits:
    """Passes a request on to ``app``, or answers it with the reason and without reading it.

    Another name in Host gets 400, the page of another site 403, another path 404, a body that is
    too large 413, too slow 408 or of another type 415, a request too many 503 with ``Retry-After``.
    Errors of ``app`` become JSON with code and message alone: a stack trace names the files of this
    machine. One that it raises gets 400 where the body does not fit, else 500, and one line in the
    log. Headers of proxies (``X-Forwarded-Host``) are dropped: anybody can write them.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits
        self._turns = asyncio.Semaphore(limits.max_working)
        self._num_inside = 0
        hosts = [f"[{host}]" if ":" in host else host for host in limits.hosts]
        self._known_hosts = TrustedHostMiddleware(self._check, hosts, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            headers = [pair for pair in scope["headers"] if not _OF_A_PROXY.match(pair[0])]
            await self._answer({**scope, "headers": headers}, receive, _Answer(send))
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:  # neither the page nor the model knows web sockets
            await send({"type": "websocket.close"})

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._known_hosts(scope, receive, answer)
        except ClientDisconnect:
            return
        except Exception as error:  # the servers would log a traceback
            _LOG.warning("%s %s: %s", scope["method"], _line(scope["path"]), describe(error))
            is_of_body = scope["method"] not in _WITHOUT_BODY and isinstance(error, _DOES_NOT_FIT)
            answer.fail(400 if is_of_body else 500)
        await answer.end()

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_body = scope["method"] not in _WITHOUT_BODY
        if (refusal := self._refuse(scope, has_body=has_body)) is not None:
            await refusal(scope, receive, send)
        elif has_body:
            await self._take_turn(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refuse(self, scope: Scope, *, has_body: bool) -> JSONResponse | None:
        paths = self._limits.paths
        if _is_from_elsewhere(Headers(scope=scope), has_body=has_body):
            return _answer(403, "the page of another site may not ask this server")
        if paths is not None and not _is_among(scope["path"], paths):
            return _answer(404, f"the paths are {', '.join(paths)}")
        return self._refuse_body(scope) if has_body else None

    def _refuse_body(self, scope: Scope) -> JSONResponse | None:
        limits, headers = self._limits, Headers(scope=scope)
        length, max_bytes = headers.get("content-length", "0"), limits.bytes_at(scope["path"])
        if not length.isdecimal() or float(length) > max_bytes:
            return _answer(413, _too_large(max_bytes))
        known, kind = limits.content_types, content_type_of(scope)
        if known is not None and not _is_among(kind, known):
            return _answer(415, f"a body must be {', '.join(known)}, not {kind[:100]}")
        if self._num_inside >= limits.max_working + limits.max_waiting:
            return _answer(503, "too many requests at once; try again")
        return None

    async def _take_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._num_inside += 1
        try:
            async with self._turns:
                await self._serve(scope, receive, send)
        finally:
            self._num_inside -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive, self._limits, scope)
        has_begun = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal has_begun
            if body.refusal is None:
                has_begun = True
                await send(message)

        try:
            await self._app(scope, body, send_unless_refused)
        except Exception:
            if body.refusal is None:
                raise
        if body.refusal is not None and not has_begun:
            await body.refusal(scope, receive, send)


class _Body:
    """Receives a request's body; one that breaks a limit ends as if the client had left.

    An error in its place would reach the application within its own middleware, which makes 500
    of it.
    """

    def __init__(self, receive: Receive, limits: Limits, scope: Scope) -> None:
        self._receive, self._limits = receive, limits
        self._max_bytes = limits.bytes_at(scope["path"])
        self._is_json = content_type_of(scope) == JSON
        self._max_marks = limits.max_marks if self._is_json else None
        self._num_bytes = self._num_marks = 0
        self._end_of_last = b""
        self._whole = bytearray() if self._is_json and limits.strict_json else None
        self._end: float | None = asyncio.get_running_loop().time() + limits.body_seconds
        self.refusal: JSONResponse | None = None

    async def __call__(self) -> Message:
        message: Message = {"type": "http.disconnect"}
        if self.refusal is not None:
            return message
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
            if not message.get("more_body", False):
                self._end = None
            self.refusal = self._refuse_part(message.get("body", b""))
            if self.refusal is None and self._end is None:
                self.refusal = self._refuse_whole()
        except TimeoutError:
            self.refusal = _answer(408, f"no whole body in {self._limits.body_seconds:g} s")
        return message if self.refusal is None else {"type": "http.disconnect"}

    def _refuse_part(self, part: bytes) -> JSONResponse | None:
        self._num_bytes += len(part)
        if self._num_bytes > self._max_bytes:
            return _answer(413, _too_large(self._max_bytes))
        if self._max_marks is not None:
            self._num_marks += sum(part.count(mark) for mark in _MARKS)
            if self._num_marks > self._max_marks:
                return _answer(413, f"a body may have {self._max_marks:,} commas, colons, [ and {{")
        if self._is_json:
            if _LONG_NUMBER.search(self._end_of_last + part):  # Python's json would fail at it
                return _answer(400, f"a number in a body may have {MAX_DIGITS:,} digits")
            self._end_of_last = part[-MAX_DIGITS:]
        if self._whole is not None:
            self._whole += part
        return None

    def _refuse_whole(self) -> JSONResponse | None:
        whole, self._whole = self._whole, None
        try:  # what is read can be written again, as JSON and as UTF-8
            if whole is not None:
                json.dumps(json.loads(whole), allow_nan=False, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return _answer(400, "a body must be JSON, without NaN, Infinity and halves of pairs")
        return None


class _Answer:
    """Sends an answer; an error is kept until its end, becomes JSON and closes the connection."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._has_begun = False
        self._error: Message | None = None
        self._content = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._error = message
        elif self._error is None:
            self._has_begun = True
            await self._send(message)
        else:
            self._content += message.get("body", b"")

    def fail(self, status: int) -> None:
        """Answer that the application failed, unless part of another answer is sent."""
        if not self._has_begun:
            self._error = {"type": "http.response.start", "status": status, "headers": []}
            self._content = b""

    async def end(self) -> None:
        """Send the error, if there is one."""
        if self._error is None:
            return
        given = Headers(raw=self._error.get("headers", []))
        content = _shorten(
            self._content, is_text=given.get("content-type", "").startswith("text/plain")
        )
        headers = MutableHeaders(raw=list(given.raw))
        headers["content-type"], headers["content-length"] = JSON, str(len(content))
        headers["connection"] = "close"  # its body is left unread
        await self._send({**self._error, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": content})


def describe(error: Exception) -> str:
    """Return one line that says what was raised, and where."""
    (place,) = traceback.extract_tb(error.__traceback__, limit=-1)
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return f"{type(error).__name__}: {_line(str(error))} ({where})"


def _line(text: str) -> str:
    return _cut(printable(text.encode(errors="backslashreplace").decode()))


def _shorten(content: bytes, *, is_text: bool) -> bytes:
    """Return what an error says, without a stack trace or whatever else is with it."""
    if is_text:  # of starlette
        return json.dumps({"message": _cut(content.decode(errors="replace"))}).encode()
    try:
        error: Any = json.loads(content)
    except ValueError:
        error = None
    kept = {"message": "the request failed"}
    if isinstance(error, dict):
        kept |= {name: _cut(str(error[name])) for name in _KEPT_OF_ERRORS if name in error}
    return json.dumps(kept).encode()


def _cut(text: str) -> str:
    """Keep both ends: MLflow begins with the data and ends with the reason."""
    half = _LONGEST_MESSAGE // 2
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:half]} ... {text[-half:]}"


def _answer(status: int, message: str) -> JSONResponse:
    headers = {"retry-after": _RETRY_SECONDS} if status == 503 else None
    return JSONResponse({"message": message}, status, headers)


def _too_large(max_bytes: int) -> str:
    return f"the body of a request may have {max_bytes:,} bytes"


def _is_among(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _is_from_elsewhere(headers: Headers, *, has_body: bool) -> bool:
    """Say whether a browser asks for a page that this server did not send.

    Behind a proxy with TLS the scheme differs: names and ports are compared.
    """
    here = headers.get("host", "").lower()
    if any(origin.lower().partition("://")[2] != here for origin in headers.getlist("origin")):
        return True
    sites = {site.lower() for site in headers.getlist("sec-fetch-site")}
    return has_body and not sites <= {"same-origin", "none"}
