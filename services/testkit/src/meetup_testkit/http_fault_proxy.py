"""A reverse proxy for HTTP that answers a share of the requests itself, and can put nonsense into answers' headers.

For the upstreams that cannot be told to fail, Cloud Storage's emulator first of all::

    with HttpFaultProxy("127.0.0.1", upstream_port) as proxy:
        proxy.answer(503, every=10)
        ...
        proxy.heal()

Each request has a connection of its own to the upstream, and each answer says ``Connection: close``. Bodies of answers
pass as they come, endless ones too. Requests need a ``Content-Length`` if they have a body.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from meetup_testkit.proxy import Proxy

_HEAD_BYTES: Final = 256 * 1024
"""A look-up of 200 long ids has a request line of 4 kB; nothing comes near this."""
_BLOCK_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class _Fault:
    """What holds now. Without ``statuses`` it answers nothing itself; ``headers`` replace those of the upstream's."""

    statuses: tuple[int, ...] = ()
    every: int = 1
    sent: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: int = 0

    def strikes(self) -> bool:
        """Whether this request is one of the share: of ten, the first, so that a share needs no luck to be met."""
        self.asked += 1
        return bool(self.statuses) and (self.asked - 1) % self.every == 0

    def status(self) -> int:
        """Of the request that it strikes: each in its turn."""
        return self.statuses[(self.asked - 1) // self.every % len(self.statuses)]


class HttpFaultProxy(Proxy):
    """Forwards every request to ``host:port``; ``self.port`` is its own."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, name="http-fault-proxy", buffer_bytes=_HEAD_BYTES)
        self._fault = _Fault()
        self._clients: set[asyncio.StreamWriter] = set()
        self._fired = 0
        self._passed = 0

    @property
    def fired(self) -> int:
        """How many answers were its own, or had a header replaced."""
        return self._fired

    @property
    def passed(self) -> int:
        """How many requests the upstream got."""
        return self._passed

    def answer(self, *statuses: int, every: int = 1, headers: Mapping[str, str] | None = None) -> None:
        """Answer each ``every``-th request from now on in the upstream's place: with these statuses in turn."""
        self._thread.do(lambda: self._become(_Fault(statuses, every, headers or {})))

    def replace_headers(self, headers: Mapping[str, str]) -> None:
        """The upstream's answers have these headers from now on, in place of its own of the same names."""
        self._thread.do(lambda: self._become(_Fault(headers=headers)))

    def end_open(self) -> None:
        """End every open connection now."""
        self._thread.do(self._end_open)

    def heal(self) -> None:
        """Forward everything as it is."""
        self._thread.do(lambda: self._become(_Fault()))

    def _become(self, fault: _Fault) -> None:
        self._fault = fault

    def _end_open(self) -> None:
        for client in self._clients:
            client.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and its answer."""
        self._clients.add(writer)
        try:
            request = await _read_request(reader)
            if self._fault.strikes():
                self._fired += 1
                writer.write(_own_answer(self._fault))
                await writer.drain()
            else:
                self._passed += 1
                await self._forward(request, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one side is gone: the other learns it by the close below
        finally:
            self._clients.discard(writer)

    async def _forward(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer, upstream = await self._connect()
        watching = asyncio.ensure_future(reader.read(1))  # ends when the client leaves, who sends no second request
        try:
            upstream.write(request)
            relaying = asyncio.ensure_future(self._relay(answer, writer))
            await asyncio.wait((relaying, watching), return_when=asyncio.FIRST_COMPLETED)
            relaying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await relaying
        finally:
            upstream.close()  # first: a stop of the proxy may end this task at any await
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _relay(self, answer: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        replaced = self._fault.headers
        self._fired += bool(replaced)
        writer.write(_with_headers(await answer.readuntil(b"\r\n\r\n"), {**replaced, "Connection": "close"}))
        while data := await answer.read(_BLOCK_BYTES):
            writer.write(data)
            await writer.drain()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    """Head and body as they are to be sent on."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return _with_headers(head, {"Connection": "close"}) + await reader.readexactly(int(lengths[0]) if lengths else 0)


def _with_headers(head: bytes, headers: Mapping[str, str]) -> bytes:
    """The head with these headers in place of its own of the same names."""
    names = tuple(f"{name.lower()}:".encode() for name in headers)
    kept = [line for line in head.rstrip(b"\r\n").split(b"\r\n") if not line.lower().startswith(names)]
    return b"\r\n".join([*kept, *(f"{name}: {value}".encode() for name, value in headers.items())]) + b"\r\n\r\n"


def _own_answer(fault: _Fault) -> bytes:
    """In the form of Google's JSON APIs, in which the others read no more than that it is not theirs."""
    status = fault.status()
    phrase = HTTPStatus(status).phrase
    message = f"{phrase} (a fault was asked for)"
    error = {"code": status, "message": message, "errors": [{"message": message, "reason": "injected"}]}
    body = json.dumps({"error": error}).encode()
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return _with_headers(head.encode(), {**fault.sent, "Connection": "close"}) + body
