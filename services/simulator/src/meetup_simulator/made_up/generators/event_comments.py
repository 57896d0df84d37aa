"""event_comments: what members write under events."""

import random
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from meetup_simulator.made_up.generators.clock import MtimeClock
from meetup_simulator.made_up.generators.republication import Habits, Value, republished
from meetup_simulator.made_up.generators.rsvps import FORMER_MEMBER, stream_member
from meetup_simulator.made_up.world import Group, World, photo_link, sentence

HABITS: Final = Habits(
    rounded=0.1, exact=0.02, changed=0.04, change_within=(5, 200), old_bursts=1 / 4000, burst_length=(3, 20)
)
"""No rate was ever recorded; they are those of rsvps, halved. A changed comment is a deleted one."""


def event_comments(world: World, clock: MtimeClock, dice: random.Random) -> Iterator[Value]:
    """Records without end. About one id in ten is negative, as the only recorded one is."""
    numbers = count(490_000_000 + 5 * clock.before, 5)

    def fresh() -> Value:
        event = world.any_event(dice)
        number = next(numbers)
        value: dict[str, Any] = {
            "visibility": "public",
            "member": FORMER_MEMBER if dice.random() < 0.005 else stream_member(world.any_member(dice)),
            "comment": _comment(dice),
            "id": -number if dice.random() < 0.1 else number,
            "mtime": clock.now(),
            "event": {"event_name": event.name, "event_id": event.id},
            "table_name": "event_comment",
            "group": stream_group(event.group),
            "status": "active",
        }
        if dice.random() < 0.33:
            value["in_reply_to"] = number - 5 * dice.randint(1, 50)
            value["status"] = value.pop("status")  # behind in_reply_to, with which it shares a bucket
        return value

    return republished(fresh, _delete, HABITS, clock, dice)


def _delete(value: Value, _dice: random.Random) -> Value:
    """Documented: a deleted comment is sent again, with status "deleted"."""
    return value | {"status": "deleted"}


def _comment(dice: random.Random) -> str:
    text = sentence(dice, dice.randrange(1, 40))
    oddity = dice.random()
    if oddity < 0.02:
        return f"{text}\u2028{sentence(dice, 5)}"  # raw on the wire: only \n ends a record
    return f'{text}\n"{sentence(dice, 4)}"\t🎉' if oddity < 0.1 else text


def stream_group(group: Group) -> dict[str, Any]:
    """A group as event_comments and open_events show one."""
    number, name, shortname = group.category
    shown: dict[str, Any] = {
        "join_mode": group.join_mode,
        "country": group.place.country,
        "city": group.place.city,
        "name": group.name,
        "group_lon": group.place.lon,
        "id": group.id,
        "urlname": group.urlname,
        "category": {"name": name, "id": number, "shortname": shortname},
        "group_lat": group.place.lat,
    }
    if group.place.state:
        shown["state"] = group.place.state
    if group.photo is not None:
        shown["group_photo"] = {
            "highres_link": photo_link("event", "highres", group.photo),
            "photo_link": photo_link("event", "600", group.photo),
            "photo_id": group.photo,
            "thumb_link": photo_link("event", "thumb", group.photo),
        }
    return shown
