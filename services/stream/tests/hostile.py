"""A server on raw sockets that sends exactly what a case says, and a reader that tells what it made of it."""

import contextlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import TracebackType
from typing import Self

from meetup_stream.labels import Disconnect
from meetup_stream.metrics import Metrics
from meetup_stream.reading.intake import Intake, Lines, Opened
from meetup_stream.reading.lines import Line
from meetup_stream.reading.resume import Request
from meetup_stream.reading.source import Source
from meetupkit.feeds import FEEDS
from meetupkit.progress import Progress

ONE, TWO = b'{"rsvp_id":1,"mtime":1000}', b'{"rsvp_id":2,"mtime":2000}'
SILENCE_SECONDS = 60.0
"""Longer than any case lasts that does not wait for it."""


class Ending(Enum):
    """What the server does after its last byte."""

    FIN = "closes"
    RST = "resets"
    HOLD = "says nothing more"


def chunked(*pieces: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + last


def response_headers(*headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *headers, "", ""]).encode("latin-1")


def cut(content: bytes, size: int) -> list[bytes]:
    """The content in pieces of so many bytes."""
    return [content[start : start + size] for start in range(0, len(content), size)]


class RawServer:
    """Answers each connection with the pieces, ``pause`` seconds before each but the first.

    ``pieces`` may depend on the number of the connection, from 0.
    """

    def __init__(
        self,
        pieces: Iterable[bytes] | Callable[[int], Iterable[bytes]],
        ending: Ending = Ending.FIN,
        *,
        pause: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self._pieces = pieces if callable(pieces) else lambda _: pieces
        self._ending = ending
        self._pause = pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self.requests: list[bytes] = []
        """What was asked, one per connection."""

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/2/rsvps"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._over.is_set():
                peer, _ = self._listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._threads.append(threading.Thread(target=self._answer, args=(peer,)))
                self._threads[-1].start()

    def _answer(self, accepted: socket.socket) -> None:
        with contextlib.ExitStack() as closing, contextlib.suppress(OSError):
            closing.callback(accepted.close)
            accepted.settimeout(SILENCE_SECONDS)
            peer = self._tls.wrap_socket(accepted, server_side=True) if self._tls else accepted
            closing.callback(peer.close)
            request = b""
            while not _is_whole(request) and (block := peer.recv(65536)):
                request += block
            self.requests.append(request)
            for number, piece in enumerate(self._pieces(len(self.requests) - 1)):
                if self._pause and number and self._over.wait(self._pause):
                    return
                peer.sendall(piece)
            self._end(peer)

    def _end(self, peer: socket.socket) -> None:
        if self._ending is Ending.RST:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if self._ending is Ending.FIN:
            peer.shutdown(socket.SHUT_WR)
        while not self._over.is_set() and peer.recv(65536):  # until the reader leaves
            pass


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


@dataclass
class Read:
    """What became of one connection."""

    lines: list[Line] = field(default_factory=list)
    opened: bool = False
    cause: str = ""
    unavailable_reason: str = ""
    truncated: int = 0
    seconds: float = 0.0
    requests: list[bytes] = field(default_factory=list)


def read_from(server: RawServer, *, url: str = "", silence: float = SILENCE_SECONDS) -> Read:
    """Read one connection as the stream does, to its end."""
    result, intake, stopping, metrics = Read(), Intake(), threading.Event(), Metrics("rsvps")

    looks = 0

    def new_records() -> int:  # asked for before a connection and, if it was lost, after it
        nonlocal looks
        looks += 1
        if looks == 2:
            stopping.set()
        return 0

    source = Source(
        replace(FEEDS["rsvps"], url=server.url, read_timeout=silence),
        intake,
        resume=lambda: Request(url or server.url),
        new_records=new_records,
        metrics=metrics,
        progress=Progress(),
        stopping=stopping,
    )
    began = time.monotonic()
    thread = threading.Thread(target=source.run)
    thread.start()
    while thread.is_alive() or intake.waiting:
        match intake.take(10_000, timeout=0.005):
            case Lines(timed):
                result.lines += [line for line, _ in timed]
            case Opened():
                result.opened = True
    (result.cause,) = (cause for cause in Disconnect if count(metrics, "disconnects_total", cause=cause))
    result.seconds = time.monotonic() - began
    result.unavailable_reason = source.unavailable_reason or ""
    result.truncated = count(metrics, "truncated_lines_total")
    result.requests = server.requests
    return result


def count(metrics: Metrics, name: str, **labels: str) -> int:
    return int(metrics.registry.get_sample_value(f"meetup_stream_{name}", {"feed": "rsvps", **labels}) or 0)


def read_answer(
    pieces: Sequence[bytes], ending: Ending = Ending.FIN, *, silence: float = SILENCE_SECONDS, pause: float = 0.0
) -> Read:
    """What the stream reads from a server that answers so."""
    with RawServer(pieces, ending, pause=pause) as server:
        return read_from(server, silence=silence)


def spread(length: int, most: int) -> Iterator[int]:
    """At most so many positions of a text, its ends among them."""
    step = max(1, length // most)
    yield from range(0, length, step)
