"""One request and its answer, between h11 and an ASGI application."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final, Protocol

import h11

from meetupkit.http.asgi import AsgiApp, Message, Scope
from meetupkit.limited_log import LimitedLog

log = logging.getLogger(__name__)
limited = LimitedLog(log)

HELD_BYTES: Final = 64 * 1024
"""Of a body, received and not asked for by the application; then the sender waits."""
_REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
_ERROR: Final = b"Internal Server Error\n"


class Line(Protocol):
    """The connection an exchange is on."""

    def write(self, octets: bytes) -> None: ...
    async def drained(self) -> None: ...
    def want_body(self, wanted: bool) -> None: ...
    def answered(self, *, reusable: bool) -> None: ...


class Exchange:
    """``run`` asks the application; the connection feeds what the client sends."""

    def __init__(self, request: h11.Request, http: h11.Connection, line: Line, *, closing: bool) -> None:
        self._request = request
        self._http = http
        self._line = line
        self._closing = closing
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._changed = asyncio.Event()
        self._start: Message | None = None
        self._told_whole = False
        self.whole = False
        """The request has arrived to its end."""
        self.gone = False
        """The client has gone, or what it sends is not HTTP."""
        self.begun = False
        """The answer is under way."""
        self.ended = False

    def feed(self, octets: bytes) -> None:
        """A part of the body."""
        self._chunks.append(octets)
        self._held += len(octets)
        self._line.want_body(self._held < HELD_BYTES)
        self._changed.set()

    def complete(self) -> None:
        """The body has ended."""
        self.whole = True
        self._changed.set()

    def lose(self) -> None:
        """No more will come."""
        self.gone = True
        self._changed.set()

    async def run(self, app: AsgiApp, scope: Scope) -> None:
        """Have the application answer; whatever it does, the client gets an answer or its connection is closed."""
        try:
            await app(scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001  (a bug costs one request, and one line in a while)
            limited.error(
                "failed",
                "a request failed: %s",
                type(error).__name__,
                extra={"event": "request_failed"},
                exc_info=error,
            )
        if not self.begun and not self.gone:
            headers = [(b"content-type", b"text/plain")]
            await self.send({"type": "http.response.start", "status": 500, "headers": headers})
            await self.send({"type": "http.response.body", "body": _ERROR})
        if not self.ended:
            self.ended = True
            self._line.answered(reusable=False)

    async def receive(self) -> Message:
        """ASGI's ``receive``."""
        if self._http.they_are_waiting_for_100_continue and not self.begun:
            self._line.write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        while not (self._chunks or self.gone or self.ended or (self.whole and not self._told_whole)):
            self._changed.clear()
            await self._changed.wait()
        if self.gone:
            return {"type": "http.disconnect"}
        if self._chunks:
            chunk = self._chunks.popleft()
            self._held -= len(chunk)
            self._line.want_body(self._held < HELD_BYTES)
            more = not self.whole or bool(self._chunks)
            self._told_whole = not more
            return {"type": "http.request", "body": chunk, "more_body": more}
        if self.ended:
            return {"type": "http.disconnect"}
        self._told_whole = True  # who asks again waits for the client to leave: so a long answer learns of it
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        """ASGI's ``send``."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self.gone or self.ended or self._start is None:
            return
        more = bool(message.get("more_body", False))
        octets = self._begin(self._start) if not self.begun else b""
        body = bytes(message.get("body", b""))
        if body and self._request.method != b"HEAD":
            octets += self._http.send(h11.Data(data=body)) or b""
        if not more:
            octets += self._http.send(h11.EndOfMessage()) or b""
        self._line.write(octets)
        if more:
            await self._line.drained()
            return
        self.ended = True
        self._changed.set()
        self._line.answered(reusable=self.whole and self._http.our_state is h11.DONE)

    def _begin(self, start: Message) -> bytes:
        headers = [(bytes(name), bytes(value)) for name, value in start.get("headers", ())]
        headers.append((b"date", formatdate(usegmt=True).encode()))
        if (self._closing or not self.whole) and not any(name.lower() == b"connection" for name, _ in headers):
            headers.append((b"connection", b"close"))
        octets = (
            self._http.send(
                h11.Response(status_code=start["status"], headers=headers, reason=reason_of(start["status"]))
            )
            or b""
        )
        self.begun = True
        return octets


def reason_of(status: int) -> bytes:
    """The status in the standard's words."""
    return _REASONS.get(status, b"")


def scope_of(request: h11.Request, *, client: Any, server: Any) -> Scope:
    """ASGI's description of the request."""
    path, _, query = request.target.partition(b"?")
    headers: Iterable[tuple[bytes, bytes]] = request.headers
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.http_version.decode("ascii"),
        "method": request.method.decode("ascii"),
        "scheme": "http",
        "path": path.decode("ascii"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": client and client[:2],  # none, if the client was gone before it was accepted
        "server": server and server[:2],
    }
