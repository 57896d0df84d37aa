"""A raw client, and the server under test: what a client sends here no library would."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from meetupkit.http.asgi import Receive, Scope, Send
from meetupkit.http.pages import PageApp
from meetupkit.http.server import HttpServer
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress
from prometheus_client import CollectorRegistry

SECONDS: Final = 60.0


class Recorder:
    """An application that keeps what it was asked; ``/slow`` waits to be released."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        self.slow = 0
        self.release = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while scope["path"] != "/unread":
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            if not message["more_body"]:
                break
        self.seen.append((scope["method"], scope["path"], body))
        if scope["path"] == "/slow":
            self.slow += 1
            await asyncio.to_thread(self.release.wait, SECONDS)
        if scope["path"] == "/bug":
            raise RuntimeError("a bug")
        answer = b"x" * 8_000_000 if scope["path"] == "/large" else b"heard"
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


class Served:
    """A server in this process with an application that says what it was asked."""

    def __init__(self, *, connections: int = 64, head: float = 60, body: float = 60, idle: float = 60) -> None:
        self.app = Recorder()
        self.pages = OpsPages(CollectorRegistry(), Progress(), lambda: None)
        self.server = HttpServer(
            PageApp(self.pages, self.app),
            host="127.0.0.1",
            port=0,
            connections=connections,
            idle_seconds=idle,
            drain_seconds=5,
            head_seconds=head,
            body_seconds=body,
        )

    def __enter__(self) -> "Served":
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.app.release.set()
        self.server.stop()
        self.server.join()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=SECONDS)

    def ask(self, octets: bytes, *, end: bool = False) -> bytes:
        """All that is answered to these bytes on a connection of their own, until the server closes it."""
        with self.connect() as made:
            try:
                made.sendall(octets)
                if end:
                    made.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it refused before it had all
            return read_all(made)

    def probe(self) -> int:
        """The status of a probe, on a connection of its own."""
        return status_of(self.ask(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))


def read_all(made: socket.socket) -> bytes:
    received = b""
    try:
        while part := made.recv(65_536):
            received += part
    except ConnectionError:
        pass
    return received


def read_answer(made: socket.socket) -> bytes:
    """One answer of a known length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(made)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += _more(made)
    return head + b"\r\n\r\n" + body


def _more(made: socket.socket) -> bytes:
    if not (part := made.recv(65_536)):
        raise ConnectionError("closed in the middle")
    return part


def status_of(answer: bytes) -> int:
    """Of the first answer; 0 if there is none."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def statuses_of(answers: bytes) -> list[int]:
    """Of every answer on one connection."""
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", answers)]


@contextmanager
def many(served: Served, count: int, begun: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that have sent this and are kept open."""
    made: list[socket.socket] = []
    try:
        for _ in range(count):
            one = served.connect()
            one.sendall(begun)
            made.append(one)
        yield made
    finally:
        for one in made:
            one.close()
