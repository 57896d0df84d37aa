"""Reads what is followed from a YAML file, every mistake of which is said at once.

groups: [Berlin-Hikers, {urlname: Book-Club, private: true}, {id: 18000013}]
networks: [pydata]
places: [{lat: 52.52, lon: 13.38, radius: 30, cap: 200}]
topics: [{query: python, lat: 52.52, lon: 13.38, cap: 50}]
ical: [{id: 18000013, urlname: Berlin-Hikers, organiser_agreed: true}]
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from meetupkit.foreign_text import printable
from meetupkit.settings import SettingsError

from meetup_gateway.follow import Calendar, Follow, FollowedGroup, Search

_URLNAME: Final = re.compile(r"[\w.-]{1,128}\Z")
_MOST_BYTES: Final = 4 * 1024 * 1024
"""Some ten thousand groups by name."""
_CAP: Final = 100
_MOST_CAP: Final = 10_000
_RADIUS: Final = 50.0
_MILES: Final = 500.0
_LISTS: Final = ("groups", "networks", "places", "topics", "ical")


class _Mistakes(list[str]):
    def at(self, where: str, what: str) -> None:
        self.append(f"GATEWAY_FOLLOW: {where}: {what}")


def read_follow(path: str) -> Follow:
    """The file at ``path``; raises ``SettingsError`` with every mistake in it."""
    mistakes = _Mistakes()
    value = _load(path, mistakes)
    follow = _read(value, mistakes)
    if not mistakes and follow == Follow():
        mistakes.append(f"GATEWAY_FOLLOW: {path} names nothing to follow: give it {', '.join(_LISTS)}")
    if mistakes:
        raise SettingsError(mistakes)
    return follow


def _load(path: str, mistakes: _Mistakes) -> Any:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            mistakes.append(f"GATEWAY_FOLLOW: {path} is too large")
            return {}
        return yaml.safe_load(content)
    except OSError as error:
        mistakes.append(f"GATEWAY_FOLLOW: {path}: {error.strerror}")
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        mistakes.append(f"GATEWAY_FOLLOW: {path} is not YAML{where}")
    return {}


def _read(value: Any, mistakes: _Mistakes) -> Follow:
    if value is None:
        return Follow()
    if not isinstance(value, dict):
        mistakes.append("GATEWAY_FOLLOW: not a mapping with the lists " + ", ".join(_LISTS))
        return Follow()
    for name in value:
        if name not in _LISTS:
            mistakes.at(printable(str(name), 40), f"no such list; there are {', '.join(_LISTS)}")
    return Follow(
        groups=_unique(tuple(_groups(value, mistakes)), "groups", mistakes),
        networks=_unique(tuple(_networks(value, mistakes)), "networks", mistakes),
        searches=(*_searches(value, "places", mistakes), *_searches(value, "topics", mistakes)),
        calendars=_unique(tuple(_calendars(value, mistakes)), "ical", mistakes),
    )


def _items(value: Mapping[str, Any], name: str, mistakes: _Mistakes) -> Iterator[tuple[str, Any]]:
    items = value.get(name) or []
    if not isinstance(items, list):
        mistakes.at(name, "not a list")
        return
    for index, item in enumerate(items):
        yield f"{name}[{index}]", item


def _groups(value: Mapping[str, Any], mistakes: _Mistakes) -> Iterator[FollowedGroup]:
    for where, item in _items(value, "groups", mistakes):
        fields: Any = {"urlname": item} if isinstance(item, str) else item
        if not _known(fields, {"urlname", "id", "private"}, where, mistakes):
            continue
        urlname, number = fields.get("urlname", ""), _id(fields.get("id"))
        if number is None or not (number or _is_urlname(urlname)):
            mistakes.at(where, "needs the urlname of the group's address, or its id of digits")
        elif not isinstance(fields.get("private", False), bool):
            mistakes.at(where, "private is true or false")
        else:
            yield FollowedGroup("" if number else urlname, number, fields.get("private", False))


def _networks(value: Mapping[str, Any], mistakes: _Mistakes) -> Iterator[str]:
    for where, item in _items(value, "networks", mistakes):
        if _is_urlname(item):
            yield item
        else:
            mistakes.at(where, "needs the urlname of a Pro network")


def _searches(value: Mapping[str, Any], name: str, mistakes: _Mistakes) -> Iterator[Search]:
    for where, item in _items(value, name, mistakes):
        if not _known(item, {"query", "lat", "lon", "radius", "cap"}, where, mistakes):
            continue
        query, cap = item.get("query", ""), item.get("cap", _CAP)
        if not isinstance(query, str) or (name == "topics" and not query.strip()) or len(query) > 200:
            mistakes.at(where, "needs a query, the words of the topic")
        elif not _within(item.get("lat"), -90, 90) or not _within(item.get("lon"), -180, 180):
            mistakes.at(where, "needs lat (-90 to 90) and lon (-180 to 180)")
        elif not _within(item.get("radius", _RADIUS), 1, _MILES):
            mistakes.at(where, f"radius is miles from 1 to {_MILES:g}")
        elif not isinstance(cap, int) or isinstance(cap, bool) or not 1 <= cap <= _MOST_CAP:
            mistakes.at(where, f"cap is a whole number from 1 to {_MOST_CAP}")
        else:
            yield Search(query, float(item["lat"]), float(item["lon"]), float(item.get("radius", _RADIUS)), cap)


def _calendars(value: Mapping[str, Any], mistakes: _Mistakes) -> Iterator[Calendar]:
    for where, item in _items(value, "ical", mistakes):
        if not _known(item, {"id", "urlname", "organiser_agreed"}, where, mistakes):
            continue
        number = _id(item.get("id"))
        if not number or not _is_urlname(item.get("urlname")):
            mistakes.at(where, "needs the group's id of digits and its urlname: a calendar names neither")
        elif item.get("organiser_agreed") is not True:
            mistakes.at(where, "needs organiser_agreed: true, said by whoever asked the organiser")
        else:
            yield Calendar(int(number), item["urlname"])


def _known(item: Any, fields: set[str], where: str, mistakes: _Mistakes) -> bool:
    if not isinstance(item, dict):
        mistakes.at(where, f"not a mapping of {', '.join(sorted(fields))}")
        return False
    unknown = [printable(str(name), 40) for name in item if name not in fields]
    if unknown:
        mistakes.at(where, f"no such field: {', '.join(unknown)}")
    return not unknown


def _unique(items: tuple[Any, ...], name: str, mistakes: _Mistakes) -> tuple[Any, ...]:
    if len(set(items)) < len(items):
        mistakes.at(name, "something is named twice")
    return items


def _id(value: Any) -> str | None:
    """Digits; empty for none; ``None`` for what is no id."""
    if value is None:
        return ""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    good = isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) > 0
    return str(int(text)) if good else None


def _is_urlname(value: Any) -> bool:
    return isinstance(value, str) and _URLNAME.match(value) is not None


def _within(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
