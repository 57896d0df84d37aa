"""The people, groups, events and venues of a simulated Meetup: each a function of the seed and its number.

Nothing is stored: the stream that mentions a group and the API that is asked for it agree without knowing each other.
"""

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from meetup_simulator.made_up.vocabulary import (
    ACTIVITIES,
    CATEGORIES,
    FIRST_NAMES,
    GATHERINGS,
    LAST_NAMES,
    PLACES,
    STREETS,
    TOPICS,
    VENUES,
    WORDS,
    Place,
)

MEMBERS: Final = 50_000
GROUPS: Final = 5_000
EVENTS: Final = 20_000
"""How many of each the feeds mention. About as many as a day of the real rsvps feed showed."""
_FIRST_MEMBER_ID: Final = 1_000_003
_FIRST_GROUP_ID: Final = 1_600_011
_REMEMBERED: Final = 8_192
_LETTERS: Final = "bcdfghjklmnpqrstvwxyz"
_PHOTO_HOST: Final = "https://secure.meetupstatic.com/photos"


@dataclass(frozen=True, slots=True)
class Member:
    """A person. ``services`` maps a service to an identifier there."""

    id: int
    name: str
    photo: int | None
    services: dict[str, str]
    place: Place


@dataclass(frozen=True, slots=True)
class Group:
    """A group. ``topics`` are rows of the vocabulary."""

    id: int
    name: str
    urlname: str
    place: Place
    join_mode: str
    topics: tuple[tuple[int, str, str], ...]
    category: tuple[int, str, str]
    photo: int | None


@dataclass(frozen=True, slots=True)
class Venue:
    """A place to meet. Coordinates are 0 for some, as on the wire."""

    id: int
    name: str
    address: str
    place: Place
    lat: float
    lon: float
    phone: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a group. ``lead`` is how long it starts after it is mentioned, in milliseconds."""

    id: str
    name: str
    group: Group
    venue: Venue | None
    lead: int

    @property
    def url(self) -> str:
        """Its page."""
        return f"https://www.meetup.com/{self.group.urlname}/events/{self.id}/"


class World:
    """Everything that is deterministic by seed and id."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.member = lru_cache(_REMEMBERED)(self._member)
        self.group = lru_cache(_REMEMBERED)(self._group)
        self.event = lru_cache(_REMEMBERED)(self._event)
        self.venue = lru_cache(_REMEMBERED)(self._venue)

    def dice(self, *what: object) -> random.Random:
        """Dice for one thing, always the same throws for the same seed and thing."""
        return random.Random(":".join(map(str, (self.seed, *what))))

    def any_member(self, dice: random.Random) -> Member:
        """A member; the square makes some far more active than others, as in any crowd."""
        return self.member(_FIRST_MEMBER_ID + 17 * int(MEMBERS * dice.random() ** 2))

    def any_group(self, dice: random.Random) -> Group:
        """A group."""
        return self.group(_FIRST_GROUP_ID + 13 * int(GROUPS * dice.random() ** 2))

    def any_event(self, dice: random.Random) -> Event:
        """An event."""
        return self.event(int(EVENTS * dice.random() ** 2))

    def _member(self, number: int) -> Member:
        dice = self.dice("member", number)
        name = f"{dice.choice(FIRST_NAMES)} {dice.choice(LAST_NAMES)}".strip()
        photo = photo_number(dice) if dice.random() >= 0.07 else None
        services = {"twitter": f"@{name.split(' ', maxsplit=1)[0]}{number % 97}"} if dice.random() < 0.09 else {}
        return Member(number, name, photo, services, dice.choice(PLACES))

    def _group(self, number: int) -> Group:
        dice = self.dice("group", number)
        place, topic = dice.choice(PLACES), dice.choice(TOPICS)
        name = f"{place.city} {topic[2]} {dice.choice(GATHERINGS)}"
        urlname = f"{topic[1]}-{dice.choice(GATHERINGS)}-{number}".replace("'", "")
        join_mode = dice.choices(("open", "approval", "closed"), (70, 28, 2))[0]
        topics = () if dice.random() < 0.00125 else (topic, *dice.sample(TOPICS, dice.randrange(1, 15)))
        photo = photo_number(dice) if dice.random() < 0.75 else None
        return Group(number, name, urlname, place, join_mode, topics, dice.choice(CATEGORIES), photo)

    def _event(self, index: int) -> Event:
        dice = self.dice("event", index)
        group = self.any_group(dice)
        recurring = dice.random() < 0.3
        number = "".join(dice.choices(_LETTERS, k=12)) if recurring else str(220_000_000 + index * 7)
        venue = self.venue(dice.randrange(100_000)) if dice.random() >= 0.18 else None
        return Event(number, dice.choice(ACTIVITIES), group, venue, dice.randrange(1, 60 * 24) * 3_600_000)

    def _venue(self, index: int) -> Venue:
        dice = self.dice("venue", index)
        place = dice.choice(PLACES)
        nowhere = dice.random() < 0.03
        return Venue(
            id=10_000_000 + index * 11,
            name=dice.choice(VENUES),
            address=f"{dice.randrange(1, 9999)} {dice.choice(STREETS)}",
            place=place,
            lat=0 if nowhere else round(place.lat + dice.uniform(-0.2, 0.2), 6),
            lon=0 if nowhere else round(place.lon + dice.uniform(-0.2, 0.2), 6),
            phone=f"({dice.randrange(200, 999)}) 555-{dice.randrange(10_000):04}" if dice.random() < 0.15 else None,
        )


def photo_number(dice: random.Random) -> int:
    """The number of a photo."""
    return dice.randrange(5_000_000, 480_000_000)


def photo_link(kind: str, size: str, number: int) -> str:
    """The address of a photo, as ``.../photos/event/7/0/e/2/highres_432074907.jpeg``."""
    folders = "/".join(f"{number * 40503 % 65536:04x}")
    return f"{_PHOTO_HOST}/{kind}/{folders}/{size}_{number}.jpeg"


def sentence(dice: random.Random, words: int) -> str:
    """So many words, a capital first and a full stop last."""
    return " ".join(dice.choices(WORDS, k=words)).capitalize() + "."
