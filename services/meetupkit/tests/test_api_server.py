"""The server's own life; what it does to slow senders is tested on the services that use it."""

import socket
import threading

import pytest
import requests
from meetupkit.api_server import ApiServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


def served(host: str = "127.0.0.1", port: int = 0) -> ApiServer:
    app = Starlette(routes=[Route("/", hello)])
    return ApiServer(app, host=host, port=port, connections=8, idle_seconds=30, drain_seconds=3)


def test_it_serves_until_told_to_stop_and_then_gives_its_port_back() -> None:
    server, told = served(), threading.Event()
    server.start()
    assert requests.get(f"http://127.0.0.1:{server.port}/", timeout=30).text == "hello"
    port = server.port
    told.set()
    assert server.serve_until(told)
    server.stop()
    server.join()
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0


def test_a_server_that_ended_without_being_told_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    server = served()
    server.start()
    server.stop()
    assert not server.serve_until(threading.Event())
    assert [(record.levelname, record.event) for record in caplog.records if record.name == "meetupkit.api_server"] == [  # type: ignore[attr-defined]
        ("CRITICAL", "server_ended")
    ]


def test_a_taken_port_is_an_error_of_the_system() -> None:
    server = served()
    with pytest.raises(OSError, match="in use"):
        served(port=server.port)
    server.start()
    server.stop()
    server.join()
