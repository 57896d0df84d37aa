"""Where points are short, sweeps, reads of answers and questions all come: none takes what the others wait for."""

from collections import Counter
from pathlib import Path

from meetup_gateway.polling.context import Options
from meetup_gateway.source.budget import Price
from meetup_simulator.graphql_api.living_world import Size

from services.gateway.tests.gateway_world import Gateway, Meetup, follow_all, follow_network

BUSY = Size(groups=4, members=60, events_per_group=6, changes_per_hour=900)
DEAREST = Price(0, 50)
"""What an estimate may rise to: seven root fields a minute, while an answer changes every four seconds."""
SPAN_MINUTES = 5
"""A network's list is one page here; what vanished from it is asked for in between."""


def roots_asked(meetup: Meetup, query: str) -> list[list[str]]:
    """The ids in each of the queries of this name."""
    sent = (each for each in meetup.sent if each["query"].startswith(f"query {query}("))
    return [[value for name, value in each["variables"].items() if name.startswith("id_")] for each in sent]


def test_a_network_is_swept_and_answers_are_read_while_they_change_faster_than_can_be_read(tmp_path: Path) -> None:
    meetup = Meetup(1, BUSY, price="H1")
    options = Options(floor_seconds=5.0)
    gateway = Gateway(meetup, tmp_path / "gateway.db", follow_network(), options=options, price=DEAREST)
    gateway.wait(120)
    told = 0
    for _ in range(7):
        began, before = meetup.now() * 1000, told
        gateway.wait(SPAN_MINUTES * 60)
        assert all(group.swept >= began for group in gateway.state.groups() if group.targets)
        told = sum(len(each) for each in gateway.emitted("rsvps").values())
        assert told > before
    assert gateway.count("tombstones_total", kind="deleted") > 0
    gateway.close()
    assert all(len(ids) > 1 for ids in roots_asked(meetup, "Event")), "a suspect was asked for without its control"


def test_groups_whose_profile_fails_are_not_asked_for_again_while_others_wait_for_points(tmp_path: Path) -> None:
    """All profiles are old at once after a night without the gateway."""
    meetup = Meetup(1, Size(groups=10, members=5, events_per_group=1), price="H1")
    options = Options(profile_age=3_600_000)
    for seconds in (3600, 3500):
        gateway = Gateway(meetup, tmp_path / "gateway.db", follow_all(meetup), options=options, price=DEAREST)
        meetup.sent.clear()
        gateway.wait(seconds)
        gateway.close()
        meetup.seconds += 8 * 3600
        meetup.api.dials.turn({"fail_share": 1.0})
    asked = Counter(number for ids in roots_asked(meetup, "Group") for number in ids)
    assert len(asked) == 10
    assert max(asked.values()) == 1
