"""A listening port that can refuse connections and come back as the same port.

A closed listener gives its port back, and another process may take it meanwhile. So a second socket, bound to the same
address but never listening, keeps the port: while only it is there, the kernel answers ``ECONNREFUSED``.
"""

import socket
from typing import Final

_QUEUE: Final = 128
"""Connections the kernel holds until they are accepted; reconnecting services come in small herds."""


class ReservedPort:
    """An address kept for this process; ``port`` 0 takes a free one."""

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._keeper = _bound(family, host, port)
        self.host = host
        self.port = int(self._keeper.getsockname()[1])
        self._family = family

    def listen(self) -> socket.socket:
        """A new listening socket on the address; only one may be open at a time."""
        listener = _bound(self._family, self.host, self.port)
        try:
            listener.listen(_QUEUE)
        except OSError:
            listener.close()
            raise
        return listener

    def close(self) -> None:
        """Give the address back."""
        self._keeper.close()


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # Declared to be TCP, or asyncio leaves Nagle's algorithm on, and answers wait 40 ms for an ACK.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
