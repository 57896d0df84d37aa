"""What stream and enricher ask of their upstream, asked of the gateway: quiet feeds, look-ups, refusals."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from meetup_enricher.kinds import GROUPS, MEMBERS, Kind, MissingReason
from meetup_enricher.meetup.breaker import Breaker
from meetup_enricher.meetup.client import MeetupClient
from meetup_enricher.meetup.guard import ApiGuard
from meetup_enricher.meetup.lookup import Lookup
from meetup_enricher.meetup.rate_limit import RateLimiter
from meetup_enricher.metrics import Metrics
from meetup_testkit.graphql_plugin import StartLivingMeetup
from meetup_testkit.service_process import until
from meetupkit.errors import Throttled, UpstreamUnavailable
from pydantic import SecretStr

from services.gateway.tests.gateway_process import KEY, environ_of, running
from services.gateway.tests.gateway_world import Gateway, Meetup, follow_all
from services.gateway.tests.test_chain import stream_of
from services.gateway.tests.test_serving import STILL, Served

_HEARTBEATS = 30
"""As many as ten minutes have at twenty seconds each."""


@pytest.mark.faults
def test_as_many_heartbeats_as_ten_quiet_minutes_have_make_no_reconnect(
    tmp_path: Path, living_meetup: StartLivingMeetup
) -> None:
    """Ten times faster: a newline every two seconds, and a stream that gives up after six."""
    meetup = living_meetup("--speed", "0", "--changes-per-hour", "0", "--groups", "2")
    meetup.turn(price="H1")
    (tmp_path / "objects").mkdir()
    settings = {"heartbeat_seconds": "2", "count_seconds": "0"}
    with (
        running(tmp_path, environ_of(tmp_path, meetup, **settings)) as gateway,
        stream_of(tmp_path, gateway.wait_ready(), "photos", STREAM_READ_TIMEOUT_SECONDS="6") as photos,
    ):
        photos.wait_ready()
        with requests.get(f"{gateway.url}/2/photos", stream=True, timeout=60) as beside:
            until(lambda: beside.raw.read(1) == b"\n", "a newline")
            assert beside.raw.read(_HEARTBEATS - 1) == b"\n" * (_HEARTBEATS - 1)
        assert photos.metric("meetup_stream_connects_total") == 1
        assert photos.ready()


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    meetup = Meetup(2, STILL, price="H1")
    each = Served(Gateway(meetup, folder / "g.db", follow_all(meetup)))
    try:
        yield each
    finally:
        each.close()


def looking_up(url: str, kind: Kind) -> Lookup:
    """The enricher's own, as its service puts it together."""
    metrics, stopping = Metrics(), threading.Event()
    guard = ApiGuard(
        breaker=Breaker(failures=3, longest_seconds=1, refused_seconds=300),
        rate_limiter=RateLimiter(),
        metrics=metrics,
        stopping=stopping,
    )
    api = MeetupClient(url=url, key=SecretStr(KEY), call_seconds=60, observe=guard.observe, metrics=metrics)
    return Lookup(kind=kind, api=api, guard=guard, metrics=metrics, call_seconds=60, waiting=lambda seconds: None)


def test_the_enrichers_look_up_finds_groups_and_learns_who_is_absent(tmp_path: Path) -> None:
    with served(tmp_path) as gateway:
        gateway.gateway.wait(900)
        ids = [int(group.id) for group in gateway.gateway.meetup.world.groups]
        answer = looking_up(gateway.url, GROUPS).look_up([*ids, 4711])
        assert sorted(answer.found) == sorted(ids)
        assert answer.missing == {4711: MissingReason.ABSENT}


def test_two_hundred_members_that_nobody_saw_are_absent_and_no_call_is_refused(tmp_path: Path) -> None:
    with served(tmp_path) as gateway:
        answer = looking_up(gateway.url, MEMBERS).look_up(range(1, 201))
        assert answer.missing == dict.fromkeys(range(1, 201), MissingReason.ABSENT)
        assert 1 <= gateway.gateway.count("rest_calls_total", kind="members", status="200") <= 2  # it asks twice


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"http": "429"}, Throttled), ({"http": "504"}, UpstreamUnavailable), ({"fail_share": 1.0}, UpstreamUnavailable)],
)
def test_a_group_that_cannot_be_read_now_is_not_absent_to_the_enricher(
    tmp_path: Path, fault: dict[str, object], kind: type[Exception]
) -> None:
    with served(tmp_path) as gateway:
        gateway.gateway.lease.acquire(gateway.gateway.context.now())
        gateway.gateway.meetup.api.dials.turn(fault)
        with pytest.raises(kind):
            looking_up(gateway.url, GROUPS).look_up([int(gateway.gateway.meetup.world.groups[0].id)])
