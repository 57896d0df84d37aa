"""A node of today's API as the record or profile that the old one sent, without its mtime. Pure."""

from typing import Any, Final

from meetup_gateway.translating.rows import Translation, at, translate
from meetup_gateway.translating.tables import GROUPS, MEMBERS, OPEN_EVENTS, OPEN_VENUES, PHOTOS, RSVPS
from meetup_gateway.translating.values import Untranslatable, moment, zone_offset_ms
from meetup_gateway.translating.venues import physical_venues, rsvp_venue

Node = dict[str, Any]
_FEE_FOR: Final = "per person"
"""What nearly every recorded fee said; today's API has no text for it."""


def rsvp_record(rsvp: Node, event: Node, group: Node) -> Translation:
    """A record of ``rsvps``."""
    venue = rsvp_venue(rsvp, event)
    return translate(
        RSVPS, {"rsvp": rsvp, "event": event, "group": group, "member": rsvp.get("member"), "venue": venue}
    )


def event_record(event: Node, group: Node) -> Translation:
    """A record of ``open_events``."""
    venues = physical_venues(event)
    given = {
        "event": {**event, "length": _length(event)},
        "group": group,
        "venue": venues[0] if venues else None,
        "venue_visibility": "members" if event.get("venues") is None else "public",
        "fee_description": _FEE_FOR if event.get("feeSettings") else None,
    }
    return translate(OPEN_EVENTS, given)


def venue_record(venue: Node) -> Translation:
    """A record of ``open_venues``."""
    return translate(OPEN_VENUES, {"venue": venue})


def photo_record(photo: Node, event: Node | None, group: Node) -> Translation:
    """A record of ``photos``."""
    return translate(PHOTOS, {"photo": photo, "event": event, "group": group})


def member_profile(member: Node) -> Translation:
    """A profile of ``/2/members``."""
    return translate(MEMBERS, {"member": member})


def group_profile(group: Node, now_ms: int) -> Translation:
    """A profile of ``/2/groups``."""
    return translate(
        GROUPS,
        {"group": group, "organizer": group.get("organizer"), "utc_offset": _offset(group.get("timezone"), now_ms)},
    )


def _offset(timezone: Any, now_ms: int) -> int | None:
    try:
        return zone_offset_ms(timezone, now_ms)
    except Untranslatable:
        return None


def _length(event: Node) -> str | None:
    """From start to end, where no duration is said."""
    if event.get("duration") is not None or not at(event, "endTime") or not at(event, "dateTime"):
        return None
    try:
        seconds = int((moment(event["endTime"]) - moment(event["dateTime"])).total_seconds())
    except Untranslatable:
        return None
    return f"PT{seconds}S" if seconds > 0 else None
