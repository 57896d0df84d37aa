"""One generator function for each feed. A new feed is a row of meetupkit's feed table and one more function here."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from meetupkit.java_json import encode

from meetup_simulator.made_up.generators.clock import MtimeClock, Pause
from meetup_simulator.made_up.generators.event_comments import event_comments
from meetup_simulator.made_up.generators.open_events import open_events
from meetup_simulator.made_up.generators.open_venues import open_venues
from meetup_simulator.made_up.generators.photos import photos
from meetup_simulator.made_up.generators.republication import Value
from meetup_simulator.made_up.generators.rsvps import rsvps
from meetup_simulator.made_up.world import World

Generator = Callable[[World, MtimeClock, random.Random], Iterator[Value]]

GENERATORS: Final[Mapping[str, Generator]] = {
    "open_events": open_events,
    "open_venues": open_venues,
    "event_comments": event_comments,
    "photos": photos,
    "rsvps": rsvps,
}
NATURAL_RATES: Final[Mapping[str, float]] = {
    "open_events": 0.15,
    "open_venues": 0.1,
    "event_comments": 0.5,
    "photos": 0.4,
    "rsvps": 1.32,
}
"""Records per second. rsvps and open_events as recorded; the others are known only to be lower than rsvps."""


def generated(
    feed: str, world: World, *, start: int, rate: float, pause: Pause | None = None, before: int = 0
) -> Iterator[bytes]:
    """Encoded records of the feed without end.

    ``start`` is the first mtime in milliseconds; mtimes advance by the rate, with rate 0 by the feed's natural one.
    After a ``pause`` its records come first, and the numbers of records go on behind the ``before`` of former starts.
    """
    dice = world.dice("feed", feed, *([start] if pause else []))
    clock = MtimeClock(start, rate or NATURAL_RATES[feed], dice, pause=pause, before=before)
    return map(encode, GENERATORS[feed](world, clock, dice))
