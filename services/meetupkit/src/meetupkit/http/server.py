"""An ASGI application served over HTTP/1.1 in a thread, to clients that may be hostile.

Every step of a connection has a total time; heads that two readers may read differently are refused; and when there are
as many connections as there may be, one on which nothing is being worked on is closed for the new one. How much the
application works on at once is its own to bound, path by path.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from meetupkit.foreign_text import printable
from meetupkit.http.asgi import AsgiApp
from meetupkit.http.connection import HttpConnection, Times
from meetupkit.http.connections import Connections
from meetupkit.http.listening import connections_allowed, listening_socket
from meetupkit.limited_log import LimitedLog

log = logging.getLogger(__name__)
limited = LimitedLog(log)

HEAD_SECONDS: Final = 10.0
"""A client sends a request's head at once; one that drips it holds a connection."""
BODY_SECONDS: Final = 60.0
"""For the largest body on the slowest line; applications set less."""
_BACKLOG: Final = 1024
"""Connections the system holds before they are accepted."""
_ACCEPTED_AT_ONCE: Final = 64
"""Then those that are there get their turn."""
_EXHAUSTED_SECONDS: Final = 0.1
"""No descriptor, no memory: something must end before the next connection can be accepted."""
_DRAIN_LOOK_SECONDS: Final = 0.02
"""How often it is seen to that all have been answered."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class HttpServer:
    """Serves the application from ``start`` to ``stop``; signals are left to the main thread.

    ``port`` 0 takes a free one. A connection is kept for ``idle_seconds`` between two requests; a request under way
    gets ``drain_seconds`` at a stop. ``on_failure`` is called should the server end by itself: then the process is of
    no use. Raises ``OSError`` if the address cannot be had.
    """

    def __init__(
        self,
        app: AsgiApp,
        *,
        host: str,
        port: int,
        connections: int,
        idle_seconds: float,
        drain_seconds: float,
        head_seconds: float = HEAD_SECONDS,
        body_seconds: float = BODY_SECONDS,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        # Bound here, so that a taken port is one line at the start.
        self._socket = listening_socket(host, port, _BACKLOG)
        self._app = app
        self._times = Times(head=head_seconds, body=body_seconds, idle=idle_seconds)
        self._drain_seconds = drain_seconds
        self._on_failure = on_failure
        self._connections = Connections(connections_allowed(connections))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_to_stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._stopping = False
        self._accepting: set[asyncio.Task[object]] = set()
        self.failed = False
        """It ended without being told to."""
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port it took."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Connections are answered from here on."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Accept no more, and finish what is under way; returns at once."""
        self._stopping = True
        if self._loop and self._told_to_stop:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._told_to_stop.set)

    def join(self, seconds: float | None = None) -> None:
        """Wait for the end of ``stop``."""
        if self._thread.ident:
            self._thread.join(seconds)
        else:
            self._socket.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception:
            log.critical("the HTTP server has failed", exc_info=True, extra={"event": "server_failed"})
        finally:
            self._ready.set()
            self._socket.close()
            if not self._stopping:
                self.failed = True
                log.critical("the HTTP server has ended by itself", extra={"event": "server_ended"})
                self._on_failure()

    async def _serve(self) -> None:
        self._loop, self._told_to_stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(_report)
        self._loop.add_reader(self._socket, self._accept)
        self._ready.set()
        if not self._stopping:
            await self._told_to_stop.wait()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        await self._drain()

    async def _drain(self) -> None:
        """Those without a request are closed; the others get their answers, if those come in time."""
        until = asyncio.get_running_loop().time() + self._drain_seconds
        while len(self._connections) and asyncio.get_running_loop().time() < until:
            for waiting in self._connections.waiting():
                waiting.give_up()
            await asyncio.sleep(_DRAIN_LOOK_SECONDS)
        for left in self._connections.all():
            left.give_up()

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._exhausted(error)
                    return
                continue  # the client has gone before it was accepted
            self._take(accepted)

    def _take(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        accepted.setblocking(False)
        made = loop.create_task(loop.connect_accepted_socket(self._connection, accepted))
        self._accepting.add(made)
        made.add_done_callback(self._accepted)

    def _accepted(self, made: asyncio.Task[object]) -> None:
        self._accepting.discard(made)
        if not made.cancelled() and (error := made.exception()):
            limited.warning("lost", "a connection was lost at its begin: %s", type(error).__name__)

    def _connection(self) -> HttpConnection:
        return HttpConnection(self._app, self._connections, self._times, lambda: self._stopping)

    def _exhausted(self, error: OSError) -> None:
        """One is given up, and those that wait to be accepted wait a moment longer."""
        limited.error(
            "exhausted",
            "no connection can be accepted for the moment: %s; idle ones are closed",
            error.strerror,
            extra={"event": "connections_exhausted"},
        )
        self._connections.give_up_one()
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.call_later(_EXHAUSTED_SECONDS, self._accept_again)

    def _accept_again(self) -> None:
        if not self._stopping:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)


def _report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """asyncio's own reports, which whoever connects may cause; it closes the connection they are about."""
    error = context.get("exception")
    limited.error(
        "loop",
        "a connection failed: %s",
        type(error).__name__ if error else printable(str(context.get("message", ""))),
        extra={"event": "connection_failed"},
        exc_info=error if isinstance(error, BaseException) else None,
    )
