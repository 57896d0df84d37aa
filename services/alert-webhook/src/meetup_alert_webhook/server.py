"""uvicorn, with what it leaves out: a sender that does not finish its headers is cut off.

uvicorn limits the time between requests, but waits without end for the first byte and for the rest of the headers, so
a few hundred idle connections would hold every file descriptor. Bodies are limited in ``bodies``.
"""

import asyncio
import socket
import threading
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

_KEEP_ALIVE_SECONDS: Final = 65
"""Longer than Alertmanager's and a load balancer's idle connections live by default, so that they close first."""
_GRACE_SECONDS: Final = 15
"""For requests under way at SIGTERM: half a pod's default grace period, and more than one alert may take."""

_BACKLOG: Final = 512
"""Connections the kernel holds until they are accepted: a burst of Pub/Sub's pushes."""


def impatient(header_seconds: float) -> type[H11Protocol]:
    """A protocol that closes connections whose request head is not complete in time."""

    class ImpatientProtocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)  # type: ignore[arg-type]
            self._expect_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_expecting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._deadline is None and not self._answering():
                self._expect_head()
            super().data_received(data)

        def handle_events(self) -> None:
            super().handle_events()
            if self._answering():
                self._stop_expecting()

        def _answering(self) -> bool:
            """Whether a request's head is complete and its answer is not."""
            cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever uvicorn declares
            return cycle is not None and not cycle.response_complete

        def _expect_head(self) -> None:
            self._deadline = self.loop.call_later(header_seconds, self.transport.abort)

        def _stop_expecting(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return ImpatientProtocol


class ApiServer:
    """Serves ``app`` on ``listener`` in a thread of its own, until ``stop``."""

    def __init__(self, app: FastAPI, listener: socket.socket, *, header_seconds: float) -> None:
        config = uvicorn.Config(
            app,
            http=impatient(header_seconds),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = uvicorn.Server(config)  # leaves signals alone outside the main thread
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections, answer what is under way, and return."""
        self._server.should_exit = True
        self._thread.join()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ``OSError``. Bound here, so that a taken port is one line at the start."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said to be TCP, or asyncio leaves Nagle's algorithm on, and answers wait 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
