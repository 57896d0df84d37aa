"""A total deadline for an HTTP exchange of requests and urllib3, whose own time-outs begin anew with each byte.

A server that drips a byte every few seconds, a head without end or ``100 Continue`` without end never meets a time-out
between two bytes. So the connection's socket is shut when the exchange's time is up, by urllib3's documented extension
point: connection classes of a pool.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from meetupkit.http.alarms import ALARMS, Alarm
from meetupkit.http.head import WholeHead

_current: Final[ContextVar["Deadline | None"]] = ContextVar("deadline", default=None)


class Deadline:
    """Shuts the connections that this thread uses inside ``with deadline(seconds)`` when the time is up."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._alarm: Alarm | None = None
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self.expired = False
        """Whether it has struck."""

    def start(self) -> None:
        """From now on the time runs."""
        self._alarm = ALARMS.after(self._seconds, self._expire)

    def end(self) -> None:
        """The exchange is over in time; the connection may serve another."""
        if self._alarm:
            self._alarm.cancel()
        with self._lock:
            self._connection = None

    def watch(self, connection: HTTPConnection) -> None:
        """This connection carries the exchange; it is shut at once if the time is up already."""
        with self._lock:
            self._connection = connection
            if self.expired:
                _shut(connection)

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            if self._connection is not None:
                _shut(self._connection)


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[Deadline]:
    """Whatever a ``DeadlineAdapter``'s connections do in this block, in this thread, ends after ``seconds``.

    An exchange that is cut raises as if the server had cut it; ``expired`` tells the two apart.
    """
    limit = Deadline(seconds)
    token = _current.set(limit)
    limit.start()
    try:
        yield limit
    finally:
        limit.end()
        _current.reset(token)


def _shut(connection: HTTPConnection) -> None:
    """A read under way in another thread returns at once; closing alone would leave it waiting."""
    if isinstance(connection.sock, socket.socket):
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _watched(connection: HTTPConnection) -> None:
    if limit := _current.get():
        limit.watch(connection)


class _Connection(HTTPConnection):
    response_class = WholeHead

    def connect(self) -> None:
        super().connect()
        _watched(self)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3's own override
        _watched(self)
        return super().getresponse()


class _SecureConnection(_Connection, HTTPSConnection):
    """HTTPS inside what is watched: the deadline is for the socket that TLS has taken over."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class DeadlineAdapter(HTTPAdapter):
    """For sessions whose exchanges run inside ``with deadline(...)``; it never retries."""

    def __init__(self, *, pool_maxsize: int = 1) -> None:
        super().__init__(max_retries=0, pool_maxsize=pool_maxsize)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Where requests makes its pools: theirs are given our connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """The same for a proxy's pools."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager


class BoundedSession(requests.Session):
    """A session for exchanges inside ``with deadline(...)``: no redirects, no cookies, no coding asked for.

    requests reads the whole body of a redirect, unpacked, even with ``allow_redirects=False``; so it is shown none, and
    the caller judges the status. ``trust_env`` lets proxies and ``.netrc`` of the environment apply.
    """

    def __init__(self, *, pool: int = 1, trust_env: bool = False) -> None:
        super().__init__()
        self.trust_env = trust_env
        self.headers["Accept-Encoding"] = "identity"
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = DeadlineAdapter(pool_maxsize=pool)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""
