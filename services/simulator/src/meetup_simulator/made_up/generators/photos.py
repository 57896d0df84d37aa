"""photos: what members upload to the albums of groups. No record was ever recorded; the shape is as documented."""

import random
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from meetup_simulator.made_up.generators.clock import MtimeClock
from meetup_simulator.made_up.generators.republication import Habits, Value, republished
from meetup_simulator.made_up.world import Event, World, photo_link, sentence

HABITS: Final = Habits(
    rounded=0.1, exact=0.02, changed=0.04, change_within=(2, 60), old_bursts=1 / 4000, burst_length=(3, 20)
)
"""As for event_comments: the habits of rsvps, halved. A changed photo has a new caption."""


def photos(world: World, clock: MtimeClock, dice: random.Random) -> Iterator[Value]:
    """Records without end."""
    numbers = count(430_000_000 + 3 * clock.before, 3)

    def fresh() -> Value:
        number, member, now = next(numbers), world.any_member(dice), clock.now()
        value: dict[str, Any] = {
            "photo_album": _album(world.any_event(dice), dice),
            "highres_link": photo_link("event", "highres", number),
            "photo_id": number,
            "member": {"member_id": member.id, "name": member.name},
            "ctime": now,
            "mtime": now,
            "photo_link": photo_link("event", "600", number),
            "thumb_link": photo_link("event", "thumb", number),
        }
        if dice.random() < 0.23:
            value["caption"] = sentence(dice, dice.randrange(1, 8))
        return value

    return republished(fresh, _caption, HABITS, clock, dice)


def _caption(value: Value, dice: random.Random) -> Value:
    return value | {"caption": sentence(dice, dice.randrange(1, 8))}


def _album(event: Event, dice: random.Random) -> dict[str, Any]:
    group = event.group
    shown: dict[str, Any] = {
        "join_mode": group.join_mode,
        "country": group.place.country,
        "group_topics": [{"urlkey": urlkey, "topic_name": name} for _, urlkey, name in group.topics],
        "city": group.place.city,
        "name": group.name,
        "group_lon": group.place.lon,
        "id": group.id,
        "urlname": group.urlname,
        "group_lat": group.place.lat,
    }
    if group.place.state:
        shown["state"] = group.place.state
    album: dict[str, Any] = {"photo_album_id": 22_000_000 + group.id % 1_000_000, "group": shown}
    if dice.random() < 0.85:
        album["event"] = {"name": event.name, "id": event.id}
    return album
