import threading
import time
from functools import partial
from itertools import pairwise

import pytest
from meetupkit.errors import PermanentError, StoreRefused, StoreUnavailable, Throttled, TransientError
from meetupkit.retry import INITIAL_SECONDS, LONGEST_ASKED_SECONDS, call_policy, doubled, reconnect_policy


class Flaky:
    """Fails so many times, then answers; remembers when it was asked."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures = failures
        self.error = error
        self.asked_at: list[float] = []

    def __call__(self) -> str:
        self.asked_at.append(time.monotonic())
        if len(self.asked_at) <= self.failures:
            raise self.error
        return "answer"


def test_a_transient_error_is_tried_again_and_counted() -> None:
    retries: list[tuple[TransientError, float]] = []
    call = Flaky(3, StoreUnavailable("away"))
    policy = call_policy("call", stopping=threading.Event(), on_retry=lambda *retry: retries.append(retry))
    assert policy(call) == "answer"
    assert len(call.asked_at) == 4
    assert [str(error) for error, _ in retries] == ["away"] * 3


def test_a_permanent_error_is_not_tried_again() -> None:
    call = Flaky(9, StoreRefused("no such bucket"))
    with pytest.raises(PermanentError):
        reconnect_policy("call", stopping=threading.Event())(call)
    assert len(call.asked_at) == 1


def test_what_the_other_side_asks_for_is_waited_at_least() -> None:
    call = Flaky(1, Throttled("slow down", retry_after=0.6))
    call_policy("call", stopping=threading.Event())(call)
    assert call.asked_at[1] - call.asked_at[0] >= 0.6


def test_no_wait_is_longer_than_the_outage_has_lasted() -> None:
    began = time.monotonic()
    waits: list[tuple[float, float]] = []

    def on_retry(_: TransientError, wait: float) -> None:
        waits.append((time.monotonic() - began, wait))

    reconnect_policy("call", stopping=threading.Event(), on_retry=on_retry)(Flaky(6, StoreUnavailable("away")))
    assert len(waits) == 6
    for lasted, wait in waits:
        assert wait <= max(INITIAL_SECONDS, lasted)


def test_a_bounded_call_raises_its_last_error() -> None:
    """Called again if the machine was away for all of its time: then it was tried once."""
    tries = 0
    while tries < 2:
        call = Flaky(1_000_000, StoreUnavailable("still away"))
        with pytest.raises(StoreUnavailable, match="still away"):
            call_policy("call", stopping=threading.Event(), seconds=0.3)(call)
        tries = len(call.asked_at)


def test_a_stop_ends_the_wait_at_once() -> None:
    stopping = threading.Event()
    call = Flaky(1_000_000, StoreUnavailable("away", retry_after=3600))
    threading.Timer(0.2, stopping.set).start()
    with pytest.raises(StoreUnavailable):
        reconnect_policy("call", stopping=stopping)(call)
    assert len(call.asked_at) <= 2


def _append_wait(waits: list[float], _: BaseException, wait: float) -> None:
    waits.append(wait)


def test_each_outage_gets_all_its_tries() -> None:
    stopping = threading.Event()
    for _ in range(2):
        waits: list[float] = []
        call = Flaky(3, StoreUnavailable("away"))
        reconnect_policy("call", stopping=stopping, on_retry=partial(_append_wait, waits))(call)
        assert waits[0] <= INITIAL_SECONDS
        assert all(later >= earlier for earlier, later in pairwise(call.asked_at))


@pytest.mark.parametrize("asked", [1e5, 99_999_999_999.0, float("inf")])
def test_a_wait_that_makes_no_sense_is_cut_to_an_hour(asked: float) -> None:
    stopping = threading.Event()
    waits: list[float] = []

    def on_retry(_: TransientError, seconds: float) -> None:
        waits.append(seconds)
        stopping.set()  # ends the wait as soon as it begins

    with pytest.raises(StoreUnavailable):
        reconnect_policy("call", stopping=stopping, on_retry=on_retry)(
            Flaky(9, StoreUnavailable("away", retry_after=asked))
        )
    assert waits == [LONGEST_ASKED_SECONDS]


def test_a_wait_doubles_with_each_failure_up_to_its_longest() -> None:
    assert [doubled(failures, first=0.5, longest=6.0) for failures in range(7)] == [0, 0.5, 1, 2, 4, 6, 6]
    assert doubled(10_000, first=0.5, longest=6.0) == 6.0
