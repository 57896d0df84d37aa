"""The socket that a server listens on, and how many descriptors its process may have."""

import contextlib
import resource
import socket
from collections.abc import Iterator
from typing import Final

from meetupkit.settings import exit_with

_DESCRIPTORS: Final = 65_536
"""More than any service of ours has connections; some systems' hard limit is a billion, for which tables are sized."""
_KEPT_BACK: Final = 64
"""Descriptors for stores, Slack, logs and libraries, which must not be refused because of strangers."""


@contextlib.contextmanager
def exit_unless_listening(host: str, port: int) -> Iterator[None]:
    """For the start of a server: if its address cannot be had, the process ends in one sentence that names it."""
    try:
        yield
    except OSError as error:
        exit_with(f"cannot listen on {host} port {port}: {error.strerror}")


def listening_socket(host: str, port: int, backlog: int) -> socket.socket:
    """A socket that listens; ``OSError`` if the address cannot be had. ``port`` 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Declared to be TCP, or asyncio leaves Nagle's algorithm on, and answers wait 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def connections_allowed(wanted: int) -> int:
    """How many connections the descriptors allow, at most ``wanted``; the soft limit is raised towards the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _KEPT_BACK))
