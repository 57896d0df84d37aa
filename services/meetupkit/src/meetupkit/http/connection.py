"""One connection of a server: heads, bodies and answers, each with a time by which it must be done."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import h11

from meetupkit.http.asgi import AsgiApp
from meetupkit.http.connections import Connections, Phase
from meetupkit.http.exchange import HELD_BYTES, Exchange, reason_of, scope_of
from meetupkit.http.request_head import MAX_BYTES, Refusal, refusal_of, refusal_of_begin
from meetupkit.limited_log import LimitedLog

log = logging.getLogger(__name__)
limited = LimitedLog(log)

_LINGER_SECONDS: Final = 1.0
"""After an answer to a request whose rest is not read: closed at once, the client would lose the answer as well."""
_LINGER_BYTES: Final = 4 * 1024 * 1024
"""How much of that rest is thrown away."""

_FREE_CHUNKS: Final = 256
_BYTES_PER_CHUNK: Final = 256
"""On average, beyond the free ones. Clients send chunks of 4 KiB and more; a megabyte by single bytes took seconds."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, each for the whole of its step."""

    head: float
    """From the first byte of a request (or the connection's begin) to the end of its head."""
    body: float
    """For a body; applications mostly set a shorter one."""
    idle: float
    """Between two requests."""
    write: float = 10.0
    """For a client to take an answer: a scraper takes it at once."""


class HttpConnection(asyncio.Protocol):
    """Serves requests one after another; what is pipelined waits for its turn."""

    def __init__(self, app: AsgiApp, connections: Connections, times: Times, is_stopping: Callable[[], bool]) -> None:
        self._app = app
        self._connections = connections
        self._times = times
        self._is_stopping = is_stopping
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._phase = Phase.HEAD
        self._timer: asyncio.TimerHandle | None = None
        self._http: h11.Connection | None = None
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._reusable = False
        self._half_closed = False
        self._lingered = self._chunks = self._chunk_bytes = 0
        self._taken: asyncio.Event = asyncio.Event()
        self._taken.set()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (says to mypy what asyncio promises)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)
        if not self._connections.admit(self, Phase.HEAD):
            transport.abort()
            return
        self._arm(self._times.head)

    def data_received(self, data: bytes) -> None:
        match self._phase:
            case Phase.LINGERING:
                self._throw_away(len(data))
            case Phase.BODY:
                self._receive(data)
            case Phase.WORKING | Phase.WRITING:
                self._hold(data)
            case _:
                self._buffer += data
                self._read_head()

    def eof_received(self) -> bool:
        """A client may say that it sends no more, and wait for its answer."""
        self._half_closed = True
        if self._phase is Phase.BODY:
            self._receive(b"")
        return self._phase in (Phase.WORKING, Phase.WRITING)

    def pause_writing(self) -> None:
        self._taken.clear()

    def resume_writing(self) -> None:
        self._taken.set()
        if self._phase is Phase.WRITING:
            self._answer_taken()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (why it is gone changes nothing)
        self._disarm()
        self._connections.remove(self)
        self._taken.set()
        if self._exchange:
            self._exchange.lose()

    # What the list of connections and the server call.

    def give_up(self) -> None:
        """Close at once."""
        self._transport.abort()

    def close(self) -> None:
        """Close when what has been written is out."""
        self._transport.close()

    # What an exchange calls.

    def write(self, octets: bytes) -> None:
        """Send."""
        if octets and not self._transport.is_closing():
            self._transport.write(octets)

    async def drained(self) -> None:
        """Wait until the client has taken what was written."""
        if not self._taken.is_set():
            self._enter(Phase.WRITING, self._times.write)
            await self._taken.wait()

    def want_body(self, wanted: bool) -> None:
        """Read on, or let the sender wait."""
        if self._transport.is_closing():
            return
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def answered(self, *, reusable: bool) -> None:
        """The answer is written; ``reusable``: nothing stands in the way of another request."""
        if self._phase is Phase.LINGERING or self._transport.is_closing():
            return  # refused meanwhile
        self._reusable = reusable and not self._half_closed and not self._is_stopping()
        if self._exchange and not self._exchange.begun:
            self._transport.abort()
        elif self._taken.is_set():
            self._answer_taken()
        else:
            self._enter(Phase.WRITING, self._times.write)

    # Steps of a request.

    def _read_head(self) -> None:
        if self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]  # RFC 9112, section 2.2: one empty line before a request
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_BYTES + 4)
        refusal = refusal_of_begin(self._buffer) if end < 0 else refusal_of(bytes(self._buffer[: end + 4]))
        if refusal:
            self._refuse(refusal)
        elif end < 0:
            if self._phase is not Phase.HEAD and self._buffer:
                self._enter(Phase.HEAD, self._times.head)
        else:
            self._begin()

    def _begin(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_BYTES)
        self._http.receive_data(bytes(self._buffer))
        self._buffer.clear()
        try:
            request = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._refuse(Refusal(error.error_status_hint, "the request is malformed"))
            return
        assert isinstance(request, h11.Request)  # noqa: S101  (the head is whole)
        self._chunks = self._chunk_bytes = 0
        self._exchange = Exchange(request, self._http, self, closing=self._is_stopping())
        self._enter(Phase.BODY, self._times.body)
        self._pump()
        if self._phase in (Phase.BODY, Phase.WORKING):
            client, server = (self._transport.get_extra_info(name) for name in ("peername", "sockname"))
            scope = scope_of(request, client=client, server=server)
            self._task = self._loop.create_task(self._exchange.run(self._app, scope))

    def _receive(self, data: bytes) -> None:
        if self._http:
            self._http.receive_data(data)
            self._pump()

    def _pump(self) -> None:
        """Take what h11 has understood of the body."""
        if not self._http or not self._exchange:
            return
        try:
            while True:
                event = self._http.next_event()
                if isinstance(event, h11.Data):
                    self._count(event)
                    self._exchange.feed(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    self._body_ended()
                    return
                else:
                    return
        except h11.RemoteProtocolError as error:
            self._exchange.lose()
            if self._exchange.begun:
                self._transport.abort()
            else:
                self._refuse(Refusal(error.error_status_hint, "the body is cut off or not framed as HTTP says"))

    def _count(self, event: h11.Data) -> None:
        """Each chunk costs as much as hundreds of bytes: a body cut into ever so many is somebody's bad intent."""
        self._chunks += event.chunk_start
        self._chunk_bytes += len(event.data)
        if self._chunks > _FREE_CHUNKS + self._chunk_bytes // _BYTES_PER_CHUNK:
            raise h11.RemoteProtocolError("chunks too small")

    def _body_ended(self) -> None:
        if not self._http or not self._exchange:
            return
        self._buffer += self._http.trailing_data[0]
        self._exchange.complete()
        if self._phase is Phase.BODY:
            self._enter(Phase.WORKING)

    def _hold(self, data: bytes) -> None:
        """Of a request that follows before the answer, a little is kept."""
        if self._exchange and not self._exchange.whole:
            self._receive(data)
            return
        self._buffer += data
        if len(self._buffer) > HELD_BYTES:
            self._transport.pause_reading()

    def _answer_taken(self) -> None:
        if self._exchange and not self._exchange.ended:
            self._enter(Phase.WORKING)  # more of the answer is to come
        elif self._reusable:
            self._http = self._exchange = self._task = None
            self._enter(Phase.IDLE, self._times.idle)
            self._transport.resume_reading()
            if self._buffer:
                self._loop.call_soon(self._next)
        elif self._exchange and self._exchange.whole and not self._buffer:
            self._transport.close()
        else:
            self._linger()

    def _next(self) -> None:
        if self._phase is Phase.IDLE and self._buffer and not self._transport.is_closing():
            self._read_head()

    def _refuse(self, refusal: Refusal) -> None:
        """Answered here, because no application could be asked, and closed."""
        limited.warning(
            f"refused {refusal.status}",
            "a request was refused: %s",
            refusal.why,
            extra={"event": "http_refused", "status": refusal.status},
        )
        body = json.dumps({"detail": [refusal.why]}).encode()
        self.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n"
            % (refusal.status, reason_of(refusal.status), len(body))
            + body
        )
        self._linger()

    def _linger(self) -> None:
        self._buffer.clear()
        if self._half_closed or self._transport.is_closing():
            self._transport.close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._transport.resume_reading()
        self._enter(Phase.LINGERING, _LINGER_SECONDS)

    def _throw_away(self, octets: int) -> None:
        self._lingered += octets
        if self._lingered > _LINGER_BYTES:
            self._transport.abort()

    # Time.

    def _enter(self, phase: Phase, seconds: float | None = None) -> None:
        if self._transport.is_closing():
            return
        self._phase = phase
        self._connections.move(self, phase)
        self._arm(seconds)

    def _arm(self, seconds: float | None) -> None:
        self._disarm()
        if seconds is not None:
            self._timer = self._loop.call_later(seconds, self._late)

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._phase is Phase.BODY and self._exchange and not self._exchange.begun:
            self._exchange.lose()
            self._refuse(Refusal(408, "the body did not arrive in time"))
        else:
            self._transport.abort()
