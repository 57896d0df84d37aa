"""Loads the streams' ledgers: what each connection brought, and whether something may be missing before it."""

import json
import logging
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from meetup_insight.loading.objects import Reader
from meetup_insight.loading.values import Unreadable, coerced
from meetup_insight.moments import from_iso
from meetup_insight.schema import FEED_TABLES, Column, Kind
from meetup_insight.schema.tables import CONNECTIONS
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Append, Change, Delete
from meetup_insight.warehouse.protocol import Warehouse, relation, rows

log = logging.getLogger(__name__)

_STILL_WRITTEN: Final = timedelta(days=2)
"""A day's object is replaced until the day is over; what is older than that at the last build is final."""
_EPOCH: Final = date(1970, 1, 1)


def load_ledgers(warehouse: Warehouse, reader: Reader, labels: dict[str, str]) -> None:
    """The days that are new or may have changed."""
    latest_of = _latest(warehouse)
    for feed_table in FEED_TABLES:
        feed = feed_table.feed.name
        label = labels.get(feed, feed)
        latest = latest_of.get(feed)
        days: dict[date, bytes | None] = {}
        for name in reader.names(f"{label}/_ledger/"):
            day = _day(name.rpartition("/")[2])
            if day and (latest is None or day > latest - _STILL_WRITTEN):
                days[day] = reader.read(name)
        warehouse.write(_changes(feed, days))


def _latest(warehouse: Warehouse) -> dict[str, date]:
    """Of each feed that has one, the last day that is loaded."""
    connections = relation(CONNECTIONS)
    return dict(rows(warehouse, connections.group_by("feed").agg(day=connections.day.max())))


def _changes(feed: str, days: dict[date, bytes | None]) -> list[Change]:
    """Each day is written anew."""
    written = [((day - _EPOCH).days, feed) for day in days]
    found = [
        (feed, (day - _EPOCH).days, number, *(_value(column, entry) for column in CONNECTIONS.columns[3:]))
        for day, body in days.items()
        for number, entry in enumerate(_entries(feed, day, body))
    ]
    return [
        Delete(CONNECTIONS, arrow(CONNECTIONS, written, ("day", "feed"))),
        Append(CONNECTIONS, arrow(CONNECTIONS, found)),
    ]


def _entries(feed: str, day: date, body: bytes | None) -> Iterator[dict[str, Any]]:
    try:
        found = json.loads(body or b"{}")
        entries = found.get("connections", []) if isinstance(found, dict) else []
    except ValueError:
        log.warning("the ledger of %s of %s cannot be read", feed, day, extra={"event": "broken_ledger", "feed": feed})
        entries = []
    yield from (entry for entry in entries if isinstance(entry, dict))


def _value(column: Column, entry: dict[str, Any]) -> Any:
    """Times are ISO 8601 or milliseconds, and 0 where there is none."""
    value = entry.get(column.path[0])
    try:
        if column.kind is not Kind.TIME:
            return coerced(column.kind, value)
        if isinstance(value, str):
            return int(from_iso(value))
        return coerced(Kind.TIME, value) or None
    except (Unreadable, ValueError):
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.removesuffix(".json"))
    except ValueError:
        return None
