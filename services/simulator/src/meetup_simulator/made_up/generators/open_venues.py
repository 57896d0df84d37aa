"""open_venues: the public places of events. No record was ever recorded; the shape is as documented."""

import random
from collections.abc import Iterator
from typing import Any, Final

from meetup_simulator.made_up.generators.clock import MtimeClock
from meetup_simulator.made_up.generators.republication import Habits, Value, republished
from meetup_simulator.made_up.world import Venue, World

HABITS: Final = Habits(
    rounded=0.1, exact=0.02, changed=0.04, change_within=(2, 60), old_bursts=1 / 4000, burst_length=(3, 20)
)
"""As for event_comments: the habits of rsvps, halved. A changed venue has another name."""
_INDEXES: Final = 100_000
_DATABASE_SECONDS: Final = 5 * 365 * 86_400
"""The venues of the database were last changed within five years."""


def open_venues(world: World, clock: MtimeClock, dice: random.Random) -> Iterator[Value]:
    """Records without end: new venues, and changes of old ones."""

    def fresh() -> Value:
        return _venue(world.venue(dice.randrange(_INDEXES)), clock.now(), dice)

    return republished(fresh, _rename, HABITS, clock, dice)


def venue_database(world: World, size: int, now: int) -> Iterator[Value]:
    """The venues that are there before the feed begins, in the order of their ids."""
    dice = world.dice("venue database")
    for index in range(size):
        mtime = (now // 1000 - dice.randrange(_DATABASE_SECONDS)) * 1000 + dice.choice((0, dice.randrange(1000)))
        yield _venue(world.venue(index), mtime, dice)


def _rename(value: Value, dice: random.Random) -> Value:
    return value | {"name": f"{value.get('name', '')} {dice.choice(('East', 'West', 'II'))}".strip()}


def _venue(venue: Venue, mtime: int, dice: random.Random) -> Value:
    """Documented: "all fields if available", except id and mtime."""
    place = venue.place
    shown: dict[str, Any] = {
        "zip": place.zip,
        "country": place.country,
        "city": place.city,
        "address_1": venue.address,
        "name": venue.name,
        "lon": venue.lon,
        "lat": venue.lat,
    }
    shown = {name: value for name, value in shown.items() if name in ("country", "city") or dice.random() >= 0.05}
    if venue.phone is not None:
        shown["phone"] = venue.phone
    if dice.random() < 0.03:
        shown["address_2"] = f"Floor {dice.randrange(1, 30)}"
    if dice.random() < 0.005:
        shown["address_3"] = "Back entrance"
    shown["id"] = venue.id
    if place.state:
        shown["state"] = place.state
    return shown | {"mtime": mtime}
