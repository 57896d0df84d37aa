"""Which of an event's venues is the one the old records had: the first that one can go to. Pure."""

from typing import Any, Final

ONLINE_TYPE: Final = "online"
ONLINE_VENUE: Final[dict[str, Any]] = {
    "id": "26906060",
    "name": "Online event",
    "lat": -8.521147,
    "lon": 179.1962,
}
"""What the streams showed from 2020 on for an event without a place, as recorded in 2021."""


def is_online(venue: dict[str, Any]) -> bool:
    """Whether it is the placeholder, by its type or by its id."""
    kind = venue.get("venueType")
    return (isinstance(kind, str) and kind.lower() == ONLINE_TYPE) or str(venue.get("id")) == ONLINE_VENUE["id"]


def physical_venues(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The venues that one can go to, in their order."""
    venues = event.get("venues")
    return [venue for venue in _nodes(venues) if not is_online(venue)]


def rsvp_venue(rsvp: dict[str, Any], event: dict[str, Any]) -> dict[str, Any] | None:
    """The RSVP's own venue, else the event's; the placeholder for an event that is only online."""
    own = rsvp.get("venue")
    if isinstance(own, dict) and not is_online(own):
        return own
    if found := physical_venues(event):
        return found[0]
    online = isinstance(own, dict) or bool(_nodes(event.get("venues")))
    return ONLINE_VENUE if online else None


def _nodes(venues: object) -> list[dict[str, Any]]:
    return [venue for venue in venues if isinstance(venue, dict)] if isinstance(venues, list) else []
