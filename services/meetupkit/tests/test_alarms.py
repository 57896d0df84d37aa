"""Deadlines without a thread for each."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue

import pytest
from meetupkit.http.alarms import Alarms
from meetupkit.http.deadline import deadline

SECONDS = 60.0
"""Far longer than any of these takes."""


@contextmanager
def held(alarms: Alarms) -> Iterator[None]:
    """No other call is made meanwhile, however long it takes to ask for them."""
    go_on = threading.Event()

    def wait() -> None:
        go_on.wait(SECONDS)

    alarms.after(-2 * SECONDS, wait)
    yield
    go_on.set()


def test_calls_are_made_in_the_order_of_their_times_whatever_the_order_of_asking() -> None:
    alarms, made = Alarms(), SimpleQueue[str]()
    with held(alarms):
        alarms.after(0.0, lambda: made.put("later"))
        alarms.after(-SECONDS, lambda: made.put("sooner"))
    assert [made.get(timeout=SECONDS), made.get(timeout=SECONDS)] == ["sooner", "later"]


def test_a_cancelled_call_is_not_made() -> None:
    alarms, made = Alarms(), SimpleQueue[str]()
    with held(alarms):
        alarms.after(0.0, lambda: made.put("cancelled")).cancel()
        alarms.after(0.05, lambda: made.put("kept"))
    assert made.get(timeout=SECONDS) == "kept"
    assert made.empty()


def test_an_alarm_set_while_a_later_one_is_waited_for_comes_first() -> None:
    alarms, made = Alarms(), SimpleQueue[str]()
    alarms.after(60.0, lambda: made.put("later"))
    alarms.after(0.0, lambda: made.put("sooner"))
    assert made.get(timeout=SECONDS) == "sooner"


def test_many_deadlines_take_one_thread() -> None:
    before = threading.active_count()
    with ExitStack() as limits:
        for _ in range(50):
            limits.enter_context(deadline(60.0))
        assert threading.active_count() <= before + 1


def test_a_call_that_fails_is_logged_and_the_next_one_is_made(caplog: pytest.LogCaptureFixture) -> None:
    alarms, made = Alarms(), SimpleQueue[str]()
    alarms.after(0.0, lambda: print(1 / 0))
    alarms.after(0.05, lambda: made.put("next"))
    assert made.get(timeout=SECONDS) == "next"
    assert [record.message for record in caplog.records] == ["a deadline could not be kept"]


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")  # Python 3.12's of every fork
def test_a_forked_child_has_deadlines_of_its_own() -> None:
    with deadline(60.0):
        child = os.fork()
        if child == 0:
            made = SimpleQueue[bool]()
            Alarms().after(0.0, lambda: made.put(True))
            with deadline(0.01) as limit:
                until = threading.Event()
                while not limit.expired and not until.wait(0.01):
                    pass
            os._exit(0 if made.get(timeout=SECONDS) else 1)
        assert os.waitpid(child, 0)[1] == 0
