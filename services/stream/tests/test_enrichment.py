"""The announcer between what is stored and an enricher, which here is a server that gives one answer."""

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
from meetup_stream.checkpoint import Cursor
from meetup_stream.enrichment import Announcer, Enricher
from meetup_stream.metrics import Metrics
from meetup_stream.writing.layout import Durable
from meetup_testkit.http_fault_proxy import HttpFaultProxy
from meetup_testkit.service_process import until
from meetup_testkit.simulator_plugin import StartHttpFaultProxy
from meetup_testkit.stored import Stored
from meetupkit.errors import EnricherUnavailable
from meetupkit.progress import Progress
from meetupkit.stores.objects.directory import DirectoryObjects

from .hostile import Ending, RawServer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Announcing:
    """An announcer in a thread, and a clock of its own by which it is alive or late."""

    def __init__(self, server: HttpFaultProxy, stored: Stored) -> None:
        self.clock = Clock()
        self.progress = Progress(self.clock)
        metrics = Metrics("rsvps")
        self.announcer = Announcer(Enricher(server.url, client="rsvps"), metrics=metrics, progress=self.progress)
        self.cursor = Cursor(
            DirectoryObjects.from_url(f"file://{stored.directory}"),
            "rsvps",
            owner="it",
            pending=self.announcer.pending,
            metrics=metrics,
            progress=self.progress,
            hard_stop=threading.Event(),
        )
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.announcer.run, args=(self.cursor, self.ended))
        self.thread.start()

    def tell(self, mtime: int, member: int) -> None:
        assert self.announcer.add(Durable(mtime, {member}), timeout=60)


@pytest.fixture
def server(http_fault_proxy: StartHttpFaultProxy) -> HttpFaultProxy:
    server = http_fault_proxy(9)
    server.answer(202)
    return server


@pytest.fixture
def announcing(server: HttpFaultProxy, stored: Stored) -> Iterator[Announcing]:
    announcing = Announcing(server, stored)
    yield announcing
    announcing.ended.set()
    announcing.thread.join()


def test_the_cursor_follows_when_the_ids_are_accepted(announcing: Announcing) -> None:
    announcing.tell(1000, 7)
    until(lambda: announcing.cursor.mtime == 1000, "the cursor")


def test_an_announcer_that_has_nothing_to_tell_is_alive(announcing: Announcing) -> None:
    announcing.tell(1000, 7)
    until(lambda: announcing.cursor.mtime == 1000, "the cursor")
    announcing.clock.now += 3600
    until(lambda: not announcing.progress.stalled(), "the announcer to say that it moves")


def has_fired(server: HttpFaultProxy, times: int) -> bool:
    return server.fired >= times


def has_come_to(announcing: Announcing, mtime: int) -> bool:
    return announcing.cursor.mtime == mtime


def test_a_refusal_is_an_error_once_until_the_enricher_accepts_again(
    announcing: Announcing, server: HttpFaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    for member in (7, 8):
        refused = server.fired
        server.answer(403)
        announcing.tell(1000 + member, member)
        until(partial(has_fired, server, refused + 3), "some tries")
        server.answer(202)
        until(partial(has_come_to, announcing, 1000 + member), "the cursor")
    assert [record.levelname for record in caplog.records].count("ERROR") == 2


def test_the_enricher_is_told_the_feed_and_the_token() -> None:
    with RawServer([b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"], Ending.HOLD) as server:
        Enricher(server.url.removesuffix("/2/rsvps"), client="rsvps", token="the-token").accept([7], [8])
        (request,) = server.requests
    assert b"POST /v1/enrichments HTTP/1.1\r\n" in request
    assert b"Authorization: Bearer the-token\r\n" in request
    assert request.endswith(b'{"client": "rsvps", "members": [7], "groups": [8]}')


HOSTILE_ENRICHERS = {
    "redirect": b"HTTP/1.1 307 Go\r\nLocation: http://user:SECRET@10.0.0.1/?key=SECRET\r\nContent-Length: 0\r\n\r\n",
    "escape sequences": b"HTTP/1.1 403 \x1b[31mNo\r\nContent-Length: 9\r\n\r\n\x1b]0;owned\x07",
    "long": b"HTTP/1.1 400 No\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000,
    "too long": b"HTTP/1.1 400 No\r\nContent-Length: 6000000\r\n\r\n" + b"x" * 6_000_000,
    "br": b"HTTP/1.1 202 Accepted\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nxx",
    "another status": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
}


@pytest.mark.parametrize("answer", HOSTILE_ENRICHERS.values(), ids=HOSTILE_ENRICHERS)
def test_an_answer_that_accepts_nothing_is_an_outage_shown_safely(answer: bytes) -> None:
    """A server is done when its clients have left, so the client is closed first."""
    with (
        RawServer([answer]) as server,
        closing(Enricher(server.url.removesuffix("/2/rsvps"), client="rsvps")) as enricher,
        pytest.raises(EnricherUnavailable) as caught,
    ):
        enricher.accept([7], [])
    assert str(caught.value).isprintable()
    assert "SECRET" not in str(caught.value)
    assert len(str(caught.value)) < 330
