"""Whatever an answer looks like: polling does not end, and what was damaged is told when it can be read."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_gateway.polling.context import Options
from meetup_simulator.graphql_api.living_world import Size
from meetupkit.feeds import FEEDS
from meetupkit.records import Record, read_line

from services.gateway.tests.gateway_world import Gateway, follow_all, follow_network
from services.gateway.tests.mangling import Mangled
from services.gateway.tests.oracle import RESPONSES, STATUSES
from services.gateway.tests.seeds import seeds, worlds

BY_DAY = 2
HOUR = 3600.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mangling")


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["groups", "network"])
@pytest.mark.timeout(60 + 120 * seeds(BY_DAY))
@worlds(BY_DAY)
@given(seed=st.integers(0, 1 << 32), share=st.sampled_from((0.3, 0.9)))
def test_what_was_mangled_is_told_when_it_can_be_read_and_ends_nothing(
    folder: Path, kind: str, seed: int, share: float
) -> None:
    for file in folder.iterdir():
        file.unlink()
    meetup = Mangled(seed, share, Size(groups=2, members=20, events_per_group=2, changes_per_hour=20), price="H1")
    follow = follow_all(meetup) if kind == "groups" else follow_network()
    options = Options(floor_seconds=120, discovery_every=3_600_000, photos=True, backfill=86_400_000)
    gateway = Gateway(meetup, folder / "g.db", follow, options=options)
    try:
        gateway.wait(HOUR)
        meetup.share = 0.0
        damaged = meetup.now() * 1000
        gateway.wait(2.5 * HOUR)  # fields that were thought lost, and lists that failed, come back within about an hour
        assert_told(meetup, gateway, damaged)
        for feed in ("rsvps", "open_events", "open_venues", "photos"):
            for records in gateway.emitted(feed).values():
                for record in records:
                    assert isinstance(read_line(FEEDS[feed], json.dumps(record).encode()), Record)
    finally:
        gateway.close()


def assert_told(meetup: Mangled, gateway: Gateway, until: float) -> None:
    """The last state of what was last changed by then and can still be seen."""
    events, answers = gateway.emitted("open_events"), gateway.emitted("rsvps")
    private = {group.id for group in meetup.world.groups if (shown := group.versions.last) and shown.private}
    allowed = bool(gateway.follow.groups)
    for event in meetup.world.events:
        state = event.versions.last
        if state is None or (event.group.id in private and not allowed):
            continue
        if event.versions.times[-1] <= until and (state.starts or 0) > until:
            told = [record["status"] for record in events.get(event.token, [])]
            assert told[-1:] == [STATUSES[state.status]], f"event {event.token}: {told}"
        for rsvp in meetup.world.rsvps_of[event]:
            last = rsvp.versions.last
            if last is not None and last.status in RESPONSES and rsvp.versions.times[-1] <= until:
                said = [(record["response"], record["guests"]) for record in answers.get(rsvp.id, [])]
                assert said[-1:] == [(RESPONSES[last.status], last.guests)], f"rsvp {rsvp.id}: {said}"
