"""rsvps: who will come to what."""

import random
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from meetup_simulator.made_up.generators.clock import MtimeClock
from meetup_simulator.made_up.generators.republication import Habits, Value, republished
from meetup_simulator.made_up.world import Event, Group, Member, World, photo_link

HABITS: Final = Habits(
    rounded=0.19,
    exact=0.025,
    changed=0.03,
    change_within=(20, 400),
    old_bursts=1 / 8000,
    burst_length=(5, 40),
)
"""Recorded: 14 to 25 % repeat an rsvp_id, 11 to 21 % have whole seconds, 11.5 to 18 % of the steps go back."""
_ONLINE: Final = {"venue_name": "Online event", "lon": 179.1962, "lat": -8.521147, "venue_id": 26906060}
FORMER_MEMBER: Final = {"member_id": 0, "member_name": "Former Member"}


def rsvps(world: World, clock: MtimeClock, dice: random.Random) -> Iterator[Value]:
    """Records without end."""
    numbers = count(1_726_000_000 + 3 * clock.before, 3)

    def fresh() -> Value:
        event, now = world.any_event(dice), clock.now()
        value: dict[str, Any] = {
            "visibility": "public",
            "response": "no" if dice.random() < 0.2 else "yes",
            "guests": _guests(dice),
            "member": _member(world, dice),
            "rsvp_id": next(numbers),
            "mtime": now,
            "event": _event(event, now, dice),
            "group": _group(event.group),
        }
        if event.venue is not None:
            value["venue"] = _venue(event, dice)
        return value

    return republished(fresh, _change, HABITS, clock, dice)


def _change(value: Value, dice: random.Random) -> Value:
    """Somebody thinks again: yes becomes no, or more guests come."""
    if dice.random() < 0.7:
        return value | {"response": "no" if value["response"] == "yes" else "yes"}
    return value | {"guests": value["guests"] + 1}


def _guests(dice: random.Random) -> int:
    """Recorded: 4 to 8 % bring guests, once 58 of them."""
    if dice.random() >= 0.06:
        return 0
    return min(58, 1 + int(dice.expovariate(0.6)) ** 2)


def _member(world: World, dice: random.Random) -> dict[str, Any]:
    if dice.random() < 0.002:
        return FORMER_MEMBER
    member = world.any_member(dice)
    shown = stream_member(member)
    if member.services:
        shown["other_services"] = {name: {"identifier": who} for name, who in member.services.items()}
    return shown


def stream_member(member: Member) -> dict[str, Any]:
    """A member as rsvps and event_comments show one; 5 to 9 % have no photo."""
    shown: dict[str, Any] = {"member_id": member.id, "member_name": member.name}
    if member.photo is not None:
        shown["photo"] = photo_link("member", "thumb", member.photo)
    return shown


def _event(event: Event, now: int, dice: random.Random) -> dict[str, Any]:
    shown: dict[str, Any] = {"event_name": event.name, "event_id": event.id, "event_url": event.url}
    if dice.random() >= 0.007:
        shown["time"] = (now + event.lead) // 3_600_000 * 3_600_000
    return shown


def _group(group: Group) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "group_topics": [{"urlkey": urlkey, "topic_name": name} for _, urlkey, name in group.topics],
        "group_city": group.place.city,
        "group_country": group.place.country,
        "group_id": group.id,
        "group_name": group.name,
        "group_lon": group.place.lon,
        "group_urlname": group.urlname,
        "group_lat": group.place.lat,
    }
    if group.place.state:
        shown["group_state"] = group.place.state
    return shown


def _venue(event: Event, dice: random.Random) -> dict[str, Any]:
    venue = event.venue
    if venue is None or dice.random() < 0.04:
        return _ONLINE
    return {"venue_name": venue.name, "lon": venue.lon, "lat": venue.lat, "venue_id": venue.id}
