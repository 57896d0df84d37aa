"""A pod may answer anything: its pages are bounded in size and time, and lead nowhere else."""

import asyncio
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.status.metrics_page import Scrape
from meetup_feed_operator.status.scrape import Scraper

GOOD = b"meetup_stream_connected 1\nmeetup_stream_records_stored_total 100\n"
Answer = Callable[[socket.socket, bytes], None]
NEVER = 60.0
"""Seconds for pages that are read: a machine that stands still for a moment is no hostile pod."""


def http(body: bytes, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n".encode() + body


def sent(metrics: bytes, readyz: bytes = http(b"ready")) -> Answer:
    def answer(client: socket.socket, request: bytes) -> None:
        client.sendall(readyz if request.startswith(b"GET /readyz") else metrics)

    return answer


@contextmanager
def a_pod(answer: Answer) -> Iterator[dict[str, Any]]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve_one(client: socket.socket) -> None:
            with client:
                try:
                    answer(client, client.recv(65536))
                except OSError:
                    return  # the operator hung up, which is what it should do

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve_one, args=(client,), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        meta = {"uid": "pod", "name": "p", "resourceVersion": "1"}
        yield {"metadata": meta, "status": {"podIP": "127.0.0.1"}, "opsPort": port}
        server.shutdown(socket.SHUT_RDWR)
    thread.join(NEVER)


def scraped(pod: dict[str, Any], seconds: float = NEVER) -> Scrape:
    async def read() -> Scrape:
        scraper = Scraper(Metrics(), seconds=seconds)
        try:
            return await scraper.read(pod)
        finally:
            await scraper.aclose()

    return asyncio.run(read())


def test_the_pages_of_a_stream_are_read() -> None:
    with a_pod(sent(http(GOOD))) as pod:
        scrape = scraped(pod)
    assert (scrape.unreadable, scrape.connected, scrape.stored, scrape.pod_version) == (None, True, 100, "1")


def slow_headers(client: socket.socket, request: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        client.sendall(b"X-Header: x\r\n")
        time.sleep(0.05)


def drip_body(client: socket.socket, request: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        client.sendall(b"#")
        time.sleep(0.05)


def flood(client: socket.socket, request: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(100_000):
        client.sendall(b"meetup_stream_x 1\n" * 1000)


def silent(client: socket.socket, request: bytes) -> None:
    client.recv(1)


def bomb(client: socket.socket, request: bytes) -> None:
    packed = gzip.compress(b"meetup_stream_connected 1\n" * 4_000_000, compresslevel=1)
    sent(http(packed, headers="Content-Encoding: gzip\r\n"))(client, request)


HOSTILE: dict[str, Answer] = {
    "a page longer than its bound": flood,
    "slow headers": slow_headers,
    "a dripped body": drip_body,
    "silence": silent,
    "a closed connection": lambda client, request: None,
    "a compressed page": bomb,
    "a page cut within a number": sent(http(b"meetup_stream_connected 1", length=1000)),
    "HTML": sent(http(b"<html>hello</html>")),
    "an empty page": sent(http(b"")),
    "bytes": sent(http(bytes(range(256)))),
    "another status": sent(http(GOOD, "404 Not Found")),
    "no content": sent(http(b"", "204 No Content")),
    "a redirect of /metrics": sent(http(GOOD, "302 Found", "Location: http://127.0.0.1:1/\r\n")),
    "a redirect of /readyz": sent(http(GOOD), http(b"", "307 Moved", "Location: /elsewhere\r\n")),
    "an error of /readyz": sent(http(GOOD), http(b"oops", "500 Error")),
    "a broken line": sent(http(b"meetup_stream_connected{ 1\n")),
    "a name without a value": sent(http(b"meetup_stream_connected\n")),
    "no HTTP": sent(b"SSH-2.0-OpenSSH_9\r\n"),
    "100 Continue without end": sent(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "a length that is no number": sent(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
    "two lengths": sent(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nxx"),
    "a broken chunk": sent(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "an endless header": sent(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000),
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_page_that_is_none_of_a_streams_is_unreadable_and_costs_neither_time_nor_memory(answer: Answer) -> None:
    """Those that never end are given up after a second here; without that, this test would not end either."""
    endless = answer in (slow_headers, drip_body, silent)
    with a_pod(answer) as pod:
        scrape = scraped(pod, seconds=1 if endless else NEVER)
    assert scrape.unreadable is not None
    assert scrape.unreadable.endswith("TimeoutError") == endless
    assert scrape.unreadable.startswith("its pages at http://127.0.0.1:")
    assert scrape.unreadable.isprintable()
    assert scrape.connected is None


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        (b"the bucket cannot be written", "the bucket cannot be written"),
        (b"\x1b[31mred\x1b[0m\r\nforged: line", "red forged: line"),
        ("\u202eevil\u200b".encode(), "evil"),
        (b"", "no reason is given"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 4000, "x" * 499 + "…"),
    ],
)
def test_what_readyz_says_becomes_one_printable_line(sentence: bytes, told: str) -> None:
    with a_pod(sent(http(GOOD), http(sentence, "503 Service Unavailable"))) as pod:
        assert scraped(pod).not_ready == told


def test_a_pod_without_an_address_is_not_asked() -> None:
    assert scraped({"metadata": {"uid": "pod"}, "status": {}}).unreadable == "the pod has no address yet"
