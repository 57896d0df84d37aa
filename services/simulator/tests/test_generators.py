"""The generated feeds show the oddities of the recorded ones, at their rates."""

import json
from collections import Counter
from functools import cache
from itertools import islice, pairwise
from typing import Any

import pytest
from meetup_simulator.made_up.generators import GENERATORS, generated
from meetup_simulator.made_up.generators.open_venues import venue_database
from meetup_simulator.made_up.world import World
from meetupkit.feeds import FEEDS
from meetupkit.records import Record, read_line

RECORDS = {"rsvps": 12_000, "open_events": 6_000}
"""Enough for the rarest oddity of these two; the other feeds show theirs within 3,000."""
START = 1_543_622_400_000


@cache
def lines_of(feed: str, seed: int = 1) -> list[bytes]:
    return list(islice(generated(feed, World(seed), start=START, rate=0), RECORDS.get(feed, 3_000)))


@cache
def values_of(feed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(feed)]


def share(feed: str, holds: Any) -> float:
    return sum(bool(holds(value)) for value in values_of(feed)) / len(values_of(feed))


def repeats(feed: str, id_field: str) -> float:
    return 1 - len({value[id_field] for value in values_of(feed)}) / len(values_of(feed))


def test_every_feed_of_the_table_has_a_generator() -> None:
    assert set(GENERATORS) == set(FEEDS)


@pytest.mark.parametrize("feed", FEEDS)
def test_every_generated_line_is_a_record_of_its_feed(feed: str) -> None:
    for line in lines_of(feed)[:3_000]:
        record = read_line(FEEDS[feed], line)
        assert isinstance(record, Record), record


@pytest.mark.parametrize("feed", FEEDS)
def test_the_same_seed_makes_the_same_bytes_and_another_seed_others(feed: str) -> None:
    again = list(islice(generated(feed, World(1), start=START, rate=0), 500))
    assert again == lines_of(feed)[:500]
    assert list(islice(generated(feed, World(2), start=START, rate=0), 500)) != again


@pytest.mark.parametrize("feed", FEEDS)
def test_slashes_are_escaped_and_no_line_holds_a_newline(feed: str) -> None:
    for line in lines_of(feed):
        assert line.count(b"/") == line.count(b"\\/")
        assert b"\n" not in line
        assert b"\\u" not in line


def test_14_to_25_percent_of_rsvps_repeat_an_id() -> None:
    assert 0.14 <= repeats("rsvps", "rsvp_id") <= 0.25


def test_11_to_21_percent_of_rsvps_have_whole_seconds() -> None:
    assert 0.11 <= share("rsvps", lambda value: value["mtime"] % 1000 == 0) <= 0.21


def test_11_5_to_18_percent_of_the_steps_of_rsvps_go_back() -> None:
    mtimes = [value["mtime"] for value in values_of("rsvps")]
    assert 0.115 <= sum(later < earlier for earlier, later in pairwise(mtimes)) / len(mtimes) <= 0.185


def test_most_repeats_are_the_same_6_to_8_records_later_rounded_to_a_second() -> None:
    last_seen: dict[int, int] = {}
    gaps: Counter[int] = Counter()
    for position, value in enumerate(values_of("rsvps")):
        if value["rsvp_id"] in last_seen and value["mtime"] % 1000 == 0:
            gaps[position - last_seen[value["rsvp_id"]]] += 1
        last_seen[value["rsvp_id"]] = position
    assert sum(gaps[gap] for gap in range(5, 13)) > 0.9 * gaps.total()


def test_some_rsvps_come_again_changed_and_later() -> None:
    first: dict[int, dict[str, Any]] = {}
    changed = 0
    for value in values_of("rsvps"):
        before = first.setdefault(value["rsvp_id"], value)
        changed += before["response"] != value["response"] and value["mtime"] > before["mtime"]
    assert changed > RECORDS["rsvps"] // 200


def test_some_rsvps_come_again_as_they_were() -> None:
    assert len(set(lines_of("rsvps"))) < RECORDS["rsvps"] * 0.995


def test_some_mtimes_are_weeks_to_years_old() -> None:
    for feed in ("rsvps", "open_events"):
        old = [value["mtime"] for value in values_of(feed) if value["mtime"] < START - 7 * 86_400_000]
        assert old, feed
        assert all(mtime % 1000 == 0 for mtime in old)


@pytest.mark.parametrize(
    ("what", "holds", "least", "most"),
    [
        ("no venue", lambda value: "venue" not in value, 0.07, 0.24),
        ("no photo", lambda value: "photo" not in value["member"], 0.05, 0.10),
        ("no time", lambda value: "time" not in value["event"], 0.001, 0.013),
        ("response no", lambda value: value["response"] == "no", 0.12, 0.27),
        ("guests", lambda value: value["guests"] > 0, 0.04, 0.085),
        ("no group_state", lambda value: "group_state" not in value["group"], 0.2, 0.7),
        ("other services", lambda value: "other_services" in value["member"], 0.02, 0.15),
        ("former member", lambda value: value["member"]["member_id"] == 0, 0.0005, 0.005),
        ("online", lambda value: value.get("venue", {}).get("venue_id") == 26906060, 0.01, 0.1),
        ("nowhere", lambda value: value.get("venue", {}).get("lat") == 0, 0.001, 0.08),
        ("alphanumeric event", lambda value: not value["event"]["event_id"].isdigit(), 0.1, 0.5),
    ],
)
def test_rsvps_lack_and_hold_fields_as_recorded(what: str, holds: Any, least: float, most: float) -> None:
    assert least <= share("rsvps", holds) <= most, what


def test_a_group_without_topics_occurs() -> None:
    world = World(1)
    assert any(not world.group(number).topics for number in range(5_000))


def test_open_events_come_again_on_each_edit() -> None:
    times = Counter(value["id"] for value in values_of("open_events")[:2_000])
    assert 0.15 <= 1 - len(times) / 2_000 <= 0.45
    assert max(times.values()) >= 4


@pytest.mark.parametrize(
    ("what", "holds", "least", "most"),
    [
        ("venue", lambda value: "venue" in value, 0.62, 0.76),
        ("hidden venue shown", lambda value: value["venue_visibility"] == "members" and "venue" in value, 0, 0),
        ("fee", lambda value: value["payment_required"] in ("0", "1"), 1, 1),
        ("canceled or deleted", lambda value: value["status"] in ("canceled", "deleted"), 0.02, 0.2),
        ("recurring", lambda value: not value["id"].isdigit(), 0.2, 0.7),
        ("upper case", lambda value: value.get("venue", {}).get("country", "").isupper(), 0.02, 0.15),
    ],
)
def test_open_events_are_as_recorded(what: str, holds: Any, least: float, most: float) -> None:
    assert least <= share("open_events", holds) <= most, what


def test_a_recurring_event_is_broadcast_for_each_of_the_next_days() -> None:
    following = sum(
        later["id"][:-1] == earlier["id"][:-1] and later["id"] != earlier["id"] and not later["id"].isdigit()
        for earlier, later in pairwise(values_of("open_events"))
    )
    assert following > RECORDS["open_events"] // 50


def test_comments_have_negative_ids_replies_and_deletions() -> None:
    assert 0.05 <= share("event_comments", lambda value: value["id"] < 0) <= 0.15
    assert 0.2 <= share("event_comments", lambda value: "in_reply_to" in value) <= 0.45
    assert 0.01 <= share("event_comments", lambda value: value["status"] == "deleted") <= 0.08


def test_comments_hold_a_raw_line_separator() -> None:
    assert any("\u2028".encode() in line for line in lines_of("event_comments"))


def test_a_deleted_comment_was_sent_before_and_is_sent_later() -> None:
    seen: dict[int, int] = {}
    for value in values_of("event_comments"):
        if value["status"] == "deleted" and value["mtime"] >= START:
            assert value["id"] in seen
        seen.setdefault(value["id"], value["mtime"])


@pytest.mark.parametrize(
    ("feed", "order"),
    [
        ("rsvps", "venue visibility response guests member rsvp_id mtime event group"),
        ("photos", "photo_album highres_link photo_id member ctime mtime photo_link thumb_link"),
        ("photos", "photo_album highres_link photo_id member ctime caption mtime photo_link thumb_link"),
        ("event_comments", "visibility member comment id mtime event table_name group status"),
        ("event_comments", "visibility member comment id mtime event table_name group in_reply_to status"),
        ("open_venues", "zip country city address_1 name lon id mtime lat"),
        ("open_venues", "zip country city phone address_1 name lon id state mtime lat"),
    ],
)
def test_keys_come_in_the_recorded_or_predicted_order(feed: str, order: str) -> None:
    assert order.split() in [list(value) for value in values_of(feed)]


def test_the_venue_database_holds_each_venue_once_with_the_least_fields_documented() -> None:
    venues = list(venue_database(World(1), 1_000, START))
    assert len({venue["id"] for venue in venues}) == 1_000
    assert all(venue["mtime"] <= START + 1_000 for venue in venues)


@pytest.mark.parametrize("rate", [1.0, 50.0])
def test_mtimes_follow_the_rate(rate: float) -> None:
    fresh = [json.loads(line)["mtime"] for line in islice(generated("rsvps", World(1), start=START, rate=rate), 1_000)]
    assert max(fresh) == pytest.approx(START + 1_000_000 / rate, abs=2_000)
