"""World history = emitted history, over seeds; by day a few, ``SEEDS=1000`` for the long run."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_gateway.observing.changes import changes_of_events
from meetup_gateway.observing.events import Observed, observe_event
from meetup_gateway.observing.states import EventState
from meetup_gateway.polling.context import Options
from meetup_gateway.scheduling.read_times import read_due
from meetup_simulator.graphql_api.living_world import Size
from meetup_simulator.graphql_api.population import RsvpState

from services.gateway.tests.gateway_world import EPOCH, Gateway, Meetup, follow_all, follow_network
from services.gateway.tests.oracle import ASKED_MS, assert_history
from services.gateway.tests.seeds import seeds, worlds
from services.gateway.tests.test_translation import EVENT, GROUP

BY_DAY = 2
HOUR = 3600
FLOOR = 300.0
UPCOMING_ONLY = "network whose list leaves out what was called off"
LEAST = int(2 * FLOOR + 120) * 1000
"""A state is seen by the next sweep, and its answers by the read that follows it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conservation")


def lived(folder: Path, seed: int, kind: str, *, hours: float = 4) -> tuple[Meetup, Gateway]:
    for file in folder.iterdir():
        file.unlink()
    size = Size(groups=2, members=20, events_per_group=2, changes_per_hour=8)
    meetup = Meetup(seed, size, price="H1", upcoming_only=kind == UPCOMING_ONLY)
    for group in meetup.world.groups:  # of a network, private ones are not followed
        group.versions.states[:] = [replace(state, private=False) for state in group.versions.states if state]
    follow = follow_all(meetup) if kind == "groups" else follow_network()
    gateway = Gateway(meetup, folder / "gateway.db", follow, options=Options(floor_seconds=FLOOR))
    gateway.wait(hours * HOUR)
    return meetup, gateway


@pytest.mark.parametrize("kind", ["groups", "network", UPCOMING_ONLY])
@pytest.mark.timeout(120 + 60 * seeds(BY_DAY))
@worlds(BY_DAY)
@given(seed=st.integers(0, 1 << 32))
def test_what_outlived_one_interval_is_told_once_and_nothing_is_invented(folder: Path, kind: str, seed: int) -> None:
    meetup, gateway = lived(folder, seed, kind)
    emitted = {feed: gateway.emitted(feed) for feed in ("open_events", "rsvps")}
    gateway.close()
    end = int(meetup.now() * 1000)
    meetup.world.advance(end)
    assert_history(meetup.world, emitted, start=EPOCH, end=end, least=LEAST, network=kind == UPCOMING_ONLY)


@pytest.mark.parametrize("minutes", [2, 8, 20], ids=["at its start", "too late to be asked", "long before"])
@pytest.mark.parametrize("kind", ["groups", "network", UPCOMING_ONLY])
def test_what_was_answered_between_the_last_look_and_a_cancellation_is_told(
    folder: Path, kind: str, minutes: int
) -> None:
    meetup, gateway = lived(folder, 5, kind, hours=0.5)
    world, now = meetup.world, gateway.context.now()
    event = next(each for each in world.events if (state := each.versions.last) and state.status == "ACTIVE")
    state = event.versions.last
    assert state is not None
    event.versions.put(now, replace(state, starts=now + int((minutes + 2 * FLOOR / 60) * 60_000)))
    gateway.wait(2 * FLOOR)
    now = gateway.context.now()
    world._answer(now, event)
    rsvp = world.rsvps[-1]
    rsvp.versions.put(now, RsvpState("YES", 0, now))
    state = event.versions.last
    assert state is not None
    event.versions.put(now + 1, replace(state, status="CANCELLED"))
    gateway.wait((LEAST + ASKED_MS) / 1000)
    statuses = [record["status"] for record in gateway.emitted("open_events")[event.token]]
    told = [record["mtime"] for record in gateway.emitted("rsvps")[rsvp.id]]
    gateway.close()
    assert statuses[-1] == "canceled"
    assert statuses.count("canceled") == 1
    assert told == [now]


def test_a_cancellation_has_its_answers_read_once_even_if_no_count_shows_that_they_moved() -> None:
    shown = observe_event(EVENT, GROUP)
    known = msgspec.structs.replace(_seen(shown, None), read=1, read_signal=shown.signal)
    off = observe_event({**EVENT, "status": "CANCELLED", "rsvps": None}, GROUP)
    after = _seen(off, known)
    assert read_due(after, 10) == 10
    again = _seen(off, msgspec.structs.replace(after, read_signal=after.signal))
    assert again.read_signal == again.signal


def _seen(observed: Observed, state: EventState | None) -> EventState:
    known = {} if state is None else {state.token: state}
    changes = changes_of_events(known, [observed], 10, count_every=0, last_record=lambda _: None, whole=True)
    return changes.events[0]
