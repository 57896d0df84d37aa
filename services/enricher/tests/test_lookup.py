"""The look-up of a batch over real HTTP: paging, and the search for the id at fault."""

import threading

import pytest
from meetup_enricher.kinds import MEMBERS, MissingReason
from meetup_enricher.meetup.breaker import Breaker, State
from meetup_enricher.meetup.client import MAX_ANSWER_BYTES, MeetupClient
from meetup_enricher.meetup.guard import ApiGuard, GuardClosed
from meetup_enricher.meetup.lookup import Lookup
from meetup_enricher.meetup.rate_limit import RateLimiter
from meetup_enricher.metrics import Metrics
from meetupkit.errors import UpstreamRefused, UpstreamUnavailable
from pydantic import SecretStr

from services.enricher.tests.enricher_doubles import KEY, Call, MeetupApi, Reply


class Bench:
    """A look-up with its guard."""

    def __init__(self, url: str) -> None:
        self.metrics = Metrics()
        self.stopping = threading.Event()
        self.breaker = Breaker(failures=3, longest_seconds=1, refused_seconds=300)
        self.guard = ApiGuard(
            breaker=self.breaker, rate_limiter=RateLimiter(), metrics=self.metrics, stopping=self.stopping
        )
        api = MeetupClient(
            url=url, key=SecretStr(KEY), call_seconds=60, observe=self.guard.observe, metrics=self.metrics
        )
        self.lookup = Lookup(
            kind=MEMBERS, api=api, guard=self.guard, metrics=self.metrics, call_seconds=60, waiting=lambda seconds: None
        )

    def unasked(self) -> float:
        labels = {"kind": "members"}
        return self.metrics.registry.get_sample_value("meetup_enricher_unasked_results_total", labels) or 0


@pytest.fixture
def bench(meetup: MeetupApi) -> Bench:
    return Bench(meetup.url)


def test_two_hundred_ids_are_one_call(bench: Bench, meetup: MeetupApi) -> None:
    meetup.absent = {3, 199}
    answer = bench.lookup.look_up(range(1, 201))
    assert len(answer.found) == 198
    assert answer.missing == {3: MissingReason.ABSENT, 199: MissingReason.ABSENT}
    assert len(meetup.calls) == 1


def test_smaller_pages_are_followed_by_counting_and_what_they_lack_is_asked_for_in_one(
    bench: Bench, meetup: MeetupApi
) -> None:
    meetup.page_cap, meetup.absent = 30, {5}
    answer = bench.lookup.look_up(range(1, 101))
    assert len(answer.found) == 99
    assert answer.missing == {5: MissingReason.ABSENT}
    assert [(call.offset, len(call.ids)) for call in meetup.calls] == [(0, 100), (1, 100), (2, 100), (3, 100), (0, 1)]


def test_results_nobody_asked_for_are_counted_and_ignored(bench: Bench, meetup: MeetupApi) -> None:
    meetup.absent = {2}
    meetup.replies = [Reply(200, b'{"results":[{"id":1},{"id":666},{"id":"2"},7],"meta":{}}')]
    answer = bench.lookup.look_up([1, 2])
    assert list(answer.found) == [1]
    assert answer.missing == {2: MissingReason.ABSENT}
    assert bench.unasked() == 3


def test_one_bad_id_is_found_by_halving_and_the_rest_proceeds(bench: Bench, meetup: MeetupApi) -> None:
    meetup.bad = {77}
    answer = bench.lookup.look_up(range(1, 201))
    assert answer.missing == {77: MissingReason.REFUSED}
    assert len(answer.found) == 199
    assert len(meetup.calls) <= 17


def test_a_few_bad_ids_are_found_as_well(bench: Bench, meetup: MeetupApi) -> None:
    meetup.bad = {1, 2, 3, 4, 5}
    answer = bench.lookup.look_up(range(1, 201))
    assert answer.missing == dict.fromkeys(range(1, 6), MissingReason.REFUSED)
    assert len(answer.found) == 195


def test_an_api_that_refuses_everything_makes_no_id_missing(bench: Bench, meetup: MeetupApi) -> None:
    meetup.bad = set(range(1, 201))
    with pytest.raises(UpstreamRefused, match="every list of ids"):
        bench.lookup.look_up(range(1, 201))
    assert len(meetup.calls) == 17
    assert bench.breaker.state is State.OPEN


def test_an_answer_that_is_too_large_is_asked_for_in_halves(bench: Bench, meetup: MeetupApi) -> None:
    def override(call: Call) -> Reply | None:
        return Reply(200, b" " * (MAX_ANSWER_BYTES + 1)) if 3 in call.ids else None

    meetup.override = override
    answer = bench.lookup.look_up([1, 2, 3, 4])
    assert answer.missing == {3: MissingReason.UNSTORABLE}
    assert sorted(answer.found) == [1, 2, 4]


def test_a_failure_while_halving_leaves_everything_unknown(bench: Bench, meetup: MeetupApi) -> None:
    meetup.replies = [Reply(400, b"{}"), Reply(500)]
    with pytest.raises(UpstreamUnavailable):
        bench.lookup.look_up([1, 2, 3, 4])


def test_no_call_is_made_when_the_service_stops(bench: Bench, meetup: MeetupApi) -> None:
    bench.stopping.set()
    with pytest.raises(GuardClosed):
        bench.lookup.look_up([1])
    assert meetup.calls == []
