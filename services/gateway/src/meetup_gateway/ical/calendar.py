"""Reads an iCalendar file (RFC 5545) as far as Meetup's exports go. Pure, and bounded: it comes from outside."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from meetup_gateway.durations import SECOND_MS
from meetup_gateway.observing.events import Observed
from meetup_gateway.observing.fingerprints import fingerprint
from meetup_gateway.translating.values import Untranslatable, number_id

MAX_BYTES: Final = 4 * 1024 * 1024
_MOST_EVENTS: Final = 2000
_UID: Final = re.compile(r"event_([0-9]{1,19})@meetup\.com\Z")
_LINE: Final = re.compile(
    r"(?P<name>[A-Za-z-]+)(?P<parameters>(?:;[^:;\"]*(?:\"[^\"]*\"[^:;\"]*)*)*):(?P<value>.*)\Z", re.DOTALL
)
_ESCAPED: Final = re.compile(r"\\([nN,;\\])")
_STATUSES: Final = {"CONFIRMED": "upcoming", "TENTATIVE": "proposed", "CANCELLED": "canceled"}


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a component."""

    value: str
    parameters: dict[str, str]


class NoCalendar(ValueError):
    """The body is no calendar."""


def events_in(body: bytes) -> list[dict[str, Property]]:
    """The properties of each VEVENT; raises ``NoCalendar``. The first of equal properties counts."""
    lines = list(_unfolded(body.decode("utf-8", "replace")))
    if not lines or lines[0].strip().upper() != "BEGIN:VCALENDAR" or lines[-1].strip().upper() != "END:VCALENDAR":
        raise NoCalendar("not a whole calendar")
    found: list[dict[str, Property]] = []
    stack: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.upper() == "BEGIN":
            stack.append(value.strip().upper())
            if stack == ["VCALENDAR", "VEVENT"]:
                found.append({})
        elif name.upper() == "END":
            if not stack or stack.pop() != value.strip().upper():
                raise NoCalendar("components are not nested")
        elif stack == ["VCALENDAR", "VEVENT"] and (match := _LINE.match(line)):
            found[-1].setdefault(match["name"].upper(), Property(match["value"], _parameters(match["parameters"])))
        if len(found) > _MOST_EVENTS:
            raise NoCalendar("more events than a group has")
    return found


def observe(event: dict[str, Property], group_id: int, urlname: str) -> Observed:
    """An event as a sweep would show it; raises ``Untranslatable``. DTSTAMP is when it was asked for: left out."""
    match = _UID.match(_text(event, "UID"))
    if match is None:
        raise Untranslatable("no UID of Meetup's")
    number = str(number_id(match[1]))
    status = _STATUSES.get(_text(event, "STATUS").upper() or "CONFIRMED")
    if status is None:
        raise Untranslatable("a status that is not known")
    starts, ends = _moment(event.get("DTSTART")), _moment(event.get("DTEND"))
    record: dict[str, Any] = {
        "id": number,
        "name": _text(event, "SUMMARY"),
        "event_url": _text(event, "URL") or f"https://www.meetup.com/{urlname}/events/{number}/",
        "description": _text(event, "DESCRIPTION"),
        "status": status,
        "visibility": "public",
        "group": {"id": group_id, "urlname": urlname},
        **_times(starts, ends),
    }
    record = {name: value for name, value in record.items() if value != ""}
    created = _moment(event.get("CREATED"))
    return Observed(
        token=number,
        event_id=number,
        group_id=str(group_id),
        title=record.get("name", ""),
        starts=None if starts is None else _ms(starts),
        ends=None if ends is None else _ms(ends),
        status=status,
        silent=False,
        record=record,
        fingerprint=fingerprint(record),
        created=None if created is None else _ms(created),
        signal="",
    )


def _times(starts: datetime | None, ends: datetime | None) -> dict[str, Any]:
    if starts is None:
        return {}
    offset = starts.utcoffset()
    times: dict[str, Any] = {
        "time": _ms(starts),
        "utc_offset": int(offset.total_seconds()) * SECOND_MS if offset else 0,
    }
    if ends is not None and ends > starts:
        times["duration"] = _ms(ends) - _ms(starts)
    return times


def _moment(given: Property | None) -> datetime | None:
    """``20260105T180000Z``, or local with TZID; a date alone has no time."""
    if given is None:
        return None
    try:
        if given.value.endswith("Z"):
            return datetime.strptime(given.value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        zone = ZoneInfo(given.parameters.get("TZID", ""))
        return datetime.strptime(given.value, "%Y%m%dT%H%M%S").replace(tzinfo=zone)
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return None


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND_MS


def _text(event: dict[str, Property], name: str) -> str:
    given = event.get(name)
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], given.value) if given else ""


def _parameters(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if part)
    return {name.upper(): value.strip('"') for name, _, value in pairs}


def _unfolded(text: str) -> Iterator[str]:
    """Lines; one that begins with white space continues the line before it."""
    held: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line[:1] in (" ", "\t") and held:
            held.append(line[1:])
        else:
            if held and "".join(held):
                yield "".join(held)
            held = [line]
    if held and "".join(held):
        yield "".join(held)
