"""One call of the API over real HTTP, and the key in nothing it leaves behind."""

import contextlib
import logging
import socket
import threading
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Final

import pytest
from meetup_enricher.kinds import GROUPS, MEMBERS
from meetup_enricher.meetup.client import MAX_ANSWER_BYTES, MeetupClient
from meetup_enricher.meetup.responses import AnswerTooLarge
from meetup_enricher.metrics import Metrics
from meetupkit.errors import MeetupError, Throttled, UpstreamRefused, UpstreamUnavailable
from prometheus_client import generate_latest
from pydantic import SecretStr

from services.enricher.tests.enricher_doubles import KEY, MeetupApi, Reply

HEADERS = {"X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "29", "X-RateLimit-Reset": "10"}


class Bench:
    """A client, and what it observed."""

    def __init__(self, url: str, seconds: float = 60) -> None:
        self.metrics = Metrics()
        self.remaining: list[str | None] = []
        self.api = MeetupClient(
            url=url,
            key=SecretStr(KEY),
            call_seconds=seconds,
            observe=lambda headers: self.remaining.append(headers.get("X-RateLimit-Remaining")),
            metrics=self.metrics,
        )

    def calls(self, status: str) -> float:
        labels = {"kind": "members", "status": status}
        return self.metrics.registry.get_sample_value("meetup_enricher_api_calls_total", labels) or 0


@pytest.fixture
def bench(meetup: MeetupApi) -> Iterator[Bench]:
    made = Bench(meetup.url)
    yield made
    made.api.close()


def test_a_call_asks_for_its_ids_in_one_page_with_the_key(bench: Bench, meetup: MeetupApi) -> None:
    page = bench.api.page(GROUPS, [5, 7], 0)
    assert set(page.profiles) == {5, 7}
    (call,) = meetup.calls
    assert (call.kind, call.ids, call.offset, call.key) == ("groups", [5, 7], 0, KEY)


def test_the_rate_limit_is_observed_on_errors_as_well(bench: Bench, meetup: MeetupApi) -> None:
    meetup.replies = [Reply(500, b"", HEADERS)]
    with pytest.raises(UpstreamUnavailable):
        bench.api.page(MEMBERS, [1], 0)
    assert bench.remaining == ["29"]
    assert bench.calls("5xx") == 1


def test_an_answer_that_is_cut_off_is_tried_again(bench: Bench, meetup: MeetupApi) -> None:
    meetup.replies = [Reply(200, b'{"results":[', promised=100)]
    with pytest.raises(UpstreamUnavailable):
        bench.api.page(MEMBERS, [1], 0)
    assert bench.calls("none") == 1


def test_an_answer_that_drips_is_given_up_in_time(meetup: MeetupApi) -> None:
    bench = Bench(meetup.url, seconds=2)
    meetup.replies = [Reply(200, b" " * 100_000, pause=0.05)]
    with pytest.raises(UpstreamUnavailable, match="no whole answer within 2 s"):
        bench.api.page(MEMBERS, [1], 0)


def test_an_answer_beyond_the_bound_is_not_read_to_its_end(bench: Bench, meetup: MeetupApi) -> None:
    meetup.replies = [Reply(200, b" " * (MAX_ANSWER_BYTES + 1))]
    with pytest.raises(AnswerTooLarge):
        bench.api.page(MEMBERS, [1], 0)


def test_a_redirect_does_not_take_the_key_to_another_host(bench: Bench, meetup: MeetupApi) -> None:
    other = MeetupApi()
    meetup.replies = [Reply(302, b"", {"Location": f"{other.url}/2/members?member_id=1&offset=0"})]
    with pytest.raises(UpstreamRefused, match="redirected"):
        bench.api.page(MEMBERS, [1], 0)
    assert other.calls == []
    other.close()


def test_nobody_listening_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UpstreamUnavailable, match="ConnectionRefusedError"):
        Bench(f"http://127.0.0.1:{port}").api.page(MEMBERS, [1], 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("http://internal.example/2/members?member_id=1&key=" + KEY, "http://internal.example/2/members?member_id="),
        ("http://user:PW@internal.example/", "http://internal.example/"),
        (f"http://internal.example/{KEY}/x", "http://internal.example/[redacted]/x"),
        ("/2/members/", "/2/members/"),
        ("//other.example", "//other.example"),
        ("http://169.254.169.254/computeMetadata/v1/", "http://169.254.169.254/computeMetadata/v1/"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("http://x/" + "y" * 5000, "http://x/yyy"),
        ("http://x/\x1b[31mred", "http://x/red"),
        ("http://[::1", "http:"),
    ],
)
def test_a_redirect_is_not_followed_and_its_target_is_named_with_the_setting_to_change(
    meetup: MeetupApi, status: int, target: str, shown: str
) -> None:
    bench = Bench(meetup.url)
    meetup.replies = [Reply(status, b"x" * 100, {"Location": target}, promised=1 << 40)]
    with pytest.raises(UpstreamRefused) as raised:
        bench.api.page(MEMBERS, [1], 0)
    said = str(raised.value)
    assert shown in said
    assert "set ENRICHER_API_URL" in said
    assert KEY not in said
    assert "PW" not in said
    assert said.isprintable()
    assert len(said) < 400
    assert bench.calls("3xx") == 1
    bench.api.close()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "x-gzip"])
def test_a_body_that_unpacks_without_end_costs_no_more_than_an_answer_may(meetup: MeetupApi, coding: str) -> None:
    bench = Bench(meetup.url)
    packer = zlib.compressobj(9, wbits=31 if "gzip" in coding else 15)
    block = b" " * (1 << 20)
    blocks = 8 * MAX_ANSWER_BYTES // len(block)
    bomb = b"".join(packer.compress(block) for _ in range(blocks)) + packer.flush()
    meetup.replies = [Reply(200, bomb, {"Content-Encoding": coding})]
    tracemalloc.start()
    with pytest.raises(AnswerTooLarge):
        bench.api.page(MEMBERS, [1], 0)
    assert tracemalloc.get_traced_memory()[1] < 2 * MAX_ANSWER_BYTES
    tracemalloc.stop()
    bench.api.close()


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "\x1b[31m", "x" * 1000])
def test_a_coding_that_was_not_asked_for_is_no_answer(meetup: MeetupApi, coding: str) -> None:
    bench = Bench(meetup.url)
    meetup.replies = [Reply(200, b'{"results":[],"meta":{}}', {"Content-Encoding": coding})]
    with pytest.raises(UpstreamUnavailable) as raised:
        bench.api.page(MEMBERS, [1], 0)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 200
    bench.api.close()


HEADS: Final = {
    "a status line without end": b"HTTP/1.1 200 " + b"O" * 10,
    "headers without end": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n",
    "100 Continue without end": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a chunk without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n \r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HEADS)
def test_a_server_that_drips_is_given_up_in_time(name: str) -> None:
    ended = threading.Event()

    def send_slowly(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            while not ended.wait(0.05):
                connection.sendall(HEADS[name] or b"")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=send_slowly, args=(server,), daemon=True)
        thread.start()
        bench = Bench(f"http://127.0.0.1:{server.getsockname()[1]}", seconds=0.6)
        began = time.monotonic()
        with pytest.raises(UpstreamUnavailable):
            bench.api.page(MEMBERS, [1], 0)
        assert time.monotonic() - began < 20
        ended.set()
        thread.join(10)
        bench.api.close()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(200, b""), UpstreamUnavailable),
        (Reply(200, f'{{"meta":{{"url":"?key={KEY}"}}}}'.encode()), UpstreamUnavailable),
        (Reply(200, f"key={KEY}".encode()), UpstreamUnavailable),
        (Reply(200, f"key={KEY}".encode(), promised=10), UpstreamUnavailable),
        (Reply(302, b"", {"Location": f"http://127.0.0.1:9/?key={KEY}"}), UpstreamRefused),
        (Reply(400, f"key={KEY}".encode()), UpstreamRefused),
        (Reply(401, f"key={KEY}".encode()), UpstreamRefused),
        (Reply(404, f"key={KEY}".encode()), UpstreamRefused),
        (Reply(429, f"key={KEY}".encode(), {"Retry-After": KEY}), Throttled),
        (Reply(500, f"key={KEY}".encode()), UpstreamUnavailable),
        (Reply(200, b"", {"Content-Encoding": "gzip", "X-Key": KEY}), UpstreamUnavailable),
        (Reply(200, KEY.encode(), {"Content-Encoding": "gzip"}), UpstreamUnavailable),
        (None, UpstreamUnavailable),
    ],
)
def test_the_key_is_in_no_log_error_or_metric(
    meetup: MeetupApi, caplog: pytest.LogCaptureFixture, reply: Reply | None, error: type[MeetupError]
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="urllib3")
    bench = Bench(meetup.url if reply else "http://127.0.0.1:9")
    if reply:
        meetup.replies = [reply]
    with pytest.raises(error) as raised:
        bench.api.page(MEMBERS, [1], 0)
    chain: BaseException | None = raised.value
    while chain is not None:
        assert KEY not in "".join(traceback.format_exception(chain)) + repr(chain)
        chain = chain.__cause__ or chain.__context__
    assert KEY not in caplog.text
    assert "urllib3" in caplog.text
    assert KEY not in generate_latest(bench.metrics.registry).decode()
    assert KEY not in repr(vars(bench.api))
    bench.api.close()
