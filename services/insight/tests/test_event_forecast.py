"""How full an event will be: nothing of the future is used, the naive forecast is beaten or shown, figures agree."""

import csv
import gzip
import io
import json
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from meetup_insight.building.build import build
from meetup_insight.models.fullness import LEADS, NAIVE, Occasion, forecast
from meetup_insight.page.published import Library
from meetup_insight.page.site import Site
from meetup_insight.settings import InsightSettings
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse

from services.insight.tests.conftest import KEY, Store

pytestmark = pytest.mark.timeout(300)  # a build, on a machine that may be busy
SHARED = Path(__file__).parents[4] / "shared" / "data" / "evaluation" / "nashville"
WEEK = 168.0
HOUR_MS = 3_600_000
START = 1_420_455_600_000
"""A Monday at 11:00 UTC."""
WEEKS = 24


def occasion(name: str, group: int, hour: float, final: float, *, limit: float | None = None) -> Occasion:
    """An event of which nothing is known before it begins."""
    return Occasion(name, group, hour, limit, dict.fromkeys(LEADS, 0.0), final)


def series(noise: int, weeks: int = 40) -> list[Occasion]:
    """Two events a week in each of three groups: a large one and a small one, at hours of their own."""
    chance = random.Random(1)
    return [
        occasion(f"{group}-{week}-{day}", group, week * WEEK + day * 24, usual + group + chance.randint(0, noise))
        for week in range(weeks)
        for group in range(3)
        for day, usual in ((1, 40), (4, 8))
    ]


def test_a_series_is_forecast_by_itself_where_that_beats_the_group_s_mean() -> None:
    found = forecast(series(noise=3), [occasion("next", 1, 40 * WEEK + 24, 0)], 40 * WEEK)
    assert found
    assert found.holds
    assert found.gain.low > 0
    assert found.error.mean < 2 < found.naive_error.mean
    (event,) = found.events
    assert event.naive < 30 < event.low <= 41 < event.value < 44 <= event.high < 50
    assert event.full is None


def test_where_nothing_can_be_learned_the_naive_forecast_is_shown() -> None:
    chance = random.Random(2)
    past = [occasion(str(at), at % 5, at * 7.3, float(chance.randint(5, 30))) for at in range(200)]
    found = forecast(past, [occasion("next", 1, 200 * 7.3, 0)], 199.5 * 7.3)
    assert found
    if found.holds:  # by the mean of more events than four, which is a better one here
        assert found.gain.low > 0
    else:
        assert (found.model, found.error) == (NAIVE, found.naive_error)
        assert found.events[0].value == found.events[0].naive


def test_no_more_may_come_than_the_limit() -> None:
    known = dict.fromkeys(LEADS, 20.0)
    coming = [
        Occasion("limited", 1, 40 * WEEK + 24, 25.0, known, 0.0),
        Occasion("roomy", 1, 40 * WEEK + 24, 500.0, known, 0.0),
    ]
    found = forecast(series(noise=3), coming, 40 * WEEK)
    assert found
    limited, roomy = found.events
    assert (limited.low, limited.value, limited.high, limited.full) == (25.0, 25.0, 25.0, 1.0)
    assert (roomy.full, roomy.value > 40) == (0.0, True)


def test_what_happens_after_the_moment_changes_no_forecast() -> None:
    """An event that begins later than the coming one is no part of its group's past."""
    past, coming = series(noise=3), [occasion("next", 1, 20 * WEEK + 25, 0)]
    later = [each if each.hour <= 20 * WEEK else occasion(each.event, each.group, each.hour, 999.0) for each in past]
    usual, changed = forecast(past, coming, 20 * WEEK), forecast(later, coming, 20 * WEEK)
    assert usual
    assert changed
    assert usual.events[0].naive == changed.events[0].naive


@pytest.mark.parametrize("count", [0, 1, 39])
def test_too_few_events_forecast_nothing(count: int) -> None:
    assert forecast(series(noise=1)[:count], [occasion("next", 1, 1e6, 0)], 1e5) is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="part absent: shared/data is no part of a clone")
def test_a_city_s_events_are_forecast_with_less_error_than_by_the_mean_of_four() -> None:
    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(gzip.decompress((SHARED / name).read_bytes()).decode())))

    yes = Counter(row["event_id"] for row in rows("rsvps.csv.gz"))
    groups: dict[str, int] = {}
    past = [
        occasion(
            row["event_id"],
            groups.setdefault(row["group_urlname"], len(groups)),
            datetime.fromisoformat(row["time"]).replace(tzinfo=UTC).timestamp() / 3600,
            float(yes[row["event_id"]]),
        )
        for row in rows("events.csv.gz")
        if row["event_id"] in yes
    ]
    found = forecast(past, [], 0.0)
    assert found
    assert found.judges > 5_000
    assert found.error.mean < 2.8 < 3.1 < found.naive_error.mean
    assert found.gain.low > 0.4


def answer(number: int, member: int, event: str, begins: int, lead: int, *, response: str = "yes") -> dict[str, Any]:
    """An RSVP ``lead`` hours before its event."""
    return {
        "rsvp_id": number, "mtime": begins - lead * HOUR_MS, "response": response, "guests": 0,
        "member": {"member_id": member}, "event": {"event_id": event, "time": begins},
        "group": {"group_id": 7, "group_name": "Hikers", "group_urlname": "hikers", "group_country": "us",
                  "group_lat": 40.7, "group_lon": -74.0, "group_topics": []},
    }  # fmt: skip


def answers() -> list[dict[str, Any]]:
    """A walk each Monday (30 answers, of which some turn into no) and a talk each Thursday (12), then three to come."""
    found = []
    for week in range(WEEKS + 1):
        for day, count in ((0, 30), (3, 12)):
            event, begins = f"e{week}-{day}", START + week * 7 * 24 * HOUR_MS + day * 24 * HOUR_MS
            for at in range(count):
                number = week * 100 + day * 10 + at + (0 if day == 0 else 50)
                found.append(answer(number, 1 + (at * 7 + week) % 60, event, begins, 400 - at * 13))
                if at % 10 == 9:
                    found.append(answer(number, 1 + (at * 7 + week) % 60, event, begins, 1, response="no"))
    now = START + WEEKS * 7 * 24 * HOUR_MS - HOUR_MS
    return [each for each in found if each["mtime"] <= now]


def counted(event: str, lead: int) -> int:
    """By plain Python: whose newest answer until then is yes."""
    newest: dict[int, tuple[int, str]] = {}
    for each in answers():
        if each["event"]["event_id"] == event and each["mtime"] <= each["event"]["time"] - lead * HOUR_MS:
            newest[each["rsvp_id"]] = max(newest.get(each["rsvp_id"], (0, "")), (each["mtime"], each["response"]))
    return sum(response == "yes" for _, response in newest.values())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> InsightSettings:
    folder = tmp_path_factory.mktemp("events")
    store = Store(folder / "objects")
    store.put_segment("rsvps", "2015-01-05/11/aa", [json.dumps(each).encode() for each in answers()])
    limited = {
        "id": f"e{WEEKS}-0", "name": "Walk", "status": "upcoming", "mtime": START, "rsvp_limit": 30,
        "time": START + WEEKS * 7 * 24 * HOUR_MS, "yes_rsvp_count": 1, "group": {"id": 7, "name": "Hikers"},
    }  # fmt: skip
    gone = limited | {"id": f"e{WEEKS}-3", "status": "canceled", "time": START + (WEEKS * 7 + 3) * 24 * HOUR_MS}
    store.put_segment("open_events", "2015-01-05/11/bb", [json.dumps(each).encode() for each in (limited, gone)])
    settings = InsightSettings.from_environ(
        {
            "INSIGHT_OBJECTS": store.url,
            "INSIGHT_WAREHOUSE": f"duckdb:///{folder}/insight.duckdb",
            "INSIGHT_HASH_KEY": KEY,
        }
    )
    build(settings)
    return settings


def test_an_event_s_yes_at_each_lead_is_what_its_answers_say(built: InsightSettings) -> None:
    warehouse = DuckDbWarehouse(built.warehouse_file)
    columns = ", ".join(f"yes_{lead}" for lead in LEADS)
    rows = warehouse.rows(f"SELECT event_id, yes_start, {columns} FROM event_yes")
    warehouse.close()
    assert len(rows) == 2 * (WEEKS + 1)
    for event, *found in rows:
        if not event.startswith(f"e{WEEKS}-"):
            assert found == [counted(event, lead) for lead in (0, *LEADS)], event


def test_a_coming_event_is_published_with_its_forecast_and_a_cancelled_one_is_not(built: InsightSettings) -> None:
    shown = Library(built.published_folder).newest()
    assert shown
    (row,) = shown.rows("event_forecast")
    assert (row["event_id"], row["group_id"], row["rsvp_limit"]) == (f"e{WEEKS}-0", 7, 30)
    assert row["low"] <= row["value"] <= row["high"] <= 30
    assert row["naive"] == 27, "as many say yes by now, more than the group's mean"
    assert row["low"] <= 27 <= row["high"]
    assert 0 <= row["full"] < 0.5
    assert {"yes_now", "members"} & set(row) == set(), "the forecast is published, the count is not"
    assert [each["task"] for each in shown.rows("model_card")].count("yes of an event") == 3
    page = Site(Library(built.published_folder).newest, lambda: "").answer("/events", "").body.decode()
    assert f"Hikers</td><td>30</td><td>{row['value']}</td>" in page
    assert f"{row['error']:.1f} yes on average over {row['judges']} past events" in page
