"""Figures equal what plain Python makes of the same records; every query is BigQuery's as well."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ibis
import pytest
import sqlglot
from meetup_insight.building.build import build
from meetup_insight.exporting.raw_records import export_records
from meetup_insight.exporting.table_files import export_table
from meetup_insight.marts.catalogue import MARTS
from meetup_insight.marts.mart import unbound
from meetup_insight.predicting.prediction_tables import PREDICTED
from meetup_insight.schema import FEED_TABLES, STAGING
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse
from meetupkit.feeds import FEEDS

from services.insight.tests.conftest import Configure, Store, lines_of
from services.insight.tests.test_privacy import rsvp


def test_every_feed_has_its_tables_and_every_table_its_words() -> None:
    assert {table.feed.name for table in FEED_TABLES} == set(FEEDS)
    tables = [*STAGING, *(mart.table for mart in MARTS), *PREDICTED]
    assert len({table.name for table in tables}) == len(tables)
    for table in tables:
        assert table.meaning
        assert set(table.key) <= set(table.names), table.name
        assert all(column.meaning for column in table.columns), table.name


@pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)
def test_every_mart_s_query_compiles_for_bigquery_without_a_connection(mart: object) -> None:
    earlier = [each.table for each in MARTS]
    tables = unbound([*STAGING, *earlier])
    (found,) = (each for each in MARTS if each is mart)
    text = ibis.to_sql(found.expression(tables), dialect="bigquery")
    assert isinstance(sqlglot.parse_one(text, dialect="bigquery"), sqlglot.exp.Query)
    assert "APPROX" not in text.upper()
    assert "FARM_FINGERPRINT" not in text.upper()


@pytest.mark.parametrize("table", [*STAGING, *PREDICTED], ids=lambda table: table.name)
def test_every_table_s_bigquery_statement_parses(table: object) -> None:
    (found,) = (each for each in (*STAGING, *PREDICTED) if each is table)
    assert isinstance(sqlglot.parse_one(found.bigquery(), dialect="bigquery"), sqlglot.exp.Create)


def test_figures_equal_what_plain_python_makes_of_the_records(store: Store, configure: Configure) -> None:
    lines = [rsvp(at, 1 + at % 37, 1 + at % 2, response="yes" if at % 3 else "no", hour=at % 50) for at in range(240)]
    changed = [rsvp(at, 1 + at % 37, 1 + at % 2, response="no", hour=at % 50 + 60) for at in range(1, 240, 9)]
    store.put_segment("rsvps", "2017-03-19/12/aa", [*lines, *changed])
    settings = configure()
    build(settings)
    newest = {json.loads(line)["rsvp_id"]: json.loads(line) for line in [*lines, *changed]}
    first_yes = {json.loads(line)["rsvp_id"] for line in lines if json.loads(line)["response"] == "yes"}
    warehouse = DuckDbWarehouse(settings.warehouse_file)
    for group, members, rsvps, yes, back, guests in warehouse.rows(
        "SELECT group_id, members, rsvps, yes, changed, guests FROM answers_by_group"
    ):
        ours = [each for each in newest.values() if each["group"]["group_id"] == group]
        assert rsvps == len(ours)
        assert members == len({each["member"]["member_id"] for each in ours})
        assert yes == sum(each["response"] == "yes" for each in ours)
        assert back == sum(each["response"] == "no" and each["rsvp_id"] in first_yes for each in ours)
        assert guests == sum(min(each["guests"], 10) for each in ours if each["response"] == "yes")
    leads = dict(warehouse.rows("SELECT lead, rsvps FROM answers_by_lead"))
    hours = Counter(
        "6 to 24 h"
        if 6 <= lead < 24
        else "under 6 h"
        if 0 <= lead < 6
        else "1 to 3 days"
        if lead >= 24
        else "after it began"
        for each in newest.values()
        if (lead := (each["event"]["time"] - each["mtime"]) / 3_600_000) is not None
    )
    assert leads  # the smallest cell has eight members, and the next one goes with it
    assert leads.items() <= dict(hours).items()
    # 1489925470000 + 25 h is 2017-03-20 13:11 UTC, a Monday; New York's clocks are four hours behind it.
    local = datetime(2017, 3, 20, 13, 11, tzinfo=UTC) - timedelta(hours=4)
    assert warehouse.rows("SELECT day, hour, events FROM answers_by_hour") == [(local.weekday(), local.hour, 2)]
    warehouse.close()


@pytest.mark.parametrize(
    ("feeds", "count"),
    [
        ([], 0),
        (["rsvps"], 1),
        (["rsvps"], 30),
        (["open_venues"], 1),
        (["open_venues"], 30),
        (list(FEEDS), 1),
        (list(FEEDS), 30),
    ],
)
def test_a_store_of_little_or_nothing_builds(feeds: list[str], count: int, store: Store, configure: Configure) -> None:
    for feed in feeds:
        store.put_records(feed, lines_of(feed, count))
    manifest = build(configure())
    assert manifest.rows["collected"] >= len(feeds)
    again = build(configure())
    assert (again.objects, again.versions) == (0, 0)
    assert again.rows == manifest.rows


def test_an_export_has_the_rows_of_the_published_table_in_both_forms(
    store: Store, configure: Configure, tmp_path: Path
) -> None:
    store.put_records("rsvps", lines_of("rsvps", 50))
    settings = configure()
    build(settings)
    assert export_table(settings, "coverage", tmp_path / "c.csv", private=False) == 7
    assert export_table(settings, "coverage", tmp_path / "c.parquet", private=False) == 7
    assert (tmp_path / "c.csv").read_text().splitlines()[0] == '"what","known","of"'


def test_records_are_exported_as_they_were_received_each_once(
    store: Store, configure: Configure, tmp_path: Path
) -> None:
    lines = list(dict.fromkeys(lines_of("rsvps", 60)))
    store.put_records("rsvps", lines[:40])
    store.put_segment("rsvps", "2017-03-19/12/aa", lines[20:])
    settings = configure()
    assert export_records(settings, "rsvps", tmp_path / "r.ndjson", start="", end="") == len(lines)
    assert sorted((tmp_path / "r.ndjson").read_bytes().splitlines()) == sorted(lines)
    since = sorted(json.loads(line)["mtime"] for line in lines)[30]
    text = datetime.fromtimestamp(since / 1000, UTC).isoformat()
    expected = sum(json.loads(line)["mtime"] >= since for line in lines)
    assert export_records(settings, "rsvps", tmp_path / "r.parquet", start=text, end="") == expected


def test_an_event_s_hour_is_its_own_zone_s_where_half_hours_and_summer_time_count(
    store: Store, configure: Configure
) -> None:
    places = {1: ("in", 12.97, 77.59), 2: ("us", 40.71, -74.0), 3: ("us", 40.71, -74.0)}
    begins = {
        ("india", 1): datetime(2017, 3, 20, 13, 30, tzinfo=UTC),  # 19:00 on Monday
        ("winter", 2): datetime(2017, 3, 11, 23, 30, tzinfo=UTC),  # 18:30 on Saturday; clocks change that night
        ("summer", 2): datetime(2017, 3, 13, 0, 30, tzinfo=UTC),  # 20:30 on Sunday
        ("told", 3): datetime(2017, 3, 15, 22, 15, tzinfo=UTC),  # its record says UTC-4:30: 17:45 on Wednesday
    }
    lines = []
    for number, ((event, group), at) in enumerate(begins.items()):
        time = int(at.timestamp() * 1000)
        country, latitude, longitude = places[group]
        where = {"group_country": country, "group_lat": latitude, "group_lon": longitude}
        for member in range(1, 13):
            record = json.loads(rsvp(number * 100 + member, member, group))
            record["event"] |= {"event_id": event, "time": time}
            record["group"] |= where
            lines.append(json.dumps(record).encode())
    told = {"id": "told", "mtime": 1489925470000, "time": int(begins["told", 3].timestamp() * 1000),
            "utc_offset": -16_200_000, "status": "upcoming", "group": {"id": 3, "name": "Group 3"}}  # fmt: skip
    store.put_segment("rsvps", "2017-03-19/12/aa", lines)
    store.put_segment("open_events", "2017-03-19/12/bb", [json.dumps(told).encode()])
    settings = configure()
    build(settings)
    warehouse = DuckDbWarehouse(settings.warehouse_file)
    assert warehouse.rows("SELECT day, hour, rsvps FROM answers_by_hour ORDER BY day, hour") == [
        (0, 19, 12), (2, 17, 12), (5, 18, 12), (6, 20, 12),
    ]  # fmt: skip
    warehouse.close()
