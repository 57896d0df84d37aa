"""Servers that answer what a test tells them, byte by byte."""

import contextlib
import gc
import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest
from meetupkit.http.client import (
    Answer,
    HttpClient,
    NoAnswer,
    Redirected,
    TooLarge,
    TooSlow,
    UnknownCoding,
)

Script = Callable[[socket.socket], None]
LIMIT = 1 << 20


@contextlib.contextmanager
def server(script: Script) -> Iterator[str]:
    """Answers each connection by ``script``, once its request's head is there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    script(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/path?key=SECRET"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(60)


def says(answer: bytes) -> Script:
    return lambda connection: connection.sendall(answer)


def drips(head: bytes, drop: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(drop)
            time.sleep(0.02)

    return script


def ask(url: str, seconds: float = 60.0) -> Answer:
    client = HttpClient()
    try:
        return client.send("GET", url, seconds=seconds, max_bytes=LIMIT)
    finally:
        client.close()


def framed(head: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


def test_a_whole_answer_is_given_with_its_reason_printable() -> None:
    with server(says(b"HTTP/1.1 503 go\x1b[31m away\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\nno")) as url:
        answer = ask(url)
    assert (answer.status, answer.reason, answer.headers["retry-after"], answer.body) == (503, "go away", "7", b"no")


def test_interim_answers_are_passed_over() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    with server(says(interim + framed("", b"final"))) as url:
        assert ask(url).body == b"final"


DRIPS = {
    "an endless head": drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "a header line without end": drips(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
    "a status line without end": drips(b"HTTP/1.1 2", b"0"),
    "100 Continue without end": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a dripping body": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "dripping chunks": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a chunk's size without end": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    "trailers without end": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "an error that drips": drips(b"HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "silence": lambda connection: connection.recv(1),
}


@pytest.mark.parametrize("script", DRIPS.values(), ids=DRIPS.keys())
def test_a_server_that_drips_meets_the_deadline_of_the_whole_exchange(script: Script) -> None:
    began = time.monotonic()
    with server(script) as url, pytest.raises((TooSlow, NoAnswer)) as failed:
        ask(url, seconds=0.5)
    assert time.monotonic() - began < 60
    assert "SECRET" not in str(failed.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_body_not_read(status: int) -> None:
    sent: list[int] = []

    def script(connection: socket.socket) -> None:
        connection.sendall(
            f"HTTP/1.1 {status} Moved\r\nContent-Length: 100000000\r\n"
            "Location: http://user:PW@169.254.169.254/token?key=SECRET\r\n\r\n".encode()
        )
        with contextlib.suppress(OSError):
            sent.extend(connection.send(bytes(65536)) for _ in range(1500))

    with server(script) as url, pytest.raises(Redirected) as refused:
        ask(url)
    assert refused.value.target == "http://169.254.169.254/token?key=…"
    assert "PW" not in str(refused.value)
    assert "SECRET" not in str(refused.value)
    assert sum(sent) < 50_000_000  # what the kernel's buffers take of it


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "GZIP", " gzip "])
def test_gzip_and_deflate_are_unpacked_though_they_were_not_asked_for(coding: str) -> None:
    packed = zlib.compress(b"hello") if coding == "deflate" else gzip.compress(b"hello")
    with server(says(framed(f"Content-Encoding: {coding}\r\n", packed))) as url:
        assert ask(url).body == b"hello"


def test_raw_deflate_is_unpacked() -> None:
    packer = zlib.compressobj(wbits=-15)
    with server(says(framed("Content-Encoding: deflate\r\n", packer.compress(b"hello") + packer.flush()))) as url:
        assert ask(url).body == b"hello"


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "br, gzip", "\x1b[31m", "x" * 5000])
def test_another_coding_is_refused_in_words(coding: str) -> None:
    with (
        server(says(framed(f"Content-Encoding: {coding}\r\n", b"body"))) as url,
        pytest.raises(UnknownCoding, match="Content-Encoding"),
    ):
        ask(url)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_costs_no_more_than_the_bound(layers: int) -> None:
    bomb = bytes(200 << 20)
    for _ in range(layers):
        bomb = gzip.compress(bomb, 1)
    head = "Content-Encoding: " + ", ".join(["gzip"] * layers) + "\r\n"
    with server(says(framed(head, bomb))) as url, pytest.raises((TooLarge, UnknownCoding)):
        ask(url)


def test_an_answer_larger_than_the_bound_is_refused() -> None:
    with server(says(framed("", bytes(LIMIT + 1)))) as url, pytest.raises(TooLarge):
        ask(url)
    with server(says(framed("", bytes(LIMIT)))) as url:
        assert len(ask(url).body) == LIMIT


@pytest.mark.parametrize("body", [bytes(LIMIT + 1), gzip.compress(bytes(LIMIT + 1))], ids=["plain", "packed"])
def test_answers_that_are_refused_leave_nothing_in_memory(body: bytes) -> None:
    head = "Content-Encoding: gzip\r\n" if len(body) < LIMIT else ""
    collected = gc.isenabled()
    gc.disable()
    tracemalloc.start()
    try:
        with server(says(framed(head, body))) as url:
            for _ in range(8):
                with contextlib.suppress(TooLarge):
                    ask(url)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        if collected:
            gc.enable()
    assert left < 2 * LIMIT


BROKEN = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a head, cut at the end of a line": b"HTTP/1.1 200 OK\r\nDate: x\r\n",
    "interim answers alone": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40,
    "a line that is no header": b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 2\r\n\r\nok",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "a size that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n0\r\n\r\n",
    "no gzip": framed("Content-Encoding: gzip\r\n", b"plain text"),
    "a thousand headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000 + b"\r\n",
    "a line of 100 kB": b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_is_no_answer(answer: bytes) -> None:
    with server(says(answer)) as url, pytest.raises(NoAnswer) as failed:
        ask(url)
    assert "SECRET" not in repr(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None


def test_cookies_of_one_answer_do_not_go_with_the_next_request() -> None:
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    seen.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nSet-Cookie: id=1\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client = HttpClient()
        for _ in range(2):
            client.send("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/", seconds=60, max_bytes=10)
        client.close()
        thread.join(60)
    assert len(seen) == 2
    assert b"ookie" not in seen[1]


def test_a_connection_serves_again_after_its_deadline_was_met() -> None:
    answers = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for _ in range(2):
                    connection.recv(65536)
                    connection.sendall(framed("", b"ok"))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client = HttpClient()
        for _ in range(2):
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            answers.append(client.send("GET", url, seconds=60, max_bytes=10).body)
        client.close()
        thread.join(60)
    assert answers == [b"ok", b"ok"]
