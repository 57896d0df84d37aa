"""Back-fill: the answers of past events are told once, with the points that are left, whatever comes between."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from meetup_gateway.polling.context import Options
from meetup_gateway.source.budget import Price
from meetup_simulator.graphql_api.living_world import Size
from meetup_simulator.graphql_api.population import DAY, HOUR, Event, RsvpState

from services.gateway.tests.gateway_world import EPOCH, Gateway, Meetup, follow_all

RESPONSES = {"YES": "yes", "NO": "no"}
BACK = Options(floor_seconds=3600, backfill=30 * DAY)
SIZE = Size(groups=3, members=20, events_per_group=3, changes_per_hour=2)


class Killed(BaseException):
    """The process is gone."""


class KilledAt(Meetup):
    """The API of a process that is killed at its n-th answer."""

    left = 1 << 30

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.left -= 1
        if not self.left:
            raise Killed
        return super().__call__(*arguments, **options)


def lived(days: float = 20, kind: type[Meetup] = Meetup, **dials: Any) -> Any:
    """A world that was there for so long before anybody asked."""
    meetup = kind(5, SIZE, **{"price": "H1", **dials})
    meetup.seconds = days * 86_400
    meetup.world.advance(EPOCH + int(days * DAY))
    return meetup


def past(meetup: Meetup) -> list[Event]:
    """Events that are over and were not called off."""
    now = int(meetup.now() * 1000)
    found = []
    for event in meetup.world.events:
        state = event.versions.at(now)
        over = state is not None and state.starts is not None and state.starts + 3 * HOUR < now
        if over and state is not None and state.status == "ACTIVE":
            found.append(event)
    return found


def wanted(meetup: Meetup) -> Mapping[str, str]:
    """The last answers to them."""
    last: dict[str, RsvpState | None] = {
        rsvp.id: rsvp.versions.last for event in past(meetup) for rsvp in meetup.world.rsvps_of[event]
    }
    return {number: RESPONSES[state.status] for number, state in last.items() if state and state.status in RESPONSES}


def told(gateway: Gateway) -> Mapping[str, list[str]]:
    return {number: [each["response"] for each in records] for number, records in gateway.emitted("rsvps").items()}


def assert_told_once(gateway: Gateway, expected: Mapping[str, str]) -> None:
    assert expected, "the world has past answers"
    found = told(gateway)
    assert {number: found.get(number) for number in expected} == {
        number: [response] for number, response in expected.items()
    }


def past_read(meetup: Meetup) -> int:
    """How often a past event's answers were asked for."""
    ids = {state.id for event in past(meetup) if (state := event.versions.last) is not None}
    return sum(value in ids for sent in meetup.sent for value in sent["variables"].values() if isinstance(value, str))


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Gateway]:
    def begin(meetup: Meetup, **options: Any) -> Gateway:
        return Gateway(meetup, tmp_path / "g.db", follow_all(meetup), **{"options": BACK, **options})

    return begin


def test_the_answers_of_past_events_are_told_once(start: Callable[..., Gateway]) -> None:
    meetup = lived()
    expected = wanted(meetup)
    gateway = start(meetup)
    gateway.wait(3600)
    assert_told_once(gateway, expected)
    asked = past_read(meetup)
    gateway.close()
    gateway = start(meetup)  # after a restart
    gateway.wait(600)
    assert_told_once(gateway, expected)
    assert past_read(meetup) == asked, "what was read is not read again"
    gateway.close()


def test_without_the_setting_nothing_of_the_past_is_read(start: Callable[..., Gateway]) -> None:
    meetup = lived()
    gateway = start(meetup, options=Options(floor_seconds=3600))
    gateway.wait(3600)
    assert not wanted(meetup).keys() & told(gateway).keys()
    gateway.close()


@pytest.mark.parametrize("answers", [3, 5, 7, 9])
def test_a_back_fill_that_was_killed_goes_on_where_it_was(start: Callable[..., Gateway], answers: int) -> None:
    meetup = lived(kind=KilledAt)
    expected = wanted(meetup)
    gateway = start(meetup)
    meetup.left = answers
    with pytest.raises(Killed):
        gateway.wait(3600)
    gateway.close()
    meetup.seconds += 60  # the lease of the dead one
    gateway = start(meetup, owner="two")
    gateway.wait(3600)
    assert_told_once(gateway, expected)
    gateway.close()


@pytest.mark.parametrize("fault", [{"http": "504", "http_share": 0.5}, {"fail_share": 0.5}, {"http": "cut"}])
def test_answers_that_failed_are_asked_for_again(start: Callable[..., Gateway], fault: Mapping[str, Any]) -> None:
    meetup = lived()
    expected = wanted(meetup)
    gateway = start(meetup)
    while not gateway.state.waiting_backfill(1):
        meetup.seconds += max(0.01, gateway.poller.step())
    meetup.api.dials.turn(dict(fault))
    gateway.wait(900)
    meetup.api.dials.turn({"http": "", "http_share": 1.0, "fail_share": 0.0})
    gateway.wait(2 * 3600)
    assert_told_once(gateway, expected)
    gateway.close()


def test_a_past_event_under_a_new_id_is_told_once(start: Callable[..., Gateway]) -> None:
    """It was followed while it was to come; then its series took another id."""
    meetup = lived(days=0)
    gateway = start(meetup, options=Options(floor_seconds=7200))
    for _ in range(40):  # three days, in which it looks now and then
        gateway.wait(60)
        meetup.seconds += 6500
    gateway.close()
    gateway = start(meetup)
    there = wanted(meetup)
    seen = {number: answers for number, answers in told(gateway).items() if number in there}
    gateway.close()
    assert seen
    now = int(meetup.now() * 1000)
    for number, event in enumerate(past(meetup)):
        state = event.versions.last
        assert state is not None
        event.versions.put(now, replace(state, id=str(299_000_000 + number)))
    gateway = start(meetup, owner="two")
    gateway.wait(3600)
    found = told(gateway)
    assert {number: found[number] for number in seen} == seen
    gateway.close()


@pytest.mark.parametrize("price", ["H2", "H3", "H4"])
def test_the_past_takes_what_is_left_of_the_points(start: Callable[..., Gateway], price: str) -> None:
    meetup = lived(price=price)
    expected = wanted(meetup)
    gateway = start(meetup, price=Price(0, 5))
    gateway.wait(2 * 3600)
    assert_told_once(gateway, expected)
    assert meetup.api.bucket.greatest <= 500
    assert meetup.api.bucket.refusals <= 1
    gateway.close()
