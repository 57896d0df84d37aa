"""An ASGI application on uvicorn in a thread, with what uvicorn leaves out: a limit of time for a request's head.

uvicorn limits the time between two requests, but waits without end for the first byte and for the rest of a head, so a
few hundred idle connections would hold every file descriptor. Bodies are bounded by the application that reads them.
"""

import asyncio
import logging
import socket
import threading
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

HEAD_SECONDS: Final = 10.0
"""A client sends a request's head at once; one that drips it holds a connection."""
_WATCH_SECONDS: Final = 1.0
"""How often it is seen to that the server still runs: a probe's failure would take longer."""


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


class ApiServer:
    """Serves the application from ``start`` to ``stop``; signals are left to the main thread.

    ``port`` 0 takes a free one. Beyond ``connections`` at once, senders are told to come back (503). A connection is
    kept for ``idle_seconds`` between two requests; a request under way gets ``drain_seconds`` at a stop. Raises
    ``OSError`` if the address cannot be had.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        connections: int,
        idle_seconds: int,
        drain_seconds: int,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        # Bound here and not by uvicorn, so that a taken port is one line at the start.
        self._socket = _listening(host, port, connections)
        options: dict[str, Any] = {
            "http": type("BoundedHead", (_BoundedHead,), {"head_seconds": head_seconds}),
            "ws": "none",
            "lifespan": "off",
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "proxy_headers": False,
            "limit_concurrency": connections,
            "backlog": connections,
            "timeout_keep_alive": idle_seconds,
            "timeout_graceful_shutdown": drain_seconds,
        }
        self._server = uvicorn.Server(uvicorn.Config(app, **options))
        # Not in the main thread, where uvicorn would take the signals and end the process by them.
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)

    @property
    def port(self) -> int:
        """The port it took."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Connections are accepted from here on: the socket listens already."""
        self._thread.start()

    def serve_until(self, told_to_stop: threading.Event) -> bool:
        """Wait to be told; false, and an error logged, if the server has ended by itself: the process is of no use."""
        while not told_to_stop.wait(_WATCH_SECONDS):
            if not self._thread.is_alive():
                log.critical("the HTTP server has ended by itself", extra={"event": "server_ended"})
                return False
        return True

    def stop(self) -> None:
        """Accept no more, and finish what is under way; returns at once."""
        self._server.should_exit = True

    def join(self, seconds: float | None = None) -> None:
        """Wait for the end of ``stop``."""
        self._thread.join(seconds)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _listening(host: str, port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said to be TCP, or asyncio leaves Nagle's algorithm on, and answers wait 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener
