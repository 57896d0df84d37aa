"""Every fault does on the wire what it says, and counts that it did."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from meetup_simulator.faults import Ending, Kind
from meetup_testkit.simulator_client import ArmedFault, Faults
from meetup_testkit.simulator_process import SimulatorProcess

OpenWire = Callable[..., Any]
Arm = Callable[[Faults], ArmedFault]
FEED = "rsvps"
PATH = "/2/rsvps"


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    with SimulatorProcess("--rate", "0", "--backlog", "100", "--rate-limit", "0/10", "--unknown-share", "0") as running:
        yield running


@pytest.fixture
def running(process: SimulatorProcess) -> Iterator[SimulatorProcess]:
    """One simulator for the module; what a test armed is disarmed after it."""
    yield process
    process.faults.clear()


def members(running: SimulatorProcess) -> requests.Response:
    return requests.get(f"{running.base_url}/2/members", params={"member_id": "1", "key": running.api_key}, timeout=30)


def published_from(running: SimulatorProcess, first: bytes) -> list[list[bytes]]:
    """What was published from this record on; more than one answer where the feed repeated it exactly."""
    lines = running.published(FEED)
    return [lines[start : start + 100] for start, line in enumerate(lines) if line == first]


def test_refuse_closes_the_port_for_a_while(running: SimulatorProcess) -> None:
    fault = running.faults.refuse(seconds=60)
    with pytest.raises(requests.ConnectionError, match="refused"):
        members(running)
    assert fault.fired == 1
    running.faults.clear()
    assert members(running).status_code == 200


def test_a_refusing_port_opens_again_by_itself(running: SimulatorProcess) -> None:
    running.faults.refuse(seconds=0.05)
    while True:
        try:
            assert members(running).status_code == 200
        except requests.ConnectionError:
            continue
        return


def test_refuse_in_mid_stream_resets_the_stream_and_closes_the_port(
    running: SimulatorProcess, wire: OpenWire, stream: OpenWire
) -> None:
    fault = running.faults.refuse(seconds=60, feed=FEED, after=5)
    stream(running.port, PATH).rest()
    with pytest.raises(ConnectionRefusedError):
        wire(running.port, PATH)
    assert fault.fired == 1


def test_reset_at_the_request_answers_nothing(running: SimulatorProcess, wire: OpenWire, stream: OpenWire) -> None:
    fault = running.faults.reset(feed=FEED, times=2)
    for _ in range(2):
        exchange = wire(running.port, PATH)
        assert exchange.rest() == b""
        assert exchange.ended == "rst"
    assert fault.fired == 2
    stream(running.port, PATH).records(1)


def test_reset_in_mid_stream_comes_after_the_records_that_pass(running: SimulatorProcess, stream: OpenWire) -> None:
    fault = running.faults.reset(feed=FEED, after=40)
    reader = stream(running.port, PATH)
    text = reader.rest()
    assert reader.ended == "rst"
    assert text.count(b"\n\r\n") <= 40
    assert fault.fired == 1


def test_stall_at_the_request_sends_the_head_and_nothing_else(running: SimulatorProcess, stream: OpenWire) -> None:
    fault = running.faults.stall(feed=FEED)
    assert stream(running.port, PATH).is_silent()
    assert fault.fired == 1


def test_stall_in_mid_stream_is_silent_after_the_records_that_pass(running: SimulatorProcess, stream: OpenWire) -> None:
    fault = running.faults.stall(feed=FEED, after=7)
    reader = stream(running.port, PATH)
    reader.records(7)
    assert reader.is_silent()
    fault.wait_until_fired()
    assert fault.fired == 1


def test_a_stall_of_some_seconds_loses_nothing(running: SimulatorProcess, stream: OpenWire) -> None:
    running.faults.stall(feed=FEED, after=7, seconds=0.05)
    records = stream(running.port, PATH).records(50)
    assert records in [lines[:50] for lines in published_from(running, records[0])]


def test_a_stalled_connection_holds_up_no_other_reader(running: SimulatorProcess, stream: OpenWire) -> None:
    running.faults.stall(feed=FEED)
    stalled = stream(running.port, PATH)
    stream(running.port, PATH).records(1500)  # more than the window
    assert stalled.is_silent()


@pytest.mark.parametrize(("ending", "ended"), [(Ending.FIN, "fin"), (Ending.RST, "rst")])
def test_cut_ends_the_connection_in_the_middle_of_a_chunk(
    ending: Ending, ended: str, running: SimulatorProcess, stream: OpenWire
) -> None:
    fault = running.faults.cut(ending, feed=FEED, after=3)
    reader = stream(running.port, PATH)
    while reader.chunk() is not None:
        pass
    assert reader.ended == ended
    if ending is Ending.FIN:
        size, _, half = reader.buffer.partition(b"\r\n")
        assert 0 < len(half) < int(size, 16)
    assert fault.fired == 1


def test_cut_with_an_orderly_end_sends_half_a_record_in_a_whole_answer(
    running: SimulatorProcess, stream: OpenWire
) -> None:
    fault = running.faults.cut(Ending.END, feed=FEED, after=3)
    reader = stream(running.port, PATH)
    first = reader.records(3)[0]
    half = reader.chunk()
    assert any(lines[3].startswith(half) for lines in published_from(running, first))
    assert b"\n" not in half
    assert reader.chunk() == b""
    assert reader.rest() == b""
    assert fault.fired == 1


def test_end_ends_the_stream_between_two_records(running: SimulatorProcess, stream: OpenWire) -> None:
    fault = running.faults.end(feed=FEED, after=3)
    reader = stream(running.port, PATH)
    reader.records(3)
    assert reader.chunk() == b""
    assert reader.rest() == b""
    assert fault.fired == 1


def test_duplicate_sends_a_record_twice(running: SimulatorProcess, stream: OpenWire) -> None:
    fault = running.faults.duplicate(feed=FEED, after=2, times=2)
    records = stream(running.port, PATH).records(8)
    published = published_from(running, records[0])
    assert records in [[*lines[:3], *lines[2:6], lines[5]] for lines in published]
    assert fault.fired == 2


def test_reorder_sends_a_record_after_the_one_that_follows_it(running: SimulatorProcess, stream: OpenWire) -> None:
    fault = running.faults.reorder(feed=FEED, after=2)
    records = stream(running.port, PATH).records(6)
    published = published_from(running, records[0])
    assert records in [[*lines[:2], lines[3], lines[2], *lines[4:6]] for lines in published]
    assert fault.fired == 1


def test_reorder_holds_back_no_record_when_the_feed_has_ended(
    simulator: Callable[..., SimulatorProcess], stream: OpenWire
) -> None:
    running = simulator("--rate", "0", "--count", "3")
    running.faults.reorder(feed=FEED, after=2)
    assert stream(running.port, PATH).records(3) == running.published(FEED)


@pytest.mark.parametrize(
    ("arm", "is_bad"),
    [
        (lambda faults: faults.not_json(feed=FEED, after=4, times=2), lambda line: b'"not JSON"' in line),
        (lambda faults: faults.not_utf8(feed=FEED, after=4, times=2), lambda line: b"\xff\xfe" in line),
        (lambda faults: faults.oversized(3_000_000, feed=FEED, after=4, times=2), lambda line: len(line) == 3_000_000),
        (
            lambda faults: faults.line('{"errors":[]}', feed=FEED, after=4, times=2),
            lambda line: line == b'{"errors":[]}',
        ),
    ],
    ids=["not_json", "not_utf8", "oversized", "line"],
)
def test_a_bad_line_comes_between_the_records_and_takes_the_place_of_none(
    arm: Arm, is_bad: Callable[[bytes], bool], running: SimulatorProcess, stream: OpenWire
) -> None:
    fault = arm(running.faults)
    records = stream(running.port, PATH).records(12)
    good = [record for record in records if not is_bad(record)]
    assert [is_bad(record) for record in records] == [False] * 4 + [True] + [False] * 5 + [True] + [False]
    assert good in [lines[:10] for lines in published_from(running, good[0])]
    assert fault.fired == 2


def test_a_line_that_is_not_json_is_not_json_and_one_that_is_not_utf_8_is_not(
    running: SimulatorProcess, stream: OpenWire
) -> None:
    running.faults.not_json(feed=FEED)
    running.faults.not_utf8(feed=FEED)
    first, _, second = stream(running.port, PATH).records(3)
    with pytest.raises(json.JSONDecodeError):
        json.loads(first.decode())
    with pytest.raises(UnicodeDecodeError):
        second.decode()


def test_throttled_with_headers(running: SimulatorProcess) -> None:
    fault = running.faults.throttle(path="/2/members", retry_after=7)
    answer = members(running)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "7"
    assert answer.json()["code"] == "throttled"
    assert (fault.fired, members(running).status_code) == (1, 200)


def test_throttled_without_headers(running: SimulatorProcess) -> None:
    fault = running.faults.throttle(path="/2/members", headers=False)
    answer = members(running)
    assert answer.status_code == 429
    assert not [name for name in answer.headers if "ratelimit" in name.lower() or name == "Retry-After"]
    assert fault.fired == 1


def test_throttled_with_the_400_of_the_older_documents(running: SimulatorProcess) -> None:
    running.faults.throttle(path="/2/members", status=400)
    answer = members(running)
    assert (answer.status_code, answer.json()["code"]) == (400, "throttled")


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_status_answers_the_api_and_the_streams(status: int, running: SimulatorProcess, wire: OpenWire) -> None:
    fault = running.faults.status(status, times=2)
    assert members(running).status_code == status
    assert wire(running.port, PATH).head()[0].startswith(f"HTTP/1.1 {status} ")
    assert fault.fired == 2


def test_empty_is_a_200_without_a_body(running: SimulatorProcess) -> None:
    fault = running.faults.empty(path="/2/members")
    answer = members(running)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    assert fault.fired == 1


def test_slow_answers_late_and_whole(running: SimulatorProcess) -> None:
    fault = running.faults.slow(0.2, path="/2/members")
    answer = members(running)
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.2
    assert fault.fired == 1


def test_a_stalled_call_is_never_answered(running: SimulatorProcess) -> None:
    fault = running.faults.stall(path="/2/members")
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{running.base_url}/2/members", params={"member_id": "1", "key": running.api_key}, timeout=0.2)
    fault.wait_until_fired()
    assert fault.fired == 1


@pytest.mark.parametrize("ending", [Ending.FIN, Ending.RST])
def test_half_an_answer_promises_more_than_it_sends(ending: Ending, running: SimulatorProcess) -> None:
    fault = running.faults.cut(ending, path="/2/members")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        members(running)
    assert fault.fired == 1


def test_half_an_answer_may_be_whole_http(running: SimulatorProcess) -> None:
    fault = running.faults.cut(Ending.END, path="/2/members")
    answer = members(running)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert fault.fired == 1


def test_an_answer_that_is_not_json_is_a_page_in_html(running: SimulatorProcess) -> None:
    fault = running.faults.not_json(path="/2/members")
    assert members(running).headers["Content-Type"] == "text/html"
    assert fault.fired == 1


def test_a_fault_of_one_place_leaves_the_others_alone(running: SimulatorProcess, stream: OpenWire) -> None:
    fault = running.faults.status(500, path="/2/groups")
    other = running.faults.reset(feed="photos")
    assert members(running).status_code == 200
    stream(running.port, PATH).records(1)
    assert (fault.fired, other.fired) == (0, 0)


def test_probability_strikes_about_as_often_as_it_says(running: SimulatorProcess, stream: OpenWire) -> None:
    fault = running.faults.duplicate(feed=FEED, probability=0.1)
    stream(running.port, PATH).records(2000)
    assert 100 < fault.fired < 1000  # some are sent that the test does not read


def test_a_disarmed_fault_does_not_fire(running: SimulatorProcess, stream: OpenWire) -> None:
    fault = running.faults.reset(feed=FEED)
    fault.disarm()
    stream(running.port, PATH).records(1)
    with pytest.raises(LookupError):
        _ = fault.fired


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({}, "kind"),
        ({"kind": "earthquake"}, "kind"),
        ({"kind": "reset", "feed": "checkins"}, "feed"),
        ({"kind": "reset", "path": "/2/rsvps"}, "path"),
        ({"kind": "reset", "feed": "rsvps", "path": "/2/members"}, "feed and path"),
        ({"kind": "duplicate", "path": "/2/members"}, "duplicate strikes feeds only"),
        ({"kind": "reset", "times": 0}, "times"),
        ({"kind": "reset", "times": "two"}, "times"),
        ({"kind": "reset", "after": True}, "after"),
        ({"kind": "reset", "probability": 2}, "probability"),
        ({"kind": "slow", "seconds": -1}, "seconds"),
        ({"kind": "status", "status": 200}, "status"),
        ({"kind": "oversized", "bytes": 1 << 40}, "bytes"),
        ({"kind": "line", "text": "a\nb"}, "text"),
        ({"kind": "reset", "often": True}, "often"),
        (["reset"], "object"),
    ],
)
def test_what_is_no_fault_is_refused_by_name(asked: object, named: str, running: SimulatorProcess) -> None:
    with pytest.raises(ValueError, match=named):
        running.call("POST", "/faults", asked)
    assert running.get_json("/faults") == {"faults": []}


def test_the_counters_are_shown_for_each_fault(running: SimulatorProcess) -> None:
    running.faults.status(503, path="/2/members", times=2)
    members(running)
    (shown,) = running.get_json("/faults")["faults"]
    assert shown | {"id": 0} == {
        "id": 0, "kind": Kind.STATUS, "path": "/2/members", "status": 503, "times": 2, "fired": 1, "exhausted": False,
    }  # fmt: skip
