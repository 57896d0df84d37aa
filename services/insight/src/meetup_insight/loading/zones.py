"""Which zone a group lives in, and how far zones are from UTC: so that an evening event is one in the evening.

The profile says it; where there is none, the nearest of the cities that name the zones of the group's country does
(``zone1970.tab`` of the tz database). Near a border between zones of one country that may be an hour off.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import ibis
from ibis.expr.types import Table as Expression

from meetup_insight.moments import milliseconds
from meetup_insight.schema.feeds import GROUPS_SEEN
from meetup_insight.schema.tables import GROUP_PROFILES, GROUP_ZONES, ZONES
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Change, Replace
from meetup_insight.warehouse.protocol import Warehouse, noted, relation, rows, setting

_FROM, _UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
"""Meetup was founded in 2002; events are announced a year or two ahead."""
_STEP: Final = timedelta(days=7)
"""No zone has changed twice within a week since 2000; Morocco does within a month."""


_SETTING: Final = "zones"
_Offset = tuple[str, int, int, int]
"""As a row of ``zone_offsets``."""


_Direction = tuple[float, float, float]
"""A place as a vector of length 1 from the middle of the earth."""


class _City(NamedTuple):
    zone: str
    direction: _Direction


def load_zones(warehouse: Warehouse) -> None:
    """Make both tables of the groups that are known: they hold nothing else. Offsets that are there are kept."""
    found = sorted(rows(warehouse, places()))
    groups = [(int(group), zone) for group, *place in found if (zone := zone_of(*place))]
    named = {zone for _, zone in groups}
    known = _offsets_there(warehouse)
    changes: list[Change] = [Replace(GROUP_ZONES, arrow(GROUP_ZONES, groups))]
    if named != set(known):
        due = [row for zone in sorted(named) for row in known.get(zone) or offsets(zone)]
        changes += [Replace(ZONES, arrow(ZONES, due)), noted(_SETTING, _rules())]
    warehouse.write(changes)


def _offsets_there(warehouse: Warehouse) -> dict[str, list[_Offset]]:
    """By zone; none where they were made by other rules: finding them takes longer than all else here."""
    found: dict[str, list[_Offset]] = {}
    if setting(warehouse, _SETTING, _rules()) == _rules():
        for zone, start, end, minutes in sorted(rows(warehouse, relation(ZONES))):
            found.setdefault(str(zone), []).append(
                (str(zone), int(milliseconds(start)), int(milliseconds(end)), int(minutes))
            )
    return found


@cache
def _rules() -> str:
    """Which edition of the tz database says how far zones are from UTC."""
    return version("tzdata")


@cache
def places() -> Expression:
    """Each group with the zone, country and place of its profile, else of its newest description."""
    profiles, seen = relation(GROUP_PROFILES), relation(GROUPS_SEEN)
    ours = profiles.select("group_id", "timezone", profiles.country.lower().name("country"), "latitude", "longitude")
    ties = [ibis.asc(seen[name], nulls_first=False) for name in ("country", "latitude", "longitude")]
    ranked = seen.mutate(place=ibis.row_number().over(group_by=seen.group_id, order_by=[seen.last_seen.desc(), *ties]))
    newest = ranked.filter(ranked.place == 0).mutate(timezone=ibis.null("string"))
    theirs = newest.anti_join(profiles, "group_id").select("group_id", "timezone", "country", "latitude", "longitude")
    return ours.union(theirs)


def zone_of(named: Any, country: Any, latitude: Any, longitude: Any) -> str | None:
    """The zone's name; nothing where nothing is known."""
    if isinstance(named, str) and _zone(named):
        return named
    cities = _cities().get(str(country or "").upper(), [])
    if not cities:
        return None
    if len(cities) == 1 or latitude is None or longitude is None:
        return cities[0].zone if len(cities) == 1 else None
    x, y, z = _direction(latitude, longitude)
    return min((-(x * a + y * b + z * c), zone) for zone, (a, b, c) in cities)[1]


@cache
def offsets(zone: str) -> tuple[_Offset, ...]:
    """From when to when (milliseconds) the zone is how many minutes from UTC."""
    return tuple(_offsets(zone))


def _offsets(zone: str) -> Iterator[_Offset]:
    info = ZoneInfo(zone)
    start, found = _FROM, _minutes(info, _FROM)
    day = _FROM
    while day < _UNTIL:
        later = day + _STEP
        if (minutes := _minutes(info, later)) != found:
            change = _change(info, day, later)
            yield zone, int(milliseconds(start)), int(milliseconds(change)), found
            start, found = change, minutes
        day = later
    yield zone, int(milliseconds(start)), int(milliseconds(_UNTIL)), found


def _change(info: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The minute of the change, by halving."""
    minutes = _minutes(info, before)
    while after - before > timedelta(minutes=1):
        middle = before + (after - before) // 2
        middle = middle.replace(second=0, microsecond=0)
        if middle == before:
            break
        before, after = (middle, after) if _minutes(info, middle) == minutes else (before, middle)
    return after


def _minutes(info: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(info).utcoffset()
    return int(offset.total_seconds() // 60) if offset is not None else 0


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@cache
def _cities() -> dict[str, list[_City]]:
    """By country, from the tz database's own table."""
    cities: dict[str, list[_City]] = {}
    table = resources.files("tzdata").joinpath("zoneinfo", "zone1970.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            countries, place, zone, *_ = line.split("\t")
            split = max(place.rfind("+"), place.rfind("-"))
            city = _City(zone, _direction(_degrees(place[:split]), _degrees(place[split:])))
            for country in countries.split(","):
                cities.setdefault(country, []).append(city)
    return cities


def _degrees(text: str) -> float:
    """``+DDMM``, ``+DDDMM``, and both with seconds."""
    sign, digits = (-1.0 if text[0] == "-" else 1.0), text[1:]
    whole = len(digits) - (2 if len(digits) <= 5 else 4)
    minutes = float(digits[whole : whole + 2]) + (float(digits[whole + 2 :]) / 60 if digits[whole + 2 :] else 0.0)
    return sign * (float(digits[:whole]) + minutes / 60)


def _direction(latitude: float, longitude: float) -> _Direction:
    """The greater the product of two, the shorter the great circle between them."""
    north, east = math.radians(latitude), math.radians(longitude)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)
