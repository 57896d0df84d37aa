"""HTTP/1.1 on raw asyncio streams: h11 reads the requests, the answers are written byte for byte.

No framework, because the faults need the wire itself: a chunk that is never finished, a reset, half a body, silence
after the head, several chunks in one write.
"""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import h11

from meetup_simulator.http.listening import ReservedPort

log = logging.getLogger(__name__)

_READ_BYTES: Final = 64 * 1024
_BODY_BYTES: Final = 256 * 1024
"""Only faults are posted; the longest holds one line of text."""
_SEND_BUFFER_BYTES: Final = 64 * 1024
"""Kept small so that little lies between the server and a client that dies: what was sent counts as published."""
_REFUSED_SECONDS: Final = 1.0

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``query`` holds the last value of each parameter, those without a value too (``trickle``)."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    host: str


@dataclass(frozen=True, slots=True)
class Response:
    """One answer with a body of known length."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def encode(self) -> bytes:
        """Status line, headers and body as they go over the wire."""
        return head(self.status, (*self.headers, ("Content-Length", str(len(self.body))))) + self.body


def head(status: int, headers: Headers) -> bytes:
    """Status line and headers, with the blank line after them."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    date = ("Date", formatdate(usegmt=True))
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in (date, *headers)), "", ""]
    return "\r\n".join(lines).encode("latin-1")


class Connection:
    """One client's connection, down to the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        peer = writer.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else ""
        self._unread = b""

    async def send(self, data: bytes) -> None:
        """Write, and wait while the client is behind."""
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """End the connection with RST; what the client has not received yet is lost."""
        linger_for_nothing = struct.pack("ii", 1, 0)
        raw = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_nothing)
        self._writer.transport.abort()

    def close(self) -> None:
        """End the connection with FIN, after everything written."""
        self._writer.close()

    async def gone(self) -> None:
        """Return when the client has left; what it sends meanwhile is dropped."""
        with contextlib.suppress(OSError):
            while await self._reader.read(_READ_BYTES):
                pass

    async def read_request(self) -> Request | None:
        """The next request, or ``None`` when the client has left; raises ``h11.RemoteProtocolError``."""
        parser = h11.Connection(h11.SERVER)
        if self._unread:  # to h11 no data is the end of data
            parser.receive_data(self._unread)
            self._unread = b""
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                data = await self._reader.read(_READ_BYTES)
                if not data:
                    return None
                parser.receive_data(data)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > _BODY_BYTES:
                    raise h11.RemoteProtocolError("the body is too long", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                self._unread = parser.trailing_data[0]
                return _request(request, bytes(body))
            else:
                return None


def _request(event: h11.Request, body: bytes) -> Request:
    target = urlsplit(event.target.decode("latin-1"))
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
    return Request(
        method=event.method.decode("latin-1"),
        path=target.path,
        query=dict(parse_qsl(target.query, keep_blank_values=True)),
        headers=headers,
        body=body,
        host=headers.get("host", ""),
    )


Handle = Callable[[Request, Connection], Awaitable[Response | None]]
"""Answers a request; ``None`` when it has written the answer itself and the connection is done with."""


class HttpServer:
    """Accepts connections on a reserved port, and can refuse them for a while."""

    def __init__(self, reserved: ReservedPort, handle: Handle) -> None:
        self._reserved = reserved
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reopening: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Listen."""
        if self._server is not None:
            return
        listener = self._reserved.listen()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)  # accepted sockets inherit it
        self._server = await asyncio.start_server(self._accept, sock=listener)

    def refuse(self, seconds: float | None) -> None:
        """Let the kernel refuse new connections for so many seconds; open ones go on."""
        self._stop_listening()
        loop = asyncio.get_running_loop()
        self._reopening = loop.call_later(
            _REFUSED_SECONDS if seconds is None else seconds, lambda: self._spawn(self.start())
        )

    async def allow(self) -> None:
        """Listen again now."""
        if self._reopening:
            self._reopening.cancel()
        await self.start()

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._reopening:
            self._reopening.cancel()
        self._stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _stop_listening(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        # Not in the conversation itself, which a stop may end before it began.
        self._spawn(self._converse(connection)).add_done_callback(lambda _: connection.close())

    def _spawn(self, work: Awaitable[None]) -> asyncio.Future[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _converse(self, connection: Connection) -> None:
        try:
            while request := await connection.read_request():
                response = await self._handle(request, connection)
                if response is None:
                    return
                await connection.send(response.encode())
                if request.headers.get("connection", "").lower() == "close":
                    return
        except h11.RemoteProtocolError as error:
            refusal = Response(error.error_status_hint or 400, (("Connection", "close"),), b"")
            with contextlib.suppress(OSError):
                await connection.send(refusal.encode())
        except OSError:
            pass  # the client left in the middle; that is its right
        except Exception:
            log.exception("a request could not be answered", extra={"event": "request_failed"})
