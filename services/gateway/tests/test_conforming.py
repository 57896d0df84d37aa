"""Any answer that conforms to the pinned schema is translated or quarantined: no traceback, and nothing is made up."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_gateway.follow import Follow, FollowedGroup, Search
from meetup_gateway.polling.context import Options
from meetup_gateway.serving.lookups import Lookups
from meetup_gateway.source.budget import Price
from meetup_gateway.source.documents import batch, documents
from meetup_gateway.storage.profiles import Profiles
from meetup_gateway.translating.tables import EVENT_STATUSES, RESPONSES
from meetup_gateway.translating.venues import ONLINE_VENUE
from meetup_simulator.graphql_api.execution import schema_without
from meetupkit.feeds import FEEDS
from meetupkit.records import Record, read_line

from services.gateway.tests.conforming import Conforming
from services.gateway.tests.gateway_world import Gateway, Meetup
from services.gateway.tests.seeds import seeds, worlds

BY_DAY = 5
FOLLOW = Follow(
    groups=(FollowedGroup(urlname="runners", private=True), FollowedGroup(id="29623789")),
    networks=("rladies",),
    searches=(Search("python", 52.5, 13.4, 30.0, 5),),
)
OURS = {*RESPONSES.values(), *EVENT_STATUSES.values(), "deleted", "public", "members", "per person", "1", "0"}
OURS |= {str(ONLINE_VENUE["name"])}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conforming")


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def said_by(meetup: Conforming) -> set[str]:
    """Every text and every number that was sent, in the forms in which it may be passed on."""
    found: set[str] = set()
    for leaf in leaves([each["data"] for each in meetup.sent]):
        if isinstance(leaf, str):
            plain = leaf.encode("utf-8", "replace").decode()
            found |= {plain, plain.lower(), plain.upper(), plain.replace("-", "_"), plain.partition("!")[0]}
    return found


def polled(folder: Path, seed: int, **arguments: float) -> tuple[Conforming, Gateway]:
    for file in folder.iterdir():
        file.unlink()
    meetup = Conforming(seed, **arguments)
    options = Options(floor_seconds=60, count_every=0, photos=True, waitlist=True, backfill=86_400_000)
    gateway = Gateway(cast(Meetup, meetup), folder / "g.db", FOLLOW, options=options, price=Price(1, 0))
    gateway.wait(1200)
    return meetup, gateway


@pytest.mark.timeout(60 + 30 * seeds(BY_DAY))
@worlds(BY_DAY)
@given(seed=st.integers(0, 1 << 32), nulls=st.sampled_from((0.0, 0.1, 0.5)), failures=st.sampled_from((0.0, 0.02, 0.2)))
def test_any_answer_of_the_schema_is_translated_or_quarantined_and_nothing_is_made_up(
    folder: Path, seed: int, nulls: float, failures: float
) -> None:
    meetup, gateway = polled(folder, seed, nulls=nulls, failures=failures)
    try:
        said = said_by(meetup) | OURS
        for feed in ("rsvps", "open_events", "open_venues", "photos"):
            after = 0
            while lines := gateway.log.after(feed, after):
                for line in lines:
                    assert isinstance(read_line(FEEDS[feed], line.body), Record), line.body
                    made_up = {each for each in leaves(json.loads(line.body)) if isinstance(each, str)} - said
                    assert not made_up
                after = lines[-1].seq
        groups = [int(group.id) for group in gateway.state.groups()]
        Lookups(gateway.context).read(groups)
        for profile in Profiles(gateway.file).groups(groups, 0, 0).found.values():
            assert {each for each in leaves(json.loads(profile)) if isinstance(each, str)} <= said | {""}
    finally:
        gateway.close()


def test_what_can_be_read_is_not_quarantined(folder: Path) -> None:
    """Of answers without nulls and failures, records of every feed come."""
    feeds = set[str]()
    for seed in range(3):
        _, gateway = polled(folder, seed, nulls=0.0, failures=0.0)
        feeds |= {feed for feed in ("rsvps", "open_events", "open_venues", "photos") if gateway.emitted(feed)}
        gateway.close()
    assert feeds == {"rsvps", "open_events", "open_venues", "photos"}


def test_what_plays_the_schema_answers_every_query_whole() -> None:
    """The checker of the checker: without nulls and failures each field that was asked for is there."""
    from graphql import parse, validate

    for shape in documents():
        query, _ = batch(shape, [{}] * 2)
        assert not validate(schema_without(), parse(query))
        meetup = Conforming(7, nulls=0.0, failures=0.0)
        while not meetup.sent:  # now and then it answers otherwise
            try:
                meetup("POST", "/gql-ext", data=json.dumps({"query": query}).encode())
            except ConnectionError:
                continue
        assert set(meetup.sent[0]["data"]) == {"g0", "g1"}
