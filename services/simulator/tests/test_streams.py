"""The protocol's statements about ``/2/<feed>``, one by one, over real sockets."""

import gzip
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import requests
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess
from meetupkit.feeds import FEEDS

OpenWire = Callable[..., Any]
MakeRsvp = Callable[..., bytes]
RsvpsFile = Callable[[list[bytes]], Path]


def test_the_head_is_the_recorded_one(simulator: StartSimulator, wire: OpenWire) -> None:
    status, headers = wire(simulator("--count", "0").port, "/2/rsvps").head()
    assert status == "HTTP/1.1 200 OK"
    assert list(headers) == [
        "Date", "Content-Type", "Transfer-Encoding", "Connection", "Set-Cookie", "X-Meetup-server", "Server", "CF-RAY",
    ]  # fmt: skip
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Transfer-Encoding"] == "chunked"


@pytest.mark.parametrize("feed", FEEDS)
def test_every_feed_sends_one_record_a_chunk(feed: str, simulator: StartSimulator, stream: OpenWire) -> None:
    running = simulator("--rate", "0", "--count", "30")
    records = stream(running.port, f"/2/{feed}").records(30)
    assert [json.loads(record) for record in records]
    assert records == running.published(feed)


@pytest.mark.parametrize("name", ["recorded/rsvps_2017-03-19", "recorded/rsvps_2015-03-08_http"])
def test_a_replay_sends_the_recorded_bytes_in_their_order(
    name: str, simulator: StartSimulator, stream: OpenWire, shared_data: Path
) -> None:
    file = shared_data / f"{name}.ndjson.gz"
    expected = [line for line in gzip.decompress(file.read_bytes()).split(b"\n") if line]
    running = simulator("--rate", "0", "--replay", f"rsvps={file}")
    assert stream(running.port, "/2/rsvps").records(len(expected)) == expected
    assert running.published("rsvps") == expected


def test_replayed_files_of_one_feed_follow_each_other(
    simulator: StartSimulator, stream: OpenWire, tmp_path: Path
) -> None:
    lines = ['{"a":"\u2028"}'.encode(), b'{"b":"\r"}\r', b"not JSON at all", b"x" * 3_000_000]
    plain, zipped = tmp_path / "plain", tmp_path / "zipped"
    plain.write_bytes(b"\n".join(lines[:2]))  # no newline at its end
    zipped.write_bytes(gzip.compress(b"\n".join(lines[2:]) + b"\n\n"))
    running = simulator("--rate", "0", "--replay", f"rsvps={plain}", "--replay", f"rsvps={zipped}")
    assert stream(running.port, "/2/rsvps").records(4) == lines


def test_after_a_replay_the_connection_stays_open_and_silent(
    simulator: StartSimulator, stream: OpenWire, rsvps_file: RsvpsFile, make_rsvp: MakeRsvp
) -> None:
    running = simulator("--rate", "0", "--replay", f"rsvps={rsvps_file([make_rsvp(1, 1)])}")
    reader = stream(running.port, "/2/rsvps")
    reader.records(1)
    assert reader.is_silent()


def test_feeds_without_a_replay_generate_unless_told_not_to(
    simulator: StartSimulator, stream: OpenWire, rsvps_file: RsvpsFile, make_rsvp: MakeRsvp
) -> None:
    flags = ("--rate", "0", "--replay", f"rsvps={rsvps_file([make_rsvp(1, 1)])}")
    assert stream(simulator(*flags).port, "/2/photos").records(1)
    assert stream(simulator(*flags, "--only-replay").port, "/2/photos").is_silent()


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory, make_rsvp: MakeRsvp) -> Iterator[tuple[int, list[bytes]]]:
    """A simulator whose backlog of five holds the last of eight rsvps, all taken by a long poll before the test."""
    lines = [make_rsvp(number, 1000 + 10 * (number % 4), f"e{number % 2}") for number in range(8)]
    file = tmp_path_factory.mktemp("replay") / "rsvps.ndjson"
    file.write_bytes(b"\n".join(lines))
    with SimulatorProcess("--rate", "0", "--backlog", "5", "--replay", f"rsvps={file}") as running:
        requests.get(f"{running.base_url}/2/rsvps?callback=f", timeout=30)
        assert running.published("rsvps") == lines
        yield running.port, lines


def test_since_mtime_selects_what_is_strictly_later_from_the_backlog(
    replayed: tuple[int, list[bytes]], stream: OpenWire
) -> None:
    port, lines = replayed
    reader = stream(port, "/2/rsvps?since_mtime=1010")
    assert reader.records(3) == [lines[3], lines[6], lines[7]]
    assert reader.is_silent()


def test_since_count_selects_the_newest_of_the_backlog(replayed: tuple[int, list[bytes]], stream: OpenWire) -> None:
    port, lines = replayed
    assert stream(port, "/2/rsvps?since_count=2").records(2) == lines[6:]
    everything = stream(port, "/2/rsvps?since_count=1000")
    assert everything.records(5) == lines[3:]
    assert everything.is_silent()


def test_a_connection_that_asks_for_nothing_gets_nothing_of_the_past(
    replayed: tuple[int, list[bytes]], stream: OpenWire
) -> None:
    assert stream(replayed[0], "/2/rsvps").is_silent()


def test_event_id_selects_events(replayed: tuple[int, list[bytes]], stream: OpenWire) -> None:
    port, lines = replayed
    reader = stream(port, "/2/rsvps?since_count=5&event_id=e0,other")
    assert reader.records(2) == [lines[4], lines[6]]
    assert reader.is_silent()


@pytest.mark.parametrize(
    "query", ["since_mtime=1&since_count=1", "since_mtime=soon", "since_count=", "callback=alert(1)"]
)
def test_a_query_that_cannot_be_read_is_a_400(query: str, replayed: tuple[int, list[bytes]], wire: OpenWire) -> None:
    answer = wire(replayed[0], f"/2/rsvps?{query}")
    status, headers = answer.head()
    assert status == "HTTP/1.1 400 Bad Request"
    assert json.loads(answer.buffer[: int(headers["Content-Length"])])["errors"][0]["code"] == "bad_request"


@pytest.mark.parametrize("target", ["/2/checkins", "/2/", "/", "/3/rsvps", "/2/rsvps/more"])
def test_an_unknown_feed_is_a_404(target: str, replayed: tuple[int, list[bytes]], wire: OpenWire) -> None:
    status, _ = wire(replayed[0], target).head()
    assert status == "HTTP/1.1 404 Not Found"


def test_the_long_poll_answers_a_call_of_the_function_with_the_records(
    replayed: tuple[int, list[bytes]], wire: OpenWire
) -> None:
    port, lines = replayed
    assert wire(port, "/2/rsvps?since_count=2&callback=on.rsvps").body() == b"on.rsvps([" + b",".join(lines[6:]) + b"])"


def test_a_long_poll_without_news_answers_an_empty_array(simulator: StartSimulator, wire: OpenWire) -> None:
    running = simulator("--count", "0", "--long-poll-seconds", "0.05")
    assert wire(running.port, "/2/photos?callback=f").body() == b"f([])"


def test_a_long_poll_waits_for_what_is_published_next(simulator: StartSimulator, wire: OpenWire) -> None:
    running = simulator("--rate", "50")
    body = wire(running.port, "/2/photos?callback=f").body()
    assert body.startswith(b'f([{"photo_album":')


def test_trickle_pushes_the_whole_database_and_goes_on_live(simulator: StartSimulator, stream: OpenWire) -> None:
    running = simulator("--rate", "0", "--venues", "1300", "--count", "40")
    records = stream(running.port, "/2/open_venues?trickle").records(1340)
    assert len({json.loads(record)["id"] for record in records[:1300]}) == 1300
    assert records == running.published("open_venues")


def test_a_later_trickle_shows_each_venue_as_it_was_published_last(simulator: StartSimulator, stream: OpenWire) -> None:
    running = simulator("--rate", "0", "--venues", "100", "--count", "300")
    latest = {json.loads(line)["id"]: line for line in stream(running.port, "/2/open_venues?trickle").records(400)}
    again = stream(running.port, "/2/open_venues?trickle&since_mtime=99999999999999")
    assert set(again.records(len(latest))) == set(latest.values())
    assert again.is_silent()


def test_trickle_after_a_replay_sends_every_replayed_line_again(
    simulator: StartSimulator, stream: OpenWire, tmp_path: Path
) -> None:
    file = tmp_path / "venues"
    lines = [b'{"id":%d,"mtime":%d}' % (number % 3, number) for number in range(9)]
    file.write_bytes(b"\n".join(lines))
    running = simulator("--rate", "0", "--replay", f"open_venues={file}")
    assert stream(running.port, "/2/open_venues?trickle").records(9) == lines
    assert stream(running.port, "/2/open_venues?trickle").records(9) == lines


def test_the_eleventh_connection_of_an_address_is_refused_until_one_leaves(
    simulator: StartSimulator, stream: OpenWire, wire: OpenWire
) -> None:
    running = simulator("--count", "0")
    readers = [stream(running.port, "/2/rsvps") for _ in range(10)]
    status, _ = wire(running.port, "/2/photos").head()
    assert status == "HTTP/1.1 429 Too Many Requests"
    readers[0].close()
    while running.stats()["connections"]["127.0.0.1"] == 10:
        pass
    stream(running.port, "/2/photos")


def test_with_a_rate_the_clock_publishes_whether_or_not_anybody_reads(
    simulator: StartSimulator, stream: OpenWire
) -> None:
    running = simulator("--rate", "200", "--count", "50")
    while not running.stats()["feeds"]["rsvps"]["ended"]:
        pass
    assert stream(running.port, "/2/rsvps").is_silent()
    assert stream(running.port, "/2/rsvps?since_count=50").records(50) == running.published("rsvps")


def test_with_rate_0_nothing_is_published_before_somebody_reads(simulator: StartSimulator, stream: OpenWire) -> None:
    running = simulator("--rate", "0", "--count", "50")
    stream(running.port, "/2/photos").records(50)
    published = {feed: row["published"] for feed, row in running.stats()["feeds"].items()}
    assert published == dict.fromkeys(FEEDS, 0) | {"photos": 50}


def test_with_rate_0_two_readers_get_the_same_records_however_their_speeds_differ(
    simulator: StartSimulator, stream: OpenWire
) -> None:
    running = simulator("--rate", "0", "--count", "5000", "--backlog", "100", "--patience", "60")
    readers = [stream(running.port, "/2/rsvps") for _ in range(2)]
    with ThreadPoolExecutor() as threads:
        fast = threads.submit(readers[0].records, 4000)
        slow = [record for _ in range(100) for record in readers[1].records(40)]
    everything = running.published("rsvps")
    assert any(slow == everything[start : start + 4000] for start in range(1001))
    assert fast.result() == everything[:4000]


def test_with_rate_0_a_reader_that_takes_nothing_is_cut_and_the_other_goes_on(
    simulator: StartSimulator, stream: OpenWire
) -> None:
    running = simulator("--rate", "0", "--backlog", "10", "--count", "6000", "--patience", "2")
    sleeper = stream(running.port, "/2/rsvps", receive_buffer=4096)
    stream(running.port, "/2/rsvps").records(5000)
    sleeper.rest()
    assert sleeper.ended == "rst"


def test_a_reader_that_falls_out_of_the_backlog_is_cut(simulator: StartSimulator, stream: OpenWire) -> None:
    running = simulator("--rate", "20000", "--backlog", "10")
    sleeper = stream(running.port, "/2/rsvps", receive_buffer=4096)
    while running.stats()["feeds"]["rsvps"]["readers"]:
        pass
    sleeper.rest()
    assert sleeper.ended == "rst"


def test_the_process_ends_on_sigterm_with_connections_open(simulator: StartSimulator, stream: OpenWire) -> None:
    running = simulator("--rate", "0", "--count", "1")
    stream(running.port, "/2/rsvps").records(1)
    assert running.stop() == 0
    assert running.errors() == ""


def test_with_rate_0_a_reader_is_waited_for_while_it_takes_the_past(
    simulator: StartSimulator, stream: OpenWire
) -> None:
    # Far more than the kernel's buffers hold: however late the other reader comes, enough is left for it.
    running = simulator("--rate", "0", "--count", "20000", "--backlog", "2000", "--patience", "60")
    first = stream(running.port, "/2/rsvps")
    first.records(2000)
    first.close()
    late = stream(running.port, "/2/rsvps?since_count=2000", receive_buffer=4096)
    with ThreadPoolExecutor() as threads:
        other = threads.submit(stream(running.port, "/2/rsvps?since_count=1").records, 1500)
        past = late.records(2500)
        late.close()
        assert len(other.result()) == 1500
    everything = running.published("rsvps")
    assert any(past == everything[start : start + 2500] for start in range(len(everything) - 2499))


def test_a_clock_that_awaits_its_reader_publishes_nothing_before(simulator: StartSimulator) -> None:
    meetup = simulator("--rate", "1000", "--count", "20", "--await-reader")
    with requests.get(meetup.stream_url("photos"), stream=True, timeout=30) as answer:
        assert len(list(islice(answer.iter_lines(), 20))) == 20
    assert meetup.published("rsvps") == []
