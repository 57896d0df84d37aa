"""uvicorn in a thread, with the two things it lacks: a limit of time for a request's head, and signals left alone."""

import asyncio
import socket
import threading
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: Final = 10.0
"""A client sends a request's head at once; one that drips it holds a connection."""
_CONNECTIONS: Final = 256
"""Five streams, a few scrapers and people; beyond this many at once, senders are told to come back (503)."""
_IDLE_SECONDS: Final = 30
"""Longer than a stream's usual gap between two requests, so that it keeps its connection."""
DRAIN_SECONDS: Final = 3
"""What a request under way gets at a stop: it takes about a second at most, and the whole service has ten."""


class _BoundedHead(H11Protocol):
    """Cuts connections whose next request has begun and does not get past its head, and silent new ones."""

    head_seconds = HEAD_SECONDS
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._await_head()
        else:
            self._cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._cut)

    def _cancel(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

    def _cut(self) -> None:
        self._head_timer = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()


class HttpServer:
    """Serves the application from ``start`` to ``stop``; ``port`` 0 takes a free one."""

    def __init__(self, app: ASGIApp, *, host: str, port: int, head_seconds: float = HEAD_SECONDS) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_CONNECTIONS)
        # Inherited by connections. asyncio sets it only where the socket names TCP, which ours does not; without it
        # each answer waits 40 ms for an acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        options: dict[str, Any] = {
            "http": type("BoundedHead", (_BoundedHead,), {"head_seconds": head_seconds}),
            "ws": "none",
            "lifespan": "off",
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "proxy_headers": False,
            "limit_concurrency": _CONNECTIONS,
            "timeout_keep_alive": _IDLE_SECONDS,
            "timeout_graceful_shutdown": DRAIN_SECONDS,
        }
        self._server = uvicorn.Server(uvicorn.Config(app, **options))
        # Not in the main thread, where uvicorn would take the signals and end the process by them.
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port it took."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Connections are accepted from here on: the socket listens already."""
        self._thread.start()

    def stop(self) -> None:
        """Accept no more, finish what is under way within ``DRAIN_SECONDS``; returns at once."""
        self._server.should_exit = True

    def join(self, seconds: float) -> None:
        """Wait for the end of ``stop``."""
        self._thread.join(seconds)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])
