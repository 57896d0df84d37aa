"""Every field of every old record has its row or its reason, and recorded records keep their form."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meetup_gateway.observing.events import observe_event
from meetup_gateway.privacy.allowed_fields import ALLOWED, FORBIDDEN, LISTS
from meetup_gateway.source.documents import batch, documents, fields_asked_for
from meetup_gateway.translating.records import (
    event_record,
    group_profile,
    member_profile,
    rsvp_record,
    venue_record,
)
from meetup_gateway.translating.tables import ABSENT, TABLES
from meetup_gateway.translating.values import (
    Untranslatable,
    duration_ms,
    ms,
    number_id,
    offset_ms,
    text,
    text_id,
)
from meetup_simulator.graphql_api.execution import schema_without
from meetupkit.feeds import FEEDS
from meetupkit.java_json import encode, java_order
from meetupkit.records import Record, read_line

RECORDED = Path(__file__).parents[4] / "shared" / "data"
FILES = {
    "rsvps": "recorded/rsvps_2017-03-19.ndjson.gz",
    "open_events": "recorded/open_events.ndjson.gz",
    "groups": "recorded/groups.ndjson.gz",
    "members": "recorded/members.ndjson.gz",
    "photos": "derived/photos.ndjson.gz",
    "open_venues": "derived/open_venues.ndjson.gz",
}
MIXED = ("member.", "organizer.")
"""Recorded in two orders: the two keys share a bucket, and the servers filled it both ways."""
GROUP: dict[str, Any] = {
    "id": "1608555",
    "name": "Runners",
    "urlname": "Runners",
    "city": "Seattle",
    "country": "US",
    "state": "WA",
    "lat": 47.61,
    "lon": -122.0,
    "isPrivate": False,
    "joinMode": "OPEN",
    "timezone": "America/New_York",
    "organizer": {"id": "5", "name": "Ash", "memberPhoto": None},
    "activeTopics": [{"id": "9", "urlkey": "running", "name": "Running/Walking"}],
    "topicCategory": {"id": "546", "urlkey": "technology", "name": "Technology"},
    "keyGroupPhoto": {"id": "77", "highResUrl": "https://x/h", "standardUrl": None, "thumbUrl": None},
}
EVENT: dict[str, Any] = {
    "id": "300000001",
    "token": "pwdqjtygcnbfb",
    "title": 'A "quoted" title \u2028 with U+2028',
    "description": "**Markdown**\n[a](http://b/c)",
    "status": "ACTIVE",
    "dateTime": "2026-11-28T18:00-05:00",
    "endTime": "2026-11-28T20:30:00-05:00",
    "duration": "PT2H30M",
    "createdTime": "2026-11-01T12:00:00.123456Z",
    "eventUrl": "https://www.meetup.com/Runners/events/300000001/",
    "maxTickets": 20,
    "feeSettings": {"required": True, "amount": 12.0, "currency": "USD"},
    "venues": [
        {"id": "26906060", "name": "Online event", "venueType": "online"},
        {"id": "27", "name": "Town Hall", "address": "1 Main St", "city": "Seattle", "country": "us", "lat": 47.0,
         "lon": -122.5, "postalCode": "98101", "state": "", "venueType": ""},
    ],
    "featuredEventPhoto": {"id": "5", "highResUrl": "https://x/h", "standardUrl": None, "thumbUrl": None},
    "rsvps": {"yesCount": 3, "noCount": 1, "waitlistCount": 0, "edges": []},
}  # fmt: skip
RSVP: dict[str, Any] = {
    "id": "1900000000",
    "status": "YES_PENDING_PAYMENT",
    "guestsCount": 2,
    "updated": "2026-11-20T08:00:00.5Z",
    "member": {"id": "7", "name": "Fern", "memberPhoto": {"id": "3", "thumbUrl": "https://x/t"}},
    "venue": None,
}


def recorded(kind: str) -> Iterator[dict[str, Any]]:
    path = RECORDED / FILES[kind]
    if not path.exists():
        pytest.skip("the recordings are not here")
    with gzip.open(path, "rt") as file:
        for line in file.read().split("\n"):
            if line:
                yield json.loads(line)


def paths(value: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, inner in value.items():
        path = f"{before}{name}"
        yield path
        if isinstance(inner, dict) and inner:
            yield from paths(inner, f"{path}.")


@pytest.mark.parametrize("kind", FILES)
def test_every_old_field_is_mapped_or_listed_absent(kind: str) -> None:
    mapped = {each.old for each in TABLES[kind]} | {"mtime"}
    mapped |= {path.rpartition(".")[0] for path in mapped} | {path.split(".")[0] for path in mapped}
    absent = ABSENT[kind]
    for record in recorded(kind):
        for path in paths(record):
            gone = any(path == each or path.startswith(f"{each}.") for each in absent)
            assert path in mapped or gone, f"{kind}: {path} has neither a row nor a reason"


def test_no_field_is_both_mapped_and_absent() -> None:
    for kind, table in TABLES.items():
        assert not {each.old for each in table} & set(ABSENT[kind])


@pytest.mark.parametrize("kind", FILES)
def test_keys_come_in_the_order_that_was_recorded(kind: str) -> None:
    """Two keys in one bucket keep the order in which they are given: that of the table."""
    order = ["mtime", *(each.old for each in TABLES[kind])]
    compared = other = 0
    for record in recorded(kind):
        for before, value in objects(record):
            inner = (name.removeprefix(before).split(".")[0] for name in order if name.startswith(before))
            keys = tuple(dict.fromkeys(key for key in inner if key in value))
            if before not in MIXED and len(keys) == len(value) and java_order(tuple(value)) == tuple(value):
                other += java_order(keys) != tuple(value)
                compared += 1
    assert compared > 20
    assert other <= compared // 50  # one group's photo was recorded in another order than twenty others'


def objects(value: dict[str, Any], before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield before, value
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from objects(inner, f"{before}{name}.")


def test_an_event_becomes_the_record_that_the_old_feed_sent() -> None:
    record = event_record(EVENT, GROUP).value
    assert record == {
        "id": "pwdqjtygcnbfb",
        "name": EVENT["title"],
        "event_url": EVENT["eventUrl"],
        "description": EVENT["description"],
        "time": 1795906800000,
        "utc_offset": -18_000_000,
        "duration": 9_000_000,
        "status": "upcoming",
        "yes_rsvp_count": 3,
        "maybe_rsvp_count": 0,
        "rsvp_limit": 20,
        "payment_required": "1",
        "fee": {"amount": 12.0, "currency": "USD", "description": "per person"},
        "venue": {
            "name": "Town Hall", "address_1": "1 Main St", "city": "Seattle", "country": "us", "zip": "98101",
            "lat": 47.0, "lon": -122.5,
        },
        "visibility": "public",
        "venue_visibility": "public",
        "photo_url": "https://x/h",
        "group": {
            "id": 1608555, "name": "Runners", "urlname": "Runners", "city": "Seattle", "country": "us", "state": "WA",
            "group_lat": 47.61, "group_lon": -122.0, "join_mode": "open",
            "category": {"id": 546, "name": "Technology", "shortname": "technology"},
            "group_photo": {"photo_id": 77, "highres_link": "https://x/h"},
        },
    }  # fmt: skip


def test_an_rsvp_becomes_the_line_that_the_old_feed_sent() -> None:
    line = encode({**rsvp_record(RSVP, EVENT, GROUP).value, "mtime": 1795680000500})
    assert line.startswith(b'{"venue":{"venue_name":"Town Hall","lon":-122.5,"lat":47,"venue_id":27}')
    assert b'"event_url":"https:\\/\\/www.meetup.com\\/Runners\\/events\\/300000001\\/"' in line
    assert (
        b'"response":"yes","guests":2,"member":{"member_id":7,"photo":"https:\\/\\/x\\/t","member_name":"Fern"}' in line
    )
    assert "\u2028".encode() in line
    record = read_line(FEEDS["rsvps"], line)
    assert isinstance(record, Record)
    assert (record.data_id, record.members, record.groups) == ("1900000000", (7,), (1608555,))


@pytest.mark.parametrize(
    ("venues", "venue", "visibility"),
    [
        (None, None, "members"),
        ([], None, "public"),
        ([{"id": "26906060", "venueType": "online"}], None, "public"),
        ([{"id": "1", "name": "A", "venueType": None}], {"name": "A"}, "public"),
    ],
)
def test_an_online_or_hidden_venue_is_none(venues: Any, venue: Any, visibility: str) -> None:
    record = event_record({**EVENT, "venues": venues}, GROUP).value
    assert (record.get("venue"), record["venue_visibility"]) == (venue, visibility)


def test_an_rsvp_to_an_online_event_has_the_placeholder_that_was_recorded() -> None:
    event = {**EVENT, "venues": [{"id": "26906060", "venueType": "online"}]}
    assert rsvp_record(RSVP, event, GROUP).value["venue"] == {
        "venue_id": 26906060,
        "venue_name": "Online event",
        "lat": -8.521147,
        "lon": 179.1962,
    }


def test_profiles_have_the_forms_of_rest_v2() -> None:
    group = group_profile(GROUP, 1_795_000_000_000).value
    assert group["country"] == "US"
    assert group["utc_offset"] == -18_000_000
    assert group["organizer"] == {"member_id": 5, "name": "Ash"}
    assert group["topics"] == [{"urlkey": "running", "name": "Running/Walking", "id": 9}]
    member = member_profile({"id": "7", "name": "Fern", "preferredLocale": "de-DE", "status": "PREREGISTERED"}).value
    assert member == {"id": 7, "name": "Fern", "lang": "de_DE", "status": "prereg", "self": {"common": {}}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-28T18:00-05:00", 1795906800000),
        ("2026-11-28T18:00:00-0500", 1795906800000),
        ("2026-11-28T18:00:00-05", 1795906800000),
        ("2026-11-28T23:00Z", 1795906800000),
        ("2026-11-28T23:00:00.1Z", 1795906800100),
        ("2026-11-28T23:00:00.123456789Z", 1795906800123),
        ("2026-11-28T18:00-05:00[America/New_York]", 1795906800000),
    ],
)
def test_a_time_is_read_in_every_form_that_was_seen(value: str, expected: int) -> None:
    assert ms(value) == expected


@pytest.mark.parametrize(
    "value", [None, 5, "", "tomorrow", "2026-11-28", "2026-11-28T18:00", "9" * 99, "1900-01-01T00:00Z"]
)
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(Untranslatable):
        ms(value)


def test_offsets_and_durations_are_milliseconds() -> None:
    assert offset_ms("2026-11-28T18:00+05:30") == 19_800_000
    assert duration_ms("PT2H30M") == 9_000_000
    assert duration_ms("P1DT0.5S") == 86_400_500
    for wrong in ("", "P", "PT", "-PT1H", "2 hours", "P99999999999999W", None, 5):
        with pytest.raises(Untranslatable):
            duration_ms(wrong)


@pytest.mark.parametrize("value", [None, "", "0", "-1", "1.0", "x", "9" * 19, True, 1.0, "\u0661"])
def test_what_is_no_id_of_digits_is_refused(value: Any) -> None:
    with pytest.raises(Untranslatable):
        number_id(value)


def test_an_events_id_loses_what_old_clients_hung_on_it() -> None:
    assert text_id("pwdqjtygcnbfb!chp") == "pwdqjtygcnbfb"
    for wrong in (None, "", "!x", "a/b", "ä", "x" * 129):
        with pytest.raises(Untranslatable):
            text_id(wrong)


RECORDED_FORMS: list[dict[str, Any]] = [
    {"id": "mfuaiakmcxuzjsd", "token": "306527183", "createdTime": "2019-12-30T18:00-04:00", "duration": None},
    {"id": "310294379", "token": None, "feeSettings": None, "featuredEventPhoto": None, "duration": "PT30H"},
    {"id": "pwdqjtygcnbfb", "token": "pwdqjtygcnbfb", "rsvps": {"totalCount": 26},
     "endTime": "2026-11-29T00:00-05:00", "duration": None},
    {
        "featuredEventPhoto": {"id": "529386514", "baseUrl": "https://x/classic-events/"},
        "venues": [
            {"id": "26906060", "name": "Online event", "address": "", "city": "", "state": "", "country": "",
             "lat": -33.891525, "lon": 151.18785, "postalCode": "", "venueType": "online"},
            {"id": "26632228", "name": "Engineering Building, ", "address": "Campus,", "city": "Lagos", "state": "al",
             "postalCode": "meetup1", "country": "ng", "lat": 6.652131, "lon": 3.271455, "venueType": ""},
        ],
    },
]  # fmt: skip
"""What clients' recordings hold and the mapping does not show: ids and tokens of either kind, fields that are missing,
online venues at another place, states in small letters."""


@pytest.mark.parametrize("form", RECORDED_FORMS)
def test_forms_that_clients_recorded_become_records_of_the_old_feeds(form: dict[str, Any]) -> None:
    event = {**EVENT, **form}
    observed = observe_event(event, GROUP)
    assert observed.record is not None
    assert observed.token == (event["token"] or event["id"])
    record = observed.record
    assert record["id"] == observed.token
    assert record["duration"] == (
        108_000_000 if form.get("duration") else 6 * 3_600_000 if "endTime" in form else 9_000_000
    )
    assert ("photo_url" in record) == bool((event["featuredEventPhoto"] or {}).get("highResUrl"))
    assert "" not in record["venue"].values()
    for told in (observed.record, rsvp_record(RSVP, event, GROUP).value):
        feed = "open_events" if told is observed.record else "rsvps"
        assert isinstance(read_line(FEEDS[feed], encode({**told, "mtime": 1})), Record)


def test_an_rsvp_of_a_member_without_photo_bio_or_time_is_told() -> None:
    """As recorded: a photo that is only a base address, a bio that is empty or null, no ``updated``."""
    for photo in (None, {"baseUrl": "https://x/classic-member/"}):
        member = {
            "id": "6965005",
            "name": "user 6965005",
            "bio": "",
            "memberUrl": "https://x/6965005/",
            "memberPhoto": photo,
        }
        record = rsvp_record(
            {"id": "683124502", "status": "YES", "guestsCount": 0, "member": member}, EVENT, GROUP
        ).value
        assert record["member"] == {"member_id": 6965005, "member_name": "user 6965005"}
        assert member_profile(member).value == {
            "id": 6965005, "name": "user 6965005", "link": "https://x/6965005/", "self": {"common": {}},
        }  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(EVENT)), inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(EVENT)), JSON), st.dictionaries(st.sampled_from(sorted(GROUP)), JSON))
def test_no_answer_however_odd_makes_the_translation_fail_in_another_way(
    event: dict[str, Any], group: dict[str, Any]
) -> None:
    try:
        observed = observe_event({**EVENT, **event}, {**GROUP, **group})
    except Untranslatable:
        return
    if observed.record is not None:
        line = encode({**observed.record, "mtime": 1})
        assert isinstance(read_line(FEEDS["open_events"], line), Record)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(RSVP)), JSON))
def test_no_rsvp_however_odd_becomes_a_line_that_a_stream_refuses(rsvp: dict[str, Any]) -> None:
    try:
        record = rsvp_record({**RSVP, **rsvp}, EVENT, GROUP).value
    except Untranslatable:
        return
    assert isinstance(read_line(FEEDS["rsvps"], encode({**record, "mtime": 1})), Record)


def test_half_of_a_surrogate_pair_is_replaced() -> None:
    assert text("a\ud83d") == "a?"
    venue = venue_record({"id": "5", "name": "Caf\ud83d"}).value
    assert isinstance(read_line(FEEDS["open_venues"], encode({**venue, "mtime": 1})), Record)


def test_every_query_is_valid_alone_and_in_batches_and_cut_back() -> None:
    from graphql import parse, validate

    for shape in documents():
        for removed in (frozenset[str](), frozenset({"Event.venues", "Member.bio", "PhotoInfo.highResUrl"})):
            for count in (1, 3):
                query, _ = batch(shape, [{}] * count, removed)
                assert validate(schema_without(), parse(query)) == [], shape


def test_no_query_asks_for_a_field_that_is_not_on_the_list() -> None:
    from graphql import FieldNode, TypeInfo, TypeInfoVisitor, Visitor, parse, visit

    asked: set[tuple[str, str]] = set()
    info = TypeInfo(schema_without())

    class Fields(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            parent = info.get_parent_type()
            asked.add((parent.name if parent else "", node.name.value))

    for shape in documents():
        visit(parse(batch(shape, [{}])[0]), TypeInfoVisitor(info, Fields()))
    for kind, field in asked:
        assert field in LISTS or field in ALLOWED.get(kind, frozenset()), f"{kind}.{field}"
        assert field not in FORBIDDEN, f"{kind}.{field}"
    assert fields_asked_for() <= {f"{kind}.{field}" for kind, field in asked}
