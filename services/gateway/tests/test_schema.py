"""The daily look at the API's schema: what changed is told once, and nothing else depends on it."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from meetup_gateway.observing.schema import Change, Difference, differences, read_fields
from meetup_gateway.polling.context import Options
from meetup_simulator.graphql_api.living_world import Size

from services.gateway.tests.gateway_world import Gateway, Meetup, follow_network

HOUR = 3600
EVERY_MS = 7_200_000
"""Two hours for a day: the same looks in a twelfth of the time."""
STILL = Size(groups=2, members=5, events_per_group=1, changes_per_hour=0)
Begin = Callable[[Meetup], Gateway]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    started: list[Gateway] = []

    def start(meetup: Meetup) -> Gateway:
        for each in started:
            each.close()
        options = Options(floor_seconds=3600, schema_every=EVERY_MS)
        started[:] = [Gateway(meetup, tmp_path / "gateway.db", follow_network(), options=options)]
        return started[0]

    yield start
    for each in started:
        each.close()


def looks(meetup: Meetup) -> int:
    return sum("Event" in sent["variables"].values() for sent in meetup.sent if "__type" in sent["query"])


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    records = (record for record in caplog.records if getattr(record, "event", "") == "schema_changed")
    return [(record.levelno, record.getMessage()) for record in records]


def test_a_field_that_is_removed_is_told_once_and_one_that_comes_back_too(
    begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    meetup = Meetup(1, STILL)
    gateway = begin(meetup)
    gateway.wait(5.5 * HOUR)
    assert looks(meetup) == 3
    assert told(caplog) == []

    meetup.api.dials.turn({"removed": ["Member.bio", "Event.howToFindUs"]})
    gateway = begin(meetup)
    gateway.wait(4 * HOUR)
    assert told(caplog) == [
        (logging.WARNING, "Meetup's schema has changed in what records are made of: Member.bio removed"),
        (logging.INFO, "Meetup's schema has changed: Event.howToFindUs removed"),
    ]
    assert gateway.count("schema_changes_total", change="removed") == 2

    meetup.api.dials.turn({"removed": []})
    gateway.wait(2 * HOUR)
    assert told(caplog)[2:] == [
        (logging.INFO, "Meetup's schema has changed: Event.howToFindUs added, Member.bio added")
    ]
    assert gateway.count("schema_changes_total", change="added") == 2
    assert looks(meetup) == 6


def test_each_kind_of_change_has_a_series_before_the_first_look(begin: Begin) -> None:
    """Else its first rise would be seen by no rule, and the dashboard would show nothing."""
    counts = begin(Meetup(price="H1")).metrics.registry
    for change in Change:
        assert counts.get_sample_value("meetup_gateway_schema_changes_total", {"change": change.value}) == 0


def test_a_look_for_which_points_are_short_goes_on_where_it_was(begin: Begin) -> None:
    meetup = Meetup(1, STILL, points=40, price="H1")
    gateway = begin(meetup)
    gateway.wait(3 * HOUR)
    asked = [name for sent in meetup.sent if "__type" in sent["query"] for name in sent["variables"].values()]
    assert asked
    assert len(asked) == len(set(asked)), "asked for twice"
    assert gateway.meta.get("schema")["types"].keys() == set(asked)


@pytest.mark.parametrize("dials", [{"fail_share": 1.0}, {"http": "504"}, {"http": "401"}, {"http": "html"}])
def test_a_look_that_fails_concludes_nothing(
    begin: Begin, caplog: pytest.LogCaptureFixture, dials: dict[str, Any]
) -> None:
    meetup = Meetup(1, STILL)
    gateway = begin(meetup)
    gateway.wait(2 * HOUR)
    meetup.api.dials.turn(dials)
    gateway.wait(2 * HOUR)
    meetup.api.dials.turn({"fail_share": 0.0, "http": ""})
    gateway.wait(3 * HOUR)
    assert looks(meetup) >= 2
    assert told(caplog) == []


class Hidden(Meetup):
    """An API that does not show its schema, and answers so."""

    answer: Any = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        answer = super().__call__(*arguments, **options)
        data = options.get("data")
        is_look = isinstance(data, bytes) and b"__type" in data
        return replace(answer, body=json.dumps(self.answer).encode()) if is_look else answer


REFUSAL = {"message": "Introspection has been disabled", "extensions": {"code": "FORBIDDEN"}}


@pytest.mark.parametrize("answer", [{"errors": [REFUSAL]}, {"data": {"g0": None}}, {"data": None}])
def test_a_schema_that_is_hidden_stops_nothing(begin: Begin, caplog: pytest.LogCaptureFixture, answer: Any) -> None:
    caplog.set_level(logging.INFO)
    meetup = Hidden(1, STILL)
    meetup.answer = answer
    gateway = begin(meetup)
    gateway.wait(3.5 * HOUR)
    assert sum("__type" in sent["query"] for sent in meetup.sent) <= 4
    assert gateway.poller.why_not is None
    assert told(caplog) == []


FIELD = {"name": "title", "isDeprecated": False, "type": {"kind": "SCALAR", "name": "String", "ofType": None}}


@pytest.mark.parametrize(
    "answer",
    [7, [], {}, {"fields": None}, {"fields": 7}, {"fields": []}, {"fields": [FIELD] * 1001}],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_list_of_fields_is_not_read(answer: Any) -> None:
    assert read_fields(answer) is None


def test_fields_are_read_as_the_schema_writes_them() -> None:
    listed = {"kind": "LIST", "ofType": {"kind": "NON_NULL", "ofType": {"kind": "OBJECT", "name": "Venue"}}}
    strange = [5, {"name": "x y"}, {"name": "a" * 101}, {"name": None}]
    venues = {"name": "venues", "isDeprecated": True, "type": {"kind": "NON_NULL", "ofType": listed}}
    odd = {"name": "odd", "type": {"kind": "LIST", "ofType": 7}}
    assert read_fields({"fields": [*strange, FIELD, venues, odd]}) == {
        "title": ("String", False),
        "venues": ("[Venue!]!", True),
        "odd": ("", False),
    }
    assert read_fields(None) == {}


def test_each_kind_of_change_is_found() -> None:
    before = {"a": ("Int", False), "b": ("Int", False), "c": ("Int", False), "d": ("Int", True)}
    now = {"b": ("Int", True), "c": ("Int!", False), "d": ("Int", True), "e": ("Int", True)}
    assert list(differences("T", before, now, frozenset())) == [
        Difference(Change.REMOVED, "T.a"),
        Difference(Change.DEPRECATED, "T.b"),
        Difference(Change.OTHER_TYPE, "T.c"),
        Difference(Change.ADDED, "T.e"),
    ]


def test_the_first_look_compares_with_what_is_asked_for() -> None:
    now = {"b": ("Int", True), "c": ("Int!", False), "other": ("Int", True)}
    assert list(differences("T", None, now, frozenset({"a", "b", "c"}))) == [
        Difference(Change.REMOVED, "T.a"),
        Difference(Change.DEPRECATED, "T.b"),
    ]
