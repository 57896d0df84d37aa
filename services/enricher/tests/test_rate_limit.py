"""The rate_limiter, with the clock as an argument."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_enricher.meetup.rate_limit import LONGEST_SECONDS, REPEATED_SECONDS, Budget, RateLimiter, read_budget


def call(rate_limiter: RateLimiter, now: float, budget: Budget | None) -> None:
    rate_limiter.entered(now)
    if budget:
        rate_limiter.observed(budget, now)
    rate_limiter.left()


def test_nothing_is_waited_for_while_no_limit_is_known() -> None:
    rate_limiter = RateLimiter()
    call(rate_limiter, 0, None)
    assert (rate_limiter.wait(0), rate_limiter.remaining) == (0, None)


def test_a_spent_budget_waits_for_the_window_to_end() -> None:
    rate_limiter = RateLimiter()
    call(rate_limiter, 0, Budget(30, 0, 10))
    assert rate_limiter.wait(4) == 6
    assert rate_limiter.wait(10) == 0


def test_the_first_half_of_a_window_is_spent_without_waiting() -> None:
    rate_limiter = RateLimiter()
    for remaining in range(29, 15, -1):
        assert rate_limiter.wait(0) == 0
        call(rate_limiter, 0, Budget(30, remaining, 10))


def test_the_second_half_of_a_window_is_spread_over_its_time() -> None:
    rate_limiter = RateLimiter()
    call(rate_limiter, 0, Budget(30, 10, 10))
    rate_limiter.entered(0)
    assert 0.9 < rate_limiter.wait(0) < 1.1


def test_calls_under_way_count_against_what_the_server_says_remains() -> None:
    rate_limiter = RateLimiter()
    call(rate_limiter, 0, Budget(30, 2, 10))
    rate_limiter.entered(0)
    rate_limiter.entered(0)
    rate_limiter.observed(Budget(30, 1, 10), 0)
    assert rate_limiter.remaining == 0
    assert rate_limiter.wait(5) == 5


@given(seed=st.integers(), limit=st.integers(1, 40), window=st.integers(1, 20))
def test_a_server_never_sees_more_calls_in_a_window_than_it_allows(seed: int, limit: int, window: int) -> None:
    dice, rate_limiter = random.Random(seed), RateLimiter()
    now, ends, used = 0.0, 0.0, 0
    for _ in range(300):
        now += rate_limiter.wait(now) + dice.choice((0, 0, 0.01, 1))
        if rate_limiter.wait(now):
            continue
        if now >= ends:
            ends, used = now + window, 0
        used += 1
        assert used <= limit
        call(rate_limiter, now, Budget(limit, limit - used, ends - now))


def test_a_retry_after_is_waited_for_exactly() -> None:
    rate_limiter = RateLimiter()
    assert rate_limiter.throttled(0, retry_after=17, repeatedly=True) == 17
    assert rate_limiter.wait(5) == 12


def test_throttling_without_a_retry_after_waits_for_the_window_that_was_told() -> None:
    rate_limiter = RateLimiter()
    call(rate_limiter, 0, Budget(30, 0, 10))
    assert rate_limiter.throttled(0, retry_after=None, repeatedly=False) == 10


def test_throttling_again_and_again_doubles_the_wait_up_to_an_hour() -> None:
    rate_limiter = RateLimiter()
    waits = [rate_limiter.throttled(0, retry_after=None, repeatedly=False) for _ in range(50)]
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert max(waits) == waits[-1] == 3600


def test_a_success_ends_the_doubling() -> None:
    rate_limiter = RateLimiter()
    rate_limiter.throttled(0, retry_after=None, repeatedly=False)
    rate_limiter.succeeded()
    assert rate_limiter.throttled(100, retry_after=None, repeatedly=False) == 1


def test_more_throttling_than_allowed_waits_at_least_a_minute() -> None:
    assert RateLimiter().throttled(0, retry_after=None, repeatedly=True) == REPEATED_SECONDS


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "29"},
        {"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "10"},
        {"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "29", "X-RateLimit-Reset": "10"},
        {"X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795471405"},
        {"X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "-10"},
        {"X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "nan", "X-RateLimit-Reset": "10"},
    ],
)
def test_headers_that_hold_no_whole_budget_of_sense_are_ignored(headers: dict[str, str]) -> None:
    assert read_budget(headers) is None


@given(st.text(), st.text(), st.text())
def test_no_header_makes_the_pacer_fail(limit: str, remaining: str, reset: str) -> None:
    budget = read_budget({"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset})
    if budget:
        rate_limiter = RateLimiter()
        call(rate_limiter, 0, budget)
        assert 0 <= rate_limiter.wait(0) <= LONGEST_SECONDS
