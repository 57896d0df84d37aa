"""One child: how long it waits for its next life."""

import os
from pathlib import Path

import pytest
from meetup_local_runner.plan import Process
from meetup_local_runner.processes import LONGEST_WAIT_SECONDS, STABLE_SECONDS, Child, State
from meetup_testkit.child_process import until


class Clock:
    """Moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def frail(tmp_path: Path, clock: Clock) -> Child:
    """A child whose program ends at once."""
    return Child(Process("frail", "/bin/false"), logs=tmp_path, environ=os.environ, clock=clock)


def live(child: Child, clock: Clock, seconds: float = 0.0) -> float:
    """A life of so many seconds; the wait after it."""
    child.start({})
    clock.now += seconds
    until(child.look, "the end of its program", poll=0.002)
    return child.restart_in


def test_a_child_that_keeps_ending_waits_twice_as_long_each_time_up_to_a_minute(frail: Child, clock: Clock) -> None:
    waits = [live(frail, clock) for _ in range(9)]

    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, LONGEST_WAIT_SECONDS]
    assert frail.restarts == 8


def test_a_child_that_was_well_for_a_minute_comes_back_at_once(frail: Child, clock: Clock) -> None:
    for _ in range(5):
        live(frail, clock)

    assert live(frail, clock, seconds=STABLE_SECONDS) == 0
    assert live(frail, clock) == 1


def test_a_child_is_not_due_before_its_wait_is_over(frail: Child, clock: Clock) -> None:
    live(frail, clock)
    live(frail, clock)

    assert not frail.is_due()
    clock.now += 1
    assert frail.is_due()


def test_a_child_that_was_told_to_stop_does_not_come_back(frail: Child, clock: Clock) -> None:
    live(frail, clock)

    frail.ask_to_stop()

    assert frail.state is State.STOPPED
    assert not frail.is_due()
