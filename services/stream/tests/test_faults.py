"""Every fault of the simulator on a running stream: what was published is stored once, and the fault did fire."""

import time
from collections.abc import Callable

import pytest
import requests
from meetup_simulator.faults import Ending
from meetup_stream.reading.refusals import REFUSALS, REFUSED_SECONDS
from meetup_testkit.service_process import ServiceProcess, StartStream, until
from meetup_testkit.simulator_client import ArmedFault, SimulatorClient
from meetup_testkit.simulator_plugin import StartProxy, StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.stored import Stored

RECORDS = 400
"""Published within a second or so, and far below the backlog."""

pytestmark = pytest.mark.faults

Arm = Callable[[SimulatorClient], ArmedFault]


def whole(simulator: SimulatorClient, stored: Stored) -> bool:
    """Whether all that will be published is stored; a simulator that refuses connections has not published it yet."""
    try:
        published = simulator.published("rsvps")
    except requests.ConnectionError:
        return False
    return len(published) >= RECORDS and len(stored.objects()) >= len(set(published))


def assert_stored_once_and_nothing_else(simulator: SimulatorClient, stored: Stored) -> None:
    assert stored.bodies() == sorted(set(simulator.published("rsvps")))


def run_through(simulator: SimulatorProcess, stream: ServiceProcess, stored: Stored) -> None:
    until(lambda: whole(simulator, stored), "all records stored")
    assert stream.stop() == 0
    assert_stored_once_and_nothing_else(simulator, stored)
    assert [event for event in stream.events() if event["severity"] in ("ERROR", "CRITICAL")] == []


DAMAGED_CONNECTIONS = {
    "refused": lambda it: it.faults.refuse(seconds=0.5, feed="rsvps", after=50),
    "refused at once": lambda it: it.faults.refuse(seconds=0.5, feed="rsvps"),
    "reset between records": lambda it: it.faults.reset(feed="rsvps", after=50, times=3),
    "reset at the request": lambda it: it.faults.reset(feed="rsvps", times=2),
    "silent": lambda it: it.faults.stall(feed="rsvps", after=50),
    "silent from the start": lambda it: it.faults.stall(feed="rsvps"),
    "cut in a record": lambda it: it.faults.cut(Ending.FIN, feed="rsvps", after=50, times=3),
    "reset in a record": lambda it: it.faults.cut(Ending.RST, feed="rsvps", after=50, times=3),
    "ended in a record": lambda it: it.faults.cut(Ending.END, feed="rsvps", after=50, times=3),
    "ended": lambda it: it.faults.end(feed="rsvps", after=50, times=3),
    "429 with Retry-After": lambda it: it.faults.throttle(feed="rsvps", retry_after=1),
    "429 without": lambda it: it.faults.throttle(feed="rsvps", headers=False, times=3),
    "500": lambda it: it.faults.status(500, feed="rsvps", times=3),
    "503": lambda it: it.faults.status(503, feed="rsvps", times=3),
    "one 401": lambda it: it.faults.status(401, feed="rsvps"),
    "some 403": lambda it: it.faults.status(403, feed="rsvps", times=3),
    "404 with Retry-After": lambda it: it.faults.status(404, feed="rsvps", times=2, retry_after=1),
    "slow to answer": lambda it: it.faults.slow(0.5, feed="rsvps"),
}


@pytest.mark.parametrize("arm", DAMAGED_CONNECTIONS.values(), ids=DAMAGED_CONNECTIONS)
def test_a_damaged_connection_loses_nothing(
    arm: Arm, simulator: StartSimulator, start_stream: StartStream, stored: Stored
) -> None:
    meetup = simulator("--rate", "400", "--count", str(RECORDS))
    fault = arm(meetup)
    stream = start_stream(meetup.stream_url("rsvps"), STREAM_READ_TIMEOUT_SECONDS="1.5")
    run_through(meetup, stream, stored)
    assert fault.fired >= 1


DAMAGED_ORDER = {
    "duplicate": lambda it: it.faults.duplicate(feed="rsvps", after=10, times=20),
    "reorder": lambda it: it.faults.reorder(feed="rsvps", after=10, times=20),
}


@pytest.mark.parametrize("arm", DAMAGED_ORDER.values(), ids=DAMAGED_ORDER)
def test_records_sent_twice_or_out_of_order_are_stored_once(
    arm: Arm, simulator: StartSimulator, start_stream: StartStream, stored: Stored
) -> None:
    meetup = simulator("--rate", "400", "--count", str(RECORDS))
    fault = arm(meetup)
    run_through(meetup, start_stream(meetup.stream_url("rsvps")), stored)
    assert fault.fired == 20


DAMAGED_LINES = {
    "not_json": (lambda it: it.faults.not_json(feed="rsvps", after=10, times=3), "not_json"),
    "not UTF-8": (lambda it: it.faults.not_utf8(feed="rsvps", after=10, times=3), "not_json"),
    "oversized": (lambda it: it.faults.oversized(3_000_000, feed="rsvps", after=10, times=3), "too_large"),
    "deep": (lambda it: it.faults.line("[" * 9000 + "]" * 9000, feed="rsvps", after=10, times=3), "not_json"),
    "NaN": (lambda it: it.faults.line('{"rsvp_id":1,"mtime":NaN}', feed="rsvps", after=10, times=3), "not_json"),
    "without id": (lambda it: it.faults.line('{"mtime":1}', feed="rsvps", after=10, times=3), "no_id"),
    "wrong type": (lambda it: it.faults.line('{"rsvp_id":"1","mtime":1}', feed="rsvps", after=10, times=3), "bad_id"),
    "errors": (lambda it: it.faults.line('{"errors":[]}', feed="rsvps", after=10, times=3), "errors"),
}


@pytest.mark.parametrize(("arm", "reason"), DAMAGED_LINES.values(), ids=DAMAGED_LINES)
def test_a_line_that_is_no_record_is_quarantined_with_its_reason(
    arm: Arm, reason: str, simulator: StartSimulator, start_stream: StartStream, stored: Stored
) -> None:
    meetup = simulator("--rate", "400", "--count", str(RECORDS))
    fault = arm(meetup)
    stream = start_stream(meetup.stream_url("rsvps"))
    until(lambda: whole(meetup, stored), "all records stored")
    rejected = stream.metric("meetup_stream_records_rejected_total", reason=reason)
    run_through(meetup, stream, stored)
    assert fault.fired == 3
    assert 1 <= rejected <= 3  # the same line again is kept once
    assert len(stored.rejected()) == rejected


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_lasting_refusal_of_the_stream_ends_it_with_one_error(
    status: int, simulator: StartSimulator, start_stream: StartStream
) -> None:
    meetup = simulator()
    fault = meetup.faults.status(status, feed="rsvps", times=None)
    stream = start_stream(meetup.stream_url("rsvps"))
    began = time.monotonic()
    until(lambda: f"not connected: {status}" in stream.get("/readyz").text, "the reason")
    assert stream.process.wait(60) == 1
    assert time.monotonic() - began > REFUSED_SECONDS - 2
    (error,) = (event for event in stream.events() if event["severity"] == "ERROR")
    assert str(status) in error["message"]
    assert REFUSALS <= fault.fired < 40


def test_a_name_that_does_not_resolve_is_waited_for(start_stream: StartStream) -> None:
    stream = start_stream("http://stream.meetup.invalid/2/rsvps")
    until(lambda: "Name or service" in stream.get("/readyz").text, "the reason")
    assert stream.get("/readyz").text.startswith("not connected: ")
    assert stream.get("/livez").status_code == 200
    assert stream.stop() == 0


def test_half_an_answer_through_a_slow_network_is_read_whole(
    simulator: StartSimulator, tcp_proxy: StartProxy, start_stream: StartStream, stored: Stored
) -> None:
    meetup = simulator("--rate", "0", "--count", str(RECORDS))
    proxy = tcp_proxy(meetup.port)
    stream = start_stream(f"http://127.0.0.1:{proxy.port}/2/rsvps", STREAM_READ_TIMEOUT_SECONDS="2")
    run_through(meetup, stream, stored)
