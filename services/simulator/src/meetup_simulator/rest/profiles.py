"""Profiles of the REST API: from files, or made up from the world for ids that no file holds."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from meetupkit.java_json import encode

from meetup_simulator.made_up.vocabulary import TOPICS
from meetup_simulator.made_up.world import World, photo_link, sentence
from meetup_simulator.replay import lines_of

_DAY: Final = 86_400_000
_FIRST_DAY: Final = 1_050_000_000_000
"""April 2003: Meetup was a year old."""
_DAYS: Final = 5_900
_PHOTO_ORIGIN: Final = "https://secure.meetupstatic.com"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Which ids do not exist: a share of them chosen by seed and id, and every ``every``-th number (0: none)."""

    seed: int
    share: float
    every: int

    def __call__(self, kind: str, number: int) -> bool:
        if number <= 0 or (self.every and number % self.every == 0):
            return True
        digest = hashlib.blake2b(f"{self.seed}:{kind}:{number}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) < self.share * 2**64


class Profiles:
    """All profiles of one kind. A file's line is answered byte for byte."""

    def __init__(
        self, kind: str, files: Iterable[Path], make: Callable[[int], dict[str, Any]], unknown: Unknown
    ) -> None:
        self.kind = kind
        self._make = make
        self._unknown = unknown
        self._lines = dict(_by_id(lines_of(files)))

    def line(self, number: int) -> bytes | None:
        """The profile's text, or ``None`` if there is none of that id. What a file holds exists."""
        if (line := self._lines.get(number)) is not None:
            return line
        return None if self._unknown(self.kind, number) else encode(self._make(number))


def _by_id(lines: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    for line in lines:
        profile = json.loads(line)
        if not isinstance(profile, dict) or not isinstance(profile.get("id"), int):
            raise ValueError(  # noqa: TRY004  (a wrong file, not a wrong call)
                "a line of a profile file is no JSON object with a number as its id"
            )
        yield profile["id"], line


def member_profile(world: World, number: int) -> dict[str, Any]:
    """A ``/2/members`` record; optional keys are absent as they were in recordings."""
    member, dice = world.member(number), world.dice("member profile", number)
    place = member.place
    joined = _FIRST_DAY + dice.randrange(_DAYS) * _DAY + dice.randrange(_DAY // 1000) * 1000
    profile: dict[str, Any] = {
        "country": place.country,
        "city": place.city,
        "topics": [_topic(row) for row in dice.sample(TOPICS, dice.randrange(15))],
        "joined": joined,
        "link": f"http://www.meetup.com/members/{number}",
        "lon": place.lon,
        "other_services": {name: {"identifier": who} for name, who in member.services.items()},
        "name": member.name,
        "visited": joined + dice.randrange(1000) * _DAY,
        "self": {"common": {}},
        "id": number,
        "lat": place.lat,
        "status": "prereg" if dice.random() < 0.01 else "active",
    }
    if member.photo is not None:
        profile["photo"] = _photo("member", "member", member.photo)
    if dice.random() < 0.4:
        profile["bio"] = sentence(dice, dice.randrange(3, 40))
    if place.state:
        profile["state"] = place.state
    if dice.random() < 0.7:
        profile["lang"] = "en_US"
    if dice.random() < 0.3:
        profile["hometown"] = dice.choice(("Springfield", place.city))
    return profile


def group_profile(world: World, number: int) -> dict[str, Any]:
    """A ``/2/groups`` record; its country is in upper case, unlike the streams'."""
    group, dice = world.group(number), world.dice("group profile", number)
    place = group.place
    organizer = world.any_member(dice)
    category_id, category, shortname = group.category
    profile: dict[str, Any] = {
        "utc_offset": place.offset,
        "country": place.country.upper(),
        "visibility": "public",
        "city": place.city,
        "timezone": place.timezone,
        "created": _FIRST_DAY + dice.randrange(_DAYS) * _DAY,
        "topics": [_topic(row) for row in group.topics],
        "link": f"https://www.meetup.com/{group.urlname}/",
        "rating": round(dice.uniform(3, 5), 2) if dice.random() < 0.9 else 0,
        "lon": place.lon,
        "join_mode": group.join_mode,
        "organizer": {"member_id": organizer.id, "name": organizer.name},
        "members": dice.randrange(1, 5000),
        "name": group.name,
        "id": number,
        "urlname": group.urlname,
        "category": {"name": category, "id": category_id, "shortname": shortname},
        "lat": place.lat,
        "who": dice.choice(("Members", "Friends", "Hikers", "Pythonistas")),
    }
    if dice.random() < 0.95:
        profile["description"] = f"<p>{sentence(dice, 30)}</p>\n<p>{sentence(dice, 40)}</p>"
    if group.photo is not None:
        profile["group_photo"] = _photo("event", "600", group.photo)
    if place.state:
        profile["state"] = place.state
    return profile


def _topic(row: tuple[int, str, str]) -> dict[str, Any]:
    number, urlkey, name = row
    return {"urlkey": urlkey, "name": name, "id": number}


def _photo(kind: str, size: str, number: int) -> dict[str, Any]:
    return {
        "highres_link": photo_link(kind, "highres", number),
        "photo_id": number,
        "base_url": _PHOTO_ORIGIN,
        "type": kind,
        "photo_link": photo_link(kind, size, number),
        "thumb_link": photo_link(kind, "thumb", number),
    }
