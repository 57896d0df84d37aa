"""A whole build on both engines: every table and mart has the same rows, and what is asked of it is in them."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from meetup_insight.building.build import ALL_TABLES, PUBLISHED, build
from meetup_insight.building.forgetting import remember
from meetup_insight.exporting.table_files import export_table
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.publishing.bundle import current, read_table
from meetup_insight.schema import STAGING
from meetup_insight.settings import InsightSettings
from meetup_insight.warehouse.opening import open_warehouse
from meetup_insight.warehouse.protocol import relation, rows

from services.insight.tests.bigquery.conftest import MakeDataset
from services.insight.tests.conftest import KEY, Configure, Store, lines_of
from services.insight.tests.test_privacy import rsvp

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
TABLES = (*STAGING, *ALL_TABLES)
MAY_BE_EMPTY = {
    "predicted_interests",
    "interests_lead_to",
    "group_communities",
    "forecast",
    "event_forecast",
    "unreadable",
}
"""Sixty members of ten groups are too few for these; Python makes them, of tables that are compared."""
DAY = 24


def contents(settings: InsightSettings) -> dict[str, list[tuple[object, ...]]]:
    warehouse = open_warehouse(settings.warehouse, memory=settings.memory, threads=settings.threads)
    found = {table.name: rows(warehouse, relation(table).order_by(list(table.key))) for table in TABLES}
    warehouse.close()
    return {name: [tuple(map(rounded, row)) for row in each] for name, each in found.items()}


def rounded(value: object) -> object:
    """Sums of floats are added in another order by another engine."""
    return round(value, 9) if isinstance(value, float) else value


def published(settings: InsightSettings, name: str) -> pa.Table:
    folder = current(settings.published_folder)
    assert folder
    found = read_table(folder, name)
    assert found is not None
    return found


def rsvps(first: int, last: int) -> list[bytes]:
    """Ten groups and sixty members within fifty days; every fifth says no."""
    return [
        rsvp(at, 1 + at * 7 % 60, at // 7 % 10, response="no" if at % 5 == 4 else "yes", hour=at % 50 * DAY)
        for at in range(first, last)
    ]


def test_both_engines_make_the_same_tables_and_forget_the_same_member(
    store: Store, configure: Configure, made_dataset: MakeDataset, tmp_path: Path
) -> None:
    for feed in ("open_events", "open_venues", "event_comments", "photos"):
        store.put_segment(feed, "2017-03-19/12/aa", lines_of(feed, 30))
    store.put_segment("rsvps", "2017-03-19/12/aa", [*rsvps(0, 800), b"nothing"])
    ledger = {"connections": [{"opened_at": 1489925470000, "cause": "ended", "received": 3, "overlap": False}]}
    store.put("rsvps/_ledger/2017-03-19.json", json.dumps(ledger).encode())
    both = [
        configure("duckdb"),
        configure("bigquery", warehouse=made_dataset(), published=tmp_path / "p", forgotten=tmp_path / "f"),
    ]
    made = [build(settings).rows for settings in both]
    assert made[0] == made[1]
    first = contents(both[0])
    assert {table.name for table in PUBLISHED if not first[table.name]} <= MAY_BE_EMPTY
    assert contents(both[1]) == first

    store.put_segment("rsvps", "2017-03-19/13/bb", rsvps(700, 900))
    hashed = MemberHash(KEY)(8)
    assert hashed
    for settings in both:
        remember(settings.forgotten_file, [hashed])
        build(settings)
    later = [contents(settings) for settings in both]
    assert later[0] == later[1]
    assert hashed in repr(first)
    assert hashed not in repr(later[1])
    for table in PUBLISHED:
        assert published(both[0], table.name).num_rows == published(both[1], table.name).num_rows
    assert export_table(both[1], "rsvps", tmp_path / "r.parquet", private=True) == len(later[0]["rsvps"])
