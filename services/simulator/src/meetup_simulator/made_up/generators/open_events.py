"""open_events: public events as they are announced, edited, canceled."""

import random
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from meetup_simulator.made_up.generators.clock import MtimeClock
from meetup_simulator.made_up.generators.event_comments import stream_group
from meetup_simulator.made_up.generators.republication import Habits, Value, republished
from meetup_simulator.made_up.world import Event, Venue, World, sentence

HABITS: Final = Habits(
    rounded=0.0, exact=0.02, changed=0.22, change_within=(1, 60), old_bursts=1 / 1500, burst_length=(20, 295)
)
"""Recorded: 1,289 ids in 1,680 records; one burst of 295 old events."""
_STATUSES: Final = (("upcoming", "suggested", "proposed", "canceled", "deleted"), (88, 3, 2, 5, 2))
_DAY: Final = 86_400_000
_OCCURRENCES: Final = 4
"""A change to a recurring event is broadcast for each occurrence of the next days."""


def open_events(world: World, clock: MtimeClock, dice: random.Random) -> Iterator[Value]:
    """Records without end."""
    occurrences: deque[Value] = deque()

    def fresh() -> Value:
        if occurrences:
            return occurrences.popleft() | {"mtime": clock.now()}
        event = world.any_event(dice)
        value = _event(event, clock.now(), dice)
        if not event.id.isdigit():
            occurrences.extend(_next_occurrences(event, value, dice))
        return value

    return republished(fresh, _edit, HABITS, clock, dice)


def _next_occurrences(event: Event, value: Value, dice: random.Random) -> Iterator[Value]:
    if "time" not in value:
        return
    for day in range(1, dice.randint(1, _OCCURRENCES)):
        number = f"{event.id[:-1]}{'bcdfghjk'[day]}"
        url = value["event_url"].replace(event.id, number)
        yield value | {"id": number, "event_url": url, "time": value["time"] + day * _DAY}


def _edit(value: Value, dice: random.Random) -> Value:
    """An edit: more answers, another status, another description."""
    edited = value | {"yes_rsvp_count": value["yes_rsvp_count"] + dice.randrange(4)}
    if dice.random() < 0.2:
        edited["status"] = dice.choice(("canceled", "deleted"))
    return edited


def _event(event: Event, now: int, dice: random.Random) -> Value:
    group = event.group
    hidden = dice.random() < 0.13
    value: dict[str, Any] = {
        "rsvp_limit": dice.choice((0, 0, 0, 10, 30)),
        "venue_visibility": "members" if hidden else "public",
        "visibility": "public",
        "maybe_rsvp_count": dice.choice((0, 0, 0, 2)),
        "mtime": now,
        "event_url": event.url,
        "yes_rsvp_count": dice.randrange(60),
        "payment_required": "1" if dice.random() < 0.05 else "0",
        "name": event.name,
        "id": event.id,
        "group": stream_group(group),
        "status": dice.choices(*_STATUSES)[0],
    }
    if dice.random() < 0.98:
        value["utc_offset"] = group.place.offset
        value["time"] = (now + event.lead) // 3_600_000 * 3_600_000
    if event.venue is not None and not hidden:
        value["venue"] = _venue(event.venue, dice)
    if dice.random() < 0.9:
        value["description"] = _description(dice)
    if dice.random() < 0.6:
        value["duration"] = dice.choice((1, 2, 3, 8)) * 3_600_000
    if value["payment_required"] == "1" or dice.random() < 0.08:
        value["fee"] = {"description": "per person", "amount": dice.choice((5, 12.5, 20.0)), "currency": "USD"}
    return value


def _description(dice: random.Random) -> str:
    """HTML; the longest recorded line was 21 kB, most were a tenth of that."""
    paragraphs = min(60, 1 + int(dice.expovariate(0.25)))
    return " \n".join(f"<p>{sentence(dice, dice.randrange(5, 60))}</p>" for _ in range(paragraphs))


def _venue(venue: Venue, dice: random.Random) -> dict[str, Any]:
    """Recorded of 1,156 venues: zip 546, state 846, coordinates 1,092, phone 171, address_2 32; either case."""
    place = venue.place
    shown: dict[str, Any] = {
        "country": place.country.upper() if dice.random() < 0.1 else place.country,
        "city": place.city,
        "address_1": venue.address,
        "name": venue.name,
    }
    if dice.random() < 0.47:
        shown["zip"] = place.zip
    if venue.phone is not None:
        shown["phone"] = venue.phone
    if dice.random() < 0.03:
        shown["address_2"] = f"Floor {dice.randrange(1, 30)}"
    if place.state:
        shown["state"] = place.state
    if dice.random() < 0.945:
        shown |= {"lon": venue.lon, "lat": venue.lat}
    return shown
