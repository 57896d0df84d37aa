"""The stream as a process before a server that means no good: what it keeps, shows, logs, and takes of the machine."""

import gzip
import itertools
import json
import random
import time
from collections.abc import Iterator

import psutil
import pytest
from meetup_testkit.service_process import ServiceProcess, StartStream, until
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.stored import Stored

from .hostile import ONE, TWO, Ending, RawServer, chunked, response_headers

pytestmark = pytest.mark.faults

STREAM_HEAD = response_headers("Transfer-Encoding: chunked")
LAST_RECORD = "meetup_stream_last_record_timestamp_seconds"


def resident_mib(stream: ServiceProcess) -> float:
    return float(psutil.Process(stream.pid).memory_info().rss) / 2**20


def severities(stream: ServiceProcess) -> set[str]:
    return {str(entry["severity"]) for entry in stream.events()}


def test_a_tail_that_the_body_s_end_has_ended_is_stored_and_one_that_is_no_json_is_quarantined(
    start_stream: StartStream, stored: Stored
) -> None:
    def answers(number: int) -> list[bytes]:
        return [STREAM_HEAD + chunked(ONE + b"\n", TWO if number else TWO[:12])]

    with RawServer(answers) as server:
        stream = start_stream(server.url)
        until(lambda: len(stored.objects()) == 2, "both records")
        assert stream.stop() == 0
    assert stored.bodies() == [ONE, TWO]
    (rejected,) = stored.rejected().values()
    assert json.loads(rejected)["text"] == TWO[:12].decode()


def test_a_record_by_any_line_end_is_stored_once(start_stream: StartStream, stored: Stored) -> None:
    lines = b"\xef\xbb\xbf" + ONE + b"\r\n \t\r\n" + ONE + b"\n" + TWO + b"\r\n\n"
    with RawServer([STREAM_HEAD + chunked(lines, lines, last=b"")], Ending.HOLD) as server:
        stream = start_stream(server.url)
        until(lambda: stream.metric("meetup_stream_lines_read_total") == 6, "all lines")
        assert stream.stop() == 0
    assert stored.bodies() == [ONE, TWO]
    assert len(stored.rejected()) == 1  # the mark in the middle, which is no part of any record


def test_bytes_that_are_no_record_move_no_figure_of_records_and_keep_the_connection(start_stream: StartStream) -> None:
    def answers(_: int) -> Iterator[bytes]:
        return itertools.chain([STREAM_HEAD + chunked(ONE + b"\n", last=b"")], itertools.repeat(b"1\r\n\n\r\n", 300))

    with RawServer(answers, pause=0.1) as server:
        stream = start_stream(server.url, STREAM_READ_TIMEOUT_SECONDS="4")
        until(lambda: stream.metric(LAST_RECORD) > 0, "a record")
        last, read = stream.metric(LAST_RECORD), stream.metric("meetup_stream_bytes_read_total")
        until(lambda: stream.metric("meetup_stream_bytes_read_total") > read + 60, "six seconds of line ends")
        assert stream.metric(LAST_RECORD) == last
        assert stream.ready()
        assert stream.metric("meetup_stream_disconnects_total") == 0
        assert stream.stop() == 0


def test_a_redirect_to_a_bomb_is_neither_followed_nor_unpacked(start_stream: StartStream) -> None:
    bomb = gzip.compress(b"\n" * 200_000_000, 1)
    with RawServer([response_headers("Content-Encoding: gzip", f"Content-Length: {len(bomb)}") + bomb]) as target:
        url = target.url
        moved = response_headers(f"Location: {url}?token=SECRET", "Content-Encoding: gzip", status="HTTP/1.1 302 Found")
        with RawServer([moved + bomb]) as server:
            stream = start_stream(server.url)
            until(lambda: "redirected (302)" in stream.get("/readyz").text, "the refusal")
            answer = stream.get("/readyz").text
            most = 0.0
            while stream.process.poll() is None:
                most = max(most, resident_mib(stream))
                time.sleep(0.05)
        assert stream.process.returncode == 1
        assert target.requests == []
    assert most < 80
    assert f"{url}?token=…" in answer
    assert "SECRET" not in answer + stream.log.read_text()
    (error,) = (entry for entry in stream.events() if entry["severity"] == "ERROR")
    assert "STREAM_URL" in error["message"]


@pytest.mark.parametrize("endless", ["line", "bomb", "blanks", "junk"])
def test_an_answer_without_end_takes_bounded_memory(endless: str, start_stream: StartStream) -> None:
    block = {"line": b"x", "bomb": b"\n", "blanks": b" ", "junk": b"%\n"}[endless] * 65536
    if endless == "bomb":
        packed = gzip.compress(b"\n" * 300_000_000, 1)
        pieces = [response_headers("Content-Encoding: gzip", f"Content-Length: {len(packed)}") + packed]
    else:
        pieces = [STREAM_HEAD, *[chunked(block, last=b"")] * (2 if endless == "junk" else 1000)]
    with RawServer(pieces, Ending.HOLD) as server:
        stream = start_stream(server.url)
        least = 7_000_000 if endless == "bomb" else 65536
        until(lambda: stream.metric("meetup_stream_bytes_read_total") >= least, "much of it")
        for _ in range(20):
            assert resident_mib(stream) < 110
            time.sleep(0.05)
        assert stream.get("/livez").status_code == 200
        assert stream.stop() == 0


def test_connections_that_each_bring_a_record_and_end_fill_no_log(start_stream: StartStream) -> None:
    def answers(number: int) -> list[bytes]:
        return [STREAM_HEAD + chunked(b'{"rsvp_id":%d,"mtime":%d}\n' % (number, 1000 + number))]

    began = time.monotonic()
    with RawServer(answers) as server:
        stream = start_stream(server.url)
        until(lambda: stream.metric("meetup_stream_connects_total") >= 8, "many connections")
        assert stream.stop() == 0
        assert len(server.requests) < 200
    warnings = [entry for entry in stream.events() if entry["severity"] == "WARNING" and entry["event"] != "gap"]
    minutes = 1 + int((time.monotonic() - began) / 60)
    assert 1 <= len(warnings) <= 4 * minutes
    assert 1 <= len(stream.events("connected")) <= minutes


@pytest.mark.parametrize("status", ["403 \x1b[31mNo\x1b[0m", "503 " + "x" * 60_000, "302 \x9b31m"])
def test_text_of_the_server_reaches_log_and_probe_printable_and_short(status: str, start_stream: StartStream) -> None:
    body = b"\x1b]0;owned\x07" + "\N{RIGHT-TO-LEFT OVERRIDE}".encode() + b"y" * 60_000
    with RawServer([response_headers("Content-Length: 70000", status=f"HTTP/1.1 {status}"), body]) as server:
        stream = start_stream(server.url)
        until(lambda: status[:3] in stream.get("/readyz").text, "the reason")
        answer = stream.get("/readyz").text
        until(lambda: stream.events("retry"), "a line of it")
        stream.stop()
    for text in (answer.rstrip("\n"), *(str(entry["message"]) for entry in stream.events())):
        assert text.isprintable()
        assert len(text) < 400


def test_no_secret_of_an_address_is_shown(simulator: StartSimulator, start_stream: StartStream) -> None:
    meetup = simulator("--rate", "50")
    url = f"{meetup.stream_url('rsvps')}?access_token=SECRET&sign=true"
    stream = start_stream(url).wait_ready()
    meetup.faults.refuse(seconds=0.5, feed="rsvps")
    pages = "".join(stream.get(page).text for page in ("/readyz", "/metrics", "/livez"))
    assert stream.stop() == 0
    assert "access_token=…" in stream.events("connected")[0]["url"]
    assert "SECRET" not in pages + stream.log.read_text()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STREAM_URL", "http://user:SECRET@127.0.0.1:1/2/rsvps"),
        ("STREAM_URL", "http://SECRET@127.0.0.1:1/2/rsvps"),
        ("STREAM_URL", "http://127.0.0.1:99999/?token=SECRET"),
        ("STREAM_URL", "ftp://127.0.0.1/?token=SECRET"),
        ("STREAM_ENRICHER_URL", "http://user:SECRET@127.0.0.1:1"),
        ("STREAM_OBJECTS", "gs://user:SECRET@bucket"),
        ("STREAM_OBJECTS", "gs://bucket?key=SECRET"),
        ("STREAM_OBJECTS", "https://user:SECRET@example.com/?key=SECRET"),
        ("STREAM_OBJECTS", "file:///tmp/x?key=SECRET"),
        ("STREAM_OBJECTS", "gs://[SECRET"),
    ],
)
def test_a_secret_in_an_address_is_refused_at_the_start_and_not_repeated(
    variable: str, value: str, start_stream: StartStream
) -> None:
    stream = start_stream("http://127.0.0.1:1/2/rsvps", **{variable: value})
    assert stream.process.wait(30) == 2
    text = stream.log.read_text()
    assert variable in text
    assert "SECRET" not in text
    assert "Traceback" not in text


@pytest.mark.parametrize("seed", range(12))
def test_a_signal_at_any_moment_ends_the_process(
    seed: int, simulator: StartSimulator, start_stream: StartStream, stored: Stored
) -> None:
    draw = random.Random(seed)
    meetup = simulator("--rate", "400")
    if seed % 3 == 0:
        meetup.faults.status(503, feed="rsvps", times=None)
    elif seed % 3 == 1:
        meetup.faults.stall(feed="rsvps", times=None)
    stream = start_stream(meetup.stream_url("rsvps"))
    if seed % 4:
        until(lambda: stream.port, "the start")
    time.sleep(draw.random() * 0.8)
    code = stream.stop(28)
    assert code in ((0, -15) if seed % 4 == 0 else (0,))  # before Python has begun, the signal's own effect
    assert severities(stream) <= {"INFO", "WARNING"}
