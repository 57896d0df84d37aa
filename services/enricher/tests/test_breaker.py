"""The breaker, with the clock as an argument."""

import pytest
from meetup_enricher.meetup.breaker import FIRST_SECONDS, REFUSALS, REFUSED_SHARE, Breaker, State


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(failures=3, longest_seconds=30, refused_seconds=300)


def opened(breaker: Breaker, now: float = 0.0) -> Breaker:
    for _ in range(3):
        breaker.failed(now)
    return breaker


def test_fewer_failures_than_the_limit_leave_it_closed(breaker: Breaker) -> None:
    breaker.failed(0)
    breaker.failed(0)
    assert (breaker.state, breaker.wait(0)) == (State.CLOSED, 0)


def test_an_answer_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    breaker.failed(0)
    breaker.failed(0)
    breaker.answered()
    breaker.failed(0)
    breaker.failed(0)
    assert breaker.state is State.CLOSED


def test_the_limit_of_failures_opens_it_for_the_first_pause(breaker: Breaker) -> None:
    assert opened(breaker).state is State.OPEN
    assert breaker.wait(0) == FIRST_SECONDS
    assert breaker.wait(FIRST_SECONDS) == 0


def test_only_one_call_tries_after_the_pause(breaker: Breaker) -> None:
    opened(breaker).entered()
    assert breaker.state is State.HALF_OPEN
    assert breaker.wait(FIRST_SECONDS) > 0


def test_a_trial_that_was_abandoned_lets_the_next_one_try(breaker: Breaker) -> None:
    opened(breaker).entered()
    breaker.abandoned()
    assert breaker.wait(FIRST_SECONDS) == 0


def test_a_trial_that_succeeds_closes_it(breaker: Breaker) -> None:
    opened(breaker).entered()
    breaker.succeeded()
    assert (breaker.state, breaker.wait(FIRST_SECONDS)) == (State.CLOSED, 0)


def test_each_failed_trial_doubles_the_pause_up_to_the_longest(breaker: Breaker) -> None:
    now, pauses = 0.0, []
    opened(breaker)
    for _ in range(8):
        pauses.append(breaker.wait(now))
        now += pauses[-1]
        breaker.entered()
        breaker.failed(now)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_pauses_begin_short_again_after_a_success(breaker: Breaker) -> None:
    opened(breaker).entered()
    breaker.failed(1)
    breaker.entered()
    breaker.succeeded()
    assert opened(breaker, 100).wait(100) == FIRST_SECONDS


def refuse(breaker: Breaker, now: float = 0.0, why: str = "bad key") -> float:
    """Refused at each try until that is believed; returns the time of the last."""
    while breaker.refusal is None:
        breaker.refused(now, why)
        if breaker.refusal is None:
            now += breaker.wait(now)
            breaker.entered()
    return now


def test_one_refusal_is_tried_again_soon(breaker: Breaker) -> None:
    breaker.refused(0, "forbidden")
    assert (breaker.state, breaker.wait(0), breaker.refusal) == (State.OPEN, FIRST_SECONDS, None)


@pytest.mark.parametrize("status", range(REFUSALS + 10))
def test_refusals_at_the_same_time_are_one(breaker: Breaker, status: int) -> None:
    for _ in range(status + 1):
        breaker.refused(0, "forbidden")
    assert breaker.refusal is None


def test_refusals_in_a_row_over_some_time_are_believed_and_the_api_is_left_alone_for_long(breaker: Breaker) -> None:
    now = refuse(breaker)
    assert 300 * REFUSED_SHARE <= now < 60
    assert (breaker.state, breaker.wait(now), breaker.refusal) == (State.OPEN, 300, "bad key")


def test_an_answer_with_profiles_between_two_refusals_starts_the_count_anew(breaker: Breaker) -> None:
    now = 0.0
    for _ in range(20):
        breaker.refused(now, "forbidden")
        now += breaker.wait(now)
        breaker.entered()
        breaker.refused(now, "forbidden")
        now += breaker.wait(now)
        breaker.entered()
        breaker.succeeded()
    assert breaker.refusal is None


@pytest.mark.parametrize("asked", [0, 0.5, 3, 59, 3600])
def test_a_refusal_that_asks_for_a_pause_gets_it(breaker: Breaker, asked: float) -> None:
    breaker.refused(0, "forbidden", asked)
    assert breaker.wait(0) == max(asked, FIRST_SECONDS)


def test_a_late_failure_does_not_shorten_the_pause_of_a_refusal(breaker: Breaker) -> None:
    now = refuse(breaker)
    opened(breaker, now + 1)
    assert breaker.wait(now + 1) == 299


def test_a_refusal_stands_until_profiles_are_answered(breaker: Breaker) -> None:
    refuse(breaker)
    breaker.entered()
    breaker.answered()
    assert breaker.refusal == "bad key"
    breaker.succeeded()
    assert breaker.refusal is None


def test_a_refusal_that_lasts_is_tried_once_in_the_long_pause(breaker: Breaker) -> None:
    now = refuse(breaker)
    for _ in range(5):
        now += breaker.wait(now)
        breaker.entered()
        breaker.refused(now, "bad key")
        assert breaker.wait(now) == 300


def test_a_year_of_failures_does_not_overflow(breaker: Breaker) -> None:
    now = 0.0
    for _ in range(3000):
        breaker.failed(now)
        now += breaker.wait(now)
    assert breaker.wait(now - 1) <= 30
