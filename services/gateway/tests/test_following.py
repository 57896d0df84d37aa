"""What is followed no more is asked for no more: a group taken out of the list, and one that turned private."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from meetup_gateway.follow import Follow, FollowedGroup
from meetup_gateway.polling.context import Options
from meetup_simulator.graphql_api.living_world import Size
from meetup_simulator.graphql_api.population import Group

from services.gateway.tests.gateway_world import Gateway, Meetup, follow_all, follow_network

HOUR = 3600
FLOOR = 900.0
HALF_A_DAY_MS = 43_200_000
Begin = Callable[[Follow], Gateway]


@pytest.fixture
def meetup() -> Meetup:
    """Two public groups in which something happens every ten minutes."""
    meetup = Meetup(3, Size(groups=2, members=20, events_per_group=3, changes_per_hour=6), price="H1")
    for group in meetup.world.groups:
        turn(meetup, group, private=False)
    return meetup


@pytest.fixture
def begin(meetup: Meetup, tmp_path: Path) -> Iterator[Begin]:
    """A gateway over the same file each time; the one before it is closed."""
    started: list[Gateway] = []

    def start(follow: Follow) -> Gateway:
        for each in started:
            each.close()
        options = Options(floor_seconds=FLOOR, discovery_every=HALF_A_DAY_MS)
        started[:] = [Gateway(meetup, tmp_path / "gateway.db", follow, options=options)]
        return started[0]

    yield start
    for each in started:
        each.close()


def turn(meetup: Meetup, group: Group, *, private: bool) -> None:
    state = group.versions.last
    assert state is not None
    group.versions.put(int(meetup.now() * 1000), replace(state, private=private))


def names_of(gateway: Gateway, group: Group) -> set[str]:
    """The ids of the group's events, and the tokens that outlive an id."""
    states = gateway.state.events_of(group.id).values()
    return {name for state in states for name in (state.token, state.event_id)}


def told_of(gateway: Gateway, group: Group) -> int:
    """How many records there are of the group's events, and of answers to them."""
    names = names_of(gateway, group)
    events = sum(len(records) for token, records in gateway.emitted("open_events").items() if token in names)
    answers = (record for records in gateway.emitted("rsvps").values() for record in records)
    return events + sum(record["event"]["event_id"] in names for record in answers)


def asked_for(gateway: Gateway, group: Group, since: int) -> list[Any]:
    """What was asked for by the id of the group, or of one of its events."""
    names = {group.id, group.urlname} | names_of(gateway, group)
    return [value for sent in gateway.meetup.sent[since:] for value in sent["variables"].values() if value in names]


def test_a_group_taken_out_of_the_list_is_asked_for_no_more_and_comes_back_with_it(
    meetup: Meetup, begin: Begin
) -> None:
    stays, goes = meetup.world.groups
    gateway = begin(follow_all(meetup))
    gateway.wait(HOUR)
    assert told_of(gateway, goes)
    assert asked_for(gateway, goes, 0)

    gateway = begin(Follow(groups=(FollowedGroup(urlname=stays.urlname),)))
    since, (before_stays, before_goes) = len(meetup.sent), (told_of(gateway, stays), told_of(gateway, goes))
    gateway.wait(27 * HOUR)  # answers are read whole once a day
    assert told_of(gateway, stays) > before_stays
    assert told_of(gateway, goes) == before_goes
    assert not asked_for(gateway, goes, since)

    gateway = begin(follow_all(meetup))
    gateway.wait(HOUR)
    assert told_of(gateway, goes) > before_goes


def test_a_group_that_turns_private_is_followed_no_further_than_the_answer_that_says_so(
    meetup: Meetup, begin: Begin
) -> None:
    gateway = begin(follow_network())
    gateway.wait(HOUR)
    turns = meetup.world.groups[0]
    turn(meetup, turns, private=True)
    before = told_of(gateway, turns)
    assert before
    gateway.wait(2 * FLOOR)
    at_most = told_of(gateway, turns)  # answers that were read before the next sweep
    gateway.wait(3 * HOUR)
    assert told_of(gateway, turns) == at_most
    turn(meetup, turns, private=False)
    gateway.wait(13 * HOUR)  # the next look at the network's groups
    assert told_of(gateway, turns) > at_most


def test_a_private_group_that_the_list_allows_goes_on(meetup: Meetup, begin: Begin) -> None:
    gateway = begin(follow_all(meetup))
    gateway.wait(HOUR)
    turns = meetup.world.groups[0]
    turn(meetup, turns, private=True)
    gateway.wait(2 * FLOOR)
    before = told_of(gateway, turns)
    gateway.wait(3 * HOUR)
    assert told_of(gateway, turns) > before
