"""What Meetup does wrong is never told as if it had happened; what did happen is told when Meetup is right again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from meetup_gateway.polling.context import Options
from meetup_simulator.graphql_api.living_world import Size
from meetup_simulator.graphql_api.population import Event, EventState, RsvpState

from services.gateway.tests.gateway_world import Gateway, Meetup, follow_all

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]  # a busy machine is no fault of Meetup's

FLOOR = 300.0
HOUR = 3600
STILL = Size(groups=3, members=8, events_per_group=2, changes_per_hour=0)
FAULTS: list[dict[str, Any]] = [
    {"null_groups": 1.0},
    {"null_groups": 0.4},
    {"null_events": True},
    {"empty_events": 1.0},
    {"empty_events": 0.4},
    {"drop_events": 0.3},
    {"fail_share": 1.0},
    {"fail_share": 0.4},
    {"nested_fail_share": 1.0},
    {"http": "504"},
    {"http": "504", "http_share": 0.5},
    {"http": "empty"},
    {"http": "html"},
    {"http": "deprecated"},
    {"http": "401"},
    {"http": "429"},
    {"http": "cut"},
    {"http": "redirect"},
    {"points": 40, "limit_mode": "partial", "price": "H4"},
    {"points": 40, "limit_mode": "429", "price": "H4"},
    {"points": 40, "price": "H4"},
    {"short_pages": True},
    {"page_max": 1},
    {"overcount": 7},
    {"cursor_format": 3},
    {"stale_seconds": 86_400.0, "stale_share": 0.5},
    {"unknown_status": True},
    {"extra_fields": True},
    {"clock_skew_seconds": 7200.0},
    {"removed": ["Event.feeSettings", "Event.venues", "Member.bio", "Group.activeTopics", "Rsvp.venue"]},
    {"removed": ["Event.dateTime"]},
    {"removed": ["Group.isPrivate", "Event.token"]},
]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """A gateway over a world that stands still unless a test moves it."""
    running: list[Gateway] = []

    def begin(seed: int = 5, size: Size = STILL, floor: float = FLOOR, **dials: Any) -> Gateway:
        meetup = Meetup(seed, size, **{"price": "H1", **dials})
        options = Options(floor_seconds=floor, count_every=0)
        gateway = Gateway(meetup, tmp_path / "gateway.db", follow_all(meetup), options=options)
        running.append(gateway)
        gateway.wait(2 * FLOOR)
        return gateway

    yield begin
    for gateway in running:
        gateway.close()


def now(gateway: Gateway) -> int:
    return gateway.context.now()


def events_of(gateway: Gateway) -> list[Event]:
    return gateway.meetup.world.events


def far(gateway: Gateway) -> Event:
    """An event that is far from beginning."""
    return max(events_of(gateway), key=lambda event: state_of(event).starts or 0)


def state_of(event: Event) -> EventState:
    state = event.versions.last
    assert state is not None
    return state


def statuses(gateway: Gateway, token: str) -> list[str]:
    return [record["status"] for record in gateway.emitted("open_events").get(token, [])]


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: "-".join(f"{name}={value}" for name, value in fault.items())
)
def test_no_single_fault_invents_a_record(start: Callable[..., Gateway], fault: dict[str, Any]) -> None:
    gateway = start()
    before = {feed: gateway.emitted(feed) for feed in ("open_events", "rsvps", "open_venues")}
    assert len(before["open_events"]) == 6
    gateway.meetup.api.dials.turn(fault)
    gateway.wait(5 * FLOOR)
    assert {feed: gateway.emitted(feed) for feed in before} == before


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: "-".join(f"{name}={value}" for name, value in fault.items())
)
def test_what_happened_during_a_fault_is_told_once_after_it(
    start: Callable[..., Gateway], fault: dict[str, Any]
) -> None:
    gateway = start()
    healthy = gateway.meetup.api.dials.as_json() | {"removed": []}
    gateway.meetup.api.dials.turn(fault)
    gateway.wait(FLOOR)
    edited, deleted = sorted(events_of(gateway), key=lambda event: -(state_of(event).starts or 0))[:2]
    edited.versions.put(now(gateway), replace(state_of(edited), title="Another title"))
    deleted.versions.put(now(gateway), None)
    gateway.wait(FLOOR)
    gateway.meetup.api.dials.turn(healthy)
    # A lost field is asked for again after an hour; the others are right again at once.
    gateway.wait((2.5 if fault.get("removed") else 1.5) * HOUR)
    titles = [record["name"] for record in gateway.emitted("open_events")[edited.token]]
    # When lost fields are back, the record that went without them is told once more, whole.
    assert titles.count("Another title") == (2 if fault.get("removed") else 1)
    assert statuses(gateway, deleted.token).count("deleted") == 1
    others = {event.token for event in events_of(gateway)} - {edited.token, deleted.token}
    assert all(len(gateway.emitted("open_events")[token]) == 1 for token in others)


def test_an_event_that_was_deleted_is_told_so_once(start: Callable[..., Gateway]) -> None:
    gateway = start()
    event = far(gateway)
    event.versions.put(now(gateway), None)
    gateway.wait(600)
    assert statuses(gateway, event.token) == ["upcoming"]
    gateway.wait(2 * HOUR)
    assert statuses(gateway, event.token) == ["upcoming", "deleted"]
    assert gateway.count("tombstones_total", kind="deleted") == 1


def test_an_event_that_comes_back_is_told_again(start: Callable[..., Gateway]) -> None:
    gateway = start()
    event, state = far(gateway), state_of(far(gateway))
    event.versions.put(now(gateway), None)
    gateway.wait(HOUR)
    event.versions.put(now(gateway), state)
    gateway.wait(HOUR)
    assert statuses(gateway, event.token) == ["upcoming", "deleted", "upcoming"]


def test_an_event_that_was_called_off_is_canceled_and_never_deleted(start: Callable[..., Gateway]) -> None:
    gateway = start()
    event = far(gateway)
    event.versions.put(now(gateway), replace(state_of(event), status="CANCELLED"))
    gateway.wait(2 * HOUR)
    assert statuses(gateway, event.token) == ["upcoming", "canceled"]


def test_a_new_id_of_a_known_token_is_the_same_event(start: Callable[..., Gateway]) -> None:
    gateway = start()
    event = far(gateway)
    event.versions.put(now(gateway), replace(state_of(event), id="999999999"))
    gateway.wait(2 * HOUR)
    records = gateway.emitted("open_events")
    assert set(records) == {each.token for each in events_of(gateway)}
    assert statuses(gateway, event.token) == ["upcoming", "upcoming"]  # its address has changed
    assert records[event.token][-1]["event_url"].endswith("/999999999/")


def test_a_new_id_and_a_new_token_in_the_place_of_one_that_vanished_are_the_same_event(
    start: Callable[..., Gateway],
) -> None:
    gateway = start()
    event, token = far(gateway), far(gateway).token
    event.token = "newtokenofit"
    event.versions.put(now(gateway), replace(state_of(event), id="888888888"))
    gateway.wait(2 * HOUR)
    assert set(statuses(gateway, token)) == {"upcoming"}
    assert "newtokenofit" not in gateway.emitted("open_events")
    assert gateway.count("rekeyed_total") == 1


def test_many_events_that_vanish_at_once_are_frozen_and_told_when_they_are_really_gone(
    start: Callable[..., Gateway],
) -> None:
    gateway = start(size=Size(groups=1, members=5, events_per_group=9, changes_per_hour=0))
    later = [event for event in events_of(gateway) if (state_of(event).starts or 0) > now(gateway) + 24 * HOUR * 1000]
    assert len(later) >= 6
    for event in later[:6]:
        event.versions.put(now(gateway), None)
    gateway.wait(5 * HOUR)
    assert all(statuses(gateway, event.token) == ["upcoming"] for event in later[:6])
    gateway.wait(3 * HOUR)
    assert all(statuses(gateway, event.token) == ["upcoming", "deleted"] for event in later[:6])


def test_an_event_that_has_begun_is_finished_and_not_deleted(start: Callable[..., Gateway]) -> None:
    gateway = start()
    gateway.wait(12 * HOUR)
    assert all("deleted" not in statuses(gateway, event.token) for event in events_of(gateway))


def test_a_lost_field_is_left_out_and_said_and_the_rest_goes_on(start: Callable[..., Gateway]) -> None:
    gateway = start()
    gateway.meetup.api.dials.turn({"removed": ["Event.description"]})
    event = far(gateway)
    event.versions.put(now(gateway), replace(state_of(event), title="New"))
    gateway.wait(HOUR)
    last = gateway.emitted("open_events")[event.token][-1]
    assert last["name"] == "New"
    assert "description" not in last
    assert gateway.watch.removed == {"Event.description"}
    assert gateway.meta.removed_fields() == {"Event.description"}


def test_a_refused_key_is_said_in_words_and_mended_without_a_restart(start: Callable[..., Gateway]) -> None:
    gateway = start()
    gateway.meetup.api.tokens.lapsed = True
    gateway.meetup.api.tokens.expire_all()
    gateway.wait(2 * HOUR)
    assert "Pro subscription" in (gateway.poller.why_not or "")
    gateway.meetup.api.tokens.lapsed = False
    gateway.wait(FLOOR)
    assert gateway.poller.why_not is None


def test_an_rsvp_whose_time_does_not_move_is_found_by_a_whole_read(start: Callable[..., Gateway]) -> None:
    gateway = start(size=Size(groups=2, members=12, events_per_group=3, changes_per_hour=0))
    event, soon = far(gateway), now(gateway) + 3 * 24 * HOUR * 1000
    event.versions.put(now(gateway), replace(state_of(event), starts=soon))
    gateway.meetup.world._answer(now(gateway), event)
    rsvp = gateway.meetup.world.rsvps[-1]
    state = rsvp.versions.last
    assert state is not None
    state = replace(state, status="YES")
    rsvp.versions.put(now(gateway), state)
    gateway.wait(HOUR)
    rsvp.versions.put(now(gateway), RsvpState("YES", 3, state.updated))
    gateway.wait(26 * HOUR)
    guests = [record["guests"] for record in gateway.emitted("rsvps")[rsvp.id]]
    assert guests == [state.guests, 3]


def test_a_read_that_failed_is_tried_again_although_sweeps_see_its_event_more_often(
    start: Callable[..., Gateway],
) -> None:
    gateway = start(floor=30.0)
    event = far(gateway)
    gateway.meetup.world._answer(now(gateway), event)
    rsvp = gateway.meetup.world.rsvps[-1]
    rsvp.versions.put(now(gateway), RsvpState("YES", 0, now(gateway)))
    gateway.meetup.api.dials.turn({"null_events": True})
    gateway.wait(120)
    assert not gateway.emitted("rsvps")
    gateway.meetup.api.dials.turn({"null_events": False})
    gateway.wait(600)
    assert len(gateway.emitted("rsvps")[rsvp.id]) == 1
