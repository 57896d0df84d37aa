"""The server's own life."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from meetupkit.http.asgi import Receive, Scope, Send
from meetupkit.http.server import HttpServer


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def served(host: str = "127.0.0.1", port: int = 0, failed: threading.Event | None = None) -> HttpServer:
    on_failure = failed.set if failed else lambda: None
    return HttpServer(
        hello, host=host, port=port, connections=8, idle_seconds=30, drain_seconds=3, on_failure=on_failure
    )


@contextmanager
def running() -> Iterator[HttpServer]:
    server = served()
    server.start()
    yield server
    server.stop()
    server.join()


def test_it_serves_until_it_is_stopped_and_then_gives_its_port_back() -> None:
    with running() as server:
        port = server.port
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=30).text == "hello"
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0
    assert not server.failed


def test_one_that_was_never_started_gives_its_port_back() -> None:
    server = served()
    port = server.port
    server.stop()
    server.join()
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_is_an_error_of_the_system() -> None:
    with running() as server, pytest.raises(OSError, match="in use"):
        served(port=server.port)
