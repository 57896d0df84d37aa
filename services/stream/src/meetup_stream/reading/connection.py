"""One connection to a stream's server: one request, the headers of its answer, and the bytes after them.

No client library, because each of them trusts the server somewhere: with headers that never end, redirects, interim
answers without number. Each step here has a deadline of its own; only the body may last, and its silence is bounded.
"""

import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from meetup_stream.reading.response import Response, ResponseReader
from meetup_stream.reading.route import Route, proxy_of_environment, route_to

CONNECT_SECONDS: Final = 10.0
"""Three SYNs of a lossy network, for all addresses of a name together; and as much again for a TLS handshake or a
proxy's answer. A server that needs longer is unavailable."""
HEADERS_SECONDS: Final = 30.0
"""For all headers once they have begun, interim answers included: a server writes them at once."""
READ_BYTES: Final = 64 * 1024
"""More than any one record; the bound of what one read brings in."""
_USER_AGENT: Final = f"meetup-stream/{version('meetup-stream')}"
CA_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""What other clients read an authority of one's own from."""


class HeadersTooSlow(Exception):
    """Headers had begun, and were not complete in time."""


class Connection:
    """Used by one thread; ``shut`` may be called by any. All others raise ``OSError`` for a network that fails."""

    def __init__(self, url: str, *, idle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._socket: socket.socket | None = None
        self._unread = b""

    def ask(self) -> Response:
        """Connect, send the request, and return the status and headers of the answer.

        Raises ``TimeoutError`` where nothing is heard, ``HeadersTooSlow``, ``BadResponse``, ``NoRoute``.
        """
        route = route_to(self._url, proxy_of_environment(self._url))
        sock = self._socket = _connected(route.host, route.port, self._clock() + CONNECT_SECONDS)
        if route.tunnel:
            self._tunnel(sock, route)
        if route.secure:
            sock = self._socket = _secured(sock, route.server, self._clock() + CONNECT_SECONDS)
        sock.settimeout(self._idle_seconds)
        sock.sendall(_request(route))
        return self._read_response(sock, self._idle_seconds)

    def receive(self) -> bytes:
        """The next bytes, at least one; none if the server has closed the connection. Raises ``TimeoutError``."""
        if self._unread:
            unread, self._unread = self._unread, b""
            return unread
        return self._opened.recv(READ_BYTES)

    def patience(self, seconds: float) -> None:
        """How long ``receive`` waits from now on."""
        self._opened.settimeout(seconds)

    def shut(self) -> None:
        """End a read that is under way in another thread."""
        if sock := self._socket:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not TLS's own, which would drop its state under it
            except OSError:
                return  # it ended by itself, or is not connected yet

    def close(self) -> None:
        """Let go of it."""
        if self._socket:
            self._socket.close()

    @property
    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise OSError("not connected")
        return self._socket

    def _read_response(self, sock: socket.socket, first_byte_seconds: float) -> Response:
        reader = ResponseReader()
        sock.settimeout(first_byte_seconds)
        block = sock.recv(READ_BYTES)
        due = self._clock() + HEADERS_SECONDS
        while block:
            if (found := reader.feed(block)) is not None:
                response, self._unread = found
                sock.settimeout(self._idle_seconds)
                return response
            try:
                sock.settimeout(_left(due, self._clock()))
                block = sock.recv(READ_BYTES)
            except TimeoutError:
                raise HeadersTooSlow(f"its headers were not complete after {HEADERS_SECONDS:g} s") from None
        raise ConnectionError("the connection ended before there was an answer")

    def _tunnel(self, sock: socket.socket, route: Route) -> None:
        """Have the proxy connect to the server; what goes through then is TLS."""
        lines = [f"CONNECT {route.tunnel} HTTP/1.1", f"Host: {route.tunnel}", f"User-Agent: {_USER_AGENT}"]
        if route.proxy_authorization:
            lines.append(f"Proxy-Authorization: {route.proxy_authorization}")
        sock.settimeout(CONNECT_SECONDS)
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        response = self._read_response(sock, CONNECT_SECONDS)
        if not 200 <= response.status < 300:
            raise ConnectionError(f"the proxy answered {response.status} {response.reason}")
        if self._unread:
            raise ConnectionError("the proxy speaks before the server does")


def _request(route: Route) -> bytes:
    lines = [
        f"GET {route.target} HTTP/1.1",
        f"Host: {route.authority}",
        f"User-Agent: {_USER_AGENT}",
        "Accept: */*",
        "Accept-Encoding: identity",  # what is stored is the bytes as Meetup wrote them
        "Connection: keep-alive",
    ]
    if route.proxy_authorization and not route.tunnel:
        lines.append(f"Proxy-Authorization: {route.proxy_authorization}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _connected(host: str, port: int, due: float) -> socket.socket:
    """To the first of the name's addresses that answers, each in its share of the time."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failed: OSError = OSError("no address")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(due, time.monotonic()) / (len(addresses) - tried))
            sock.connect(address)
        except OSError as error:
            sock.close()
            late = isinstance(error, TimeoutError)  # which would be taken for the silence of one that is connected
            failed = ConnectionError(f"no connection within {CONNECT_SECONDS:g} s") if late else error
        else:
            return sock
    raise failed


def _secured(sock: socket.socket, server: str, due: float) -> ssl.SSLSocket:
    """TLS, its handshake under a deadline as a whole. A close without TLS's own end is a cut, not an end."""
    sock.setblocking(False)
    tls = _context().wrap_socket(
        sock, server_hostname=server, do_handshake_on_connect=False, suppress_ragged_eofs=False
    )
    try:
        while not _shaken(tls, due):
            pass
    except BaseException:
        tls.close()
        raise
    return tls


def _shaken(tls: ssl.SSLSocket, due: float) -> bool:
    """One step of the handshake; whether it was the last."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        ready = any(select.select([tls], [], [], _left(due, time.monotonic())))
    except ssl.SSLWantWriteError:
        ready = any(select.select([], [tls], [], _left(due, time.monotonic())))
    else:
        return True
    if not ready:
        raise ConnectionError(f"no TLS within {CONNECT_SECONDS:g} s")
    return False


def _context() -> ssl.SSLContext:
    given = next(filter(None, map(os.environ.get, CA_VARIABLES)), str(DEFAULT_CA_BUNDLE_PATH))
    if Path(given).is_dir():
        return ssl.create_default_context(capath=given)
    return ssl.create_default_context(cafile=given)


def _left(due: float, now: float) -> float:
    """Never 0, which a socket takes for "do not wait"."""
    return max(0.001, due - now)
