"""An outage of the stream that is longer than the server's backlog."""

from meetup_testkit.service_process import StartStream, until
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.stored import Stored

SHORT_BACKLOG = ("--rate=200", "--backlog=10")
"""Flags of the simulator: it has forgotten everything within a twentieth of a second."""


def store_some(meetup: SimulatorProcess, start_stream: StartStream, stored: Stored) -> None:
    """A first stream stores some records and ends."""
    first = start_stream(meetup.stream_url("rsvps")).wait_ready()
    until(lambda: len(stored.objects()) > 50, "some records")
    assert first.stop() == 0


def come_back_too_late(meetup: SimulatorProcess, start_stream: StartStream) -> None:
    """A second one comes when the backlog does not reach back to the first, finds the gap, and ends."""
    missed = len(meetup.published("rsvps")) + 50
    until(lambda: len(meetup.published("rsvps")) > missed, "more than the backlog holds")
    second = start_stream(meetup.stream_url("rsvps")).wait_ready()
    until(lambda: second.metric("meetup_stream_gaps_total") == 1, "the gap")
    assert second.stop() == 0
