"""The admin pages beside ``/faults``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from meetup_simulator.streams.published import PublishedIncomplete, PublishedLines
from meetup_testkit.simulator_plugin import StartSimulator

OpenWire = Callable[..., Any]


def test_what_was_published_is_kept_though_the_backlog_has_forgotten_it(
    simulator: StartSimulator, stream: OpenWire
) -> None:
    running = simulator("--rate", "0", "--count", "300", "--backlog", "1")
    assert running.published("rsvps") == []
    assert stream(running.port, "/2/rsvps").records(300) == running.published("rsvps")


def test_an_incomplete_account_says_so_in_place_of_a_part(simulator: StartSimulator, stream: OpenWire) -> None:
    running = simulator("--rate", "0", "--count", "300", "--published-bytes", "1000")
    stream(running.port, "/2/rsvps").records(300)
    answer = requests.get(f"{running.base_url}/published?feed=rsvps", timeout=30)
    assert answer.status_code == 410


def test_published_lines_are_read_as_they_were_when_asked() -> None:
    published = PublishedLines(100)
    published.write([b"one", b"two"])
    length, blocks = published.read()
    published.write([b"three"])
    assert (length, b"".join(blocks)) == (8, b"one\ntwo\n")
    published.write([b"x" * 100])
    with pytest.raises(PublishedIncomplete):
        published.read()
    published.close()


@pytest.mark.parametrize("path", ["/published?feed=checkins", "/asked?kind=events", "/faults/99"])
def test_what_is_not_there_is_a_404_that_says_what_is(path: str, simulator: StartSimulator) -> None:
    running = simulator("--count", "0")
    method = "DELETE" if path.startswith("/faults") else "GET"
    answer = requests.request(method, running.base_url + path, timeout=30)
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_after_the_end_a_feed_is_silent_and_what_it_published_stays(
    simulator: StartSimulator, stream: OpenWire
) -> None:
    running = simulator("--rate", "200")
    first = stream(running.port, "/2/rsvps").records(5)
    running.end()
    published = running.published("rsvps")
    assert set(first) <= set(published)
    assert running.stats()["feeds"]["rsvps"]["ended"]
    assert running.published("rsvps") == published


def test_stats_show_streams_and_requests(simulator: StartSimulator, stream: OpenWire, wire: OpenWire) -> None:
    running = simulator("--rate", "0", "--count", "5")
    stream(running.port, "/2/rsvps").records(5)
    wire(running.port, "/2/checkins").head()
    stats = running.stats()
    assert stats["requests"] == {"/2/rsvps": {"200": 1}, "other": {"404": 1}}
    assert stats["connections"] == {"127.0.0.1": 1}
    assert stats["feeds"]["rsvps"] == {"published": 5, "ended": True, "readers": 1}


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--replay", "checkins=x"), "checkins"),
        (("--replay", "rsvps=/no/such/file"), "/no/such/file"),
        (("--rate", "-1"), "--rate"),
        (("--rate-limit", "30"), "--rate-limit"),
        (("--unknown-share", "2"), "--unknown-share"),
        (("--host", "192.0.2.1"), "cannot start"),
    ],
)
def test_a_wrong_flag_ends_the_start_with_its_name(
    flags: tuple[str, ...], named: str, simulator: StartSimulator
) -> None:
    with pytest.raises(RuntimeError, match=named):
        simulator(*flags)


def test_a_profile_file_that_holds_no_profiles_ends_the_start(simulator: StartSimulator, tmp_path: Path) -> None:
    file = tmp_path / "members"
    file.write_text(json.dumps({"name": "nobody"}))
    with pytest.raises(RuntimeError, match="id"):
        simulator("--members", str(file))


def test_a_request_that_is_not_http_is_a_400(simulator: StartSimulator, wire: OpenWire) -> None:
    running = simulator("--count", "0")
    exchange = wire(running.port, "/a b")
    assert exchange.rest().startswith(b"HTTP/1.1 400 ")
