"""Every field of every old record: a row that says where it comes from, or a line in ``ABSENT`` that says why not."""

from collections.abc import Mapping
from typing import Any, Final

from meetup_gateway.translating.rows import row
from meetup_gateway.translating.values import (
    Untranslatable,
    count,
    duration_ms,
    filled,
    flag,
    locale,
    lower,
    ms,
    number,
    number_id,
    offset_ms,
    rating,
    text,
    text_id,
    upper,
    visibility,
)

RESPONSES: Final[Mapping[str, str]] = {
    "YES": "yes",
    "YES_PENDING_PAYMENT": "yes",
    "ATTENDED": "yes",
    "NO_SHOW": "yes",
    "NO": "no",
    "EXCUSED_ABSENCE": "no",
    "WAITLIST": "waitlist",
}
"""A no-show answered yes. ``MAYBE`` and ``HAVENT`` are no answers."""
NO_ANSWERS: Final = frozenset({"MAYBE", "HAVENT"})
EVENT_STATUSES: Final[Mapping[str, str]] = {
    "ACTIVE": "upcoming",
    "AUTOSCHED": "upcoming",
    "CANCELLED": "canceled",
    "CANCELLED_PERM": "canceled",
    "AUTOSCHED_CANCELLED": "canceled",
    "PROPOSED": "proposed",
}
SILENT_STATUSES: Final = frozenset(
    {"DRAFT", "AUTOSCHED_DRAFT", "TEMPLATE", "PENDING", "BLOCKED", "PAST", "AUTOSCHED_FINISHED"}
)
"""Nobody was told of these: not public yet, not public any more, or over."""
_MEMBER_STATUSES: Final = {"PREREGISTERED": "prereg"}


def response(value: Any) -> str:
    """What a member answered."""
    if text(value) not in RESPONSES:
        raise Untranslatable("an answer that is not known")
    return RESPONSES[value]


def event_status(value: Any) -> str:
    """What an event is."""
    if text(value) not in EVENT_STATUSES:
        raise Untranslatable("a status that is not shown, or not known")
    return EVENT_STATUSES[value]


def member_status(value: Any) -> str:
    """``active`` and ``prereg`` are the two that were recorded."""
    return _MEMBER_STATUSES.get(text(value), text(value).lower())


def paid(value: Any) -> str:
    """The old records wrote it as a text."""
    return "1" if flag(value) else "0"


def topics(value: Any) -> list[dict[str, Any]]:
    """Of ``rsvps``: key and name."""
    found = _topics(value)
    return [{"urlkey": topic["urlkey"], "topic_name": topic["name"]} for topic in found]


def profile_topics(value: Any) -> list[dict[str, Any]]:
    """Of ``/2/groups``: key, name and id."""
    return _topics(value)


def _topics(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise Untranslatable("not a list of topics")
    found = []
    for topic in value:
        if isinstance(topic, dict) and topic.get("urlkey") and topic.get("name"):
            shown: dict[str, Any] = {"urlkey": text(topic["urlkey"]), "name": text(topic["name"])}
            if topic.get("id"):
                shown["id"] = number_id(topic["id"])
            found.append(shown)
    return found


# Rows stand in an order in which keys that share a bucket of Java's HashMap keep their recorded order (a test holds
# them to the recordings); ``mtime`` comes before all of them.

RSVPS: Final = (
    row("rsvp_id", "rsvp.id", convert=number_id, required=True),
    row("response", "rsvp.status", convert=response, required=True),
    row("guests", "rsvp.guestsCount", convert=count, default=0),
    row("visibility", "group.isPrivate", convert=visibility, default="public"),
    row("venue.lat", "venue.lat", convert=number),
    row("venue.venue_id", "venue.id", convert=number_id),
    row("venue.venue_name", "venue.name"),
    row("venue.lon", "venue.lon", convert=number),
    row("member.member_id", "member.id", convert=number_id),
    row("member.member_name", "member.name"),
    row("member.photo", "member.memberPhoto.thumbUrl", convert=filled),
    row("event.event_id", "event.token", "event.id", convert=text_id, required=True),
    row("event.event_name", "event.title"),
    row("event.time", "event.dateTime", convert=ms),
    row("event.event_url", "event.eventUrl", convert=filled),
    row("group.group_id", "group.id", convert=number_id),
    row("group.group_name", "group.name"),
    row("group.group_urlname", "group.urlname"),
    row("group.group_topics", "group.activeTopics", convert=topics),
    row("group.group_city", "group.city", convert=filled),
    row("group.group_country", "group.country", convert=lower),
    row("group.group_state", "group.state", convert=filled),
    row("group.group_lat", "group.lat", convert=number),
    row("group.group_lon", "group.lon", convert=number),
)

_GROUP_OF_EVENT: Final = (
    row("group.group_lon", "group.lon", convert=number),
    row("group.id", "group.id", convert=number_id, required=True),
    row("group.name", "group.name"),
    row("group.urlname", "group.urlname"),
    row("group.city", "group.city", convert=filled),
    row("group.join_mode", "group.joinMode", convert=lower),
    row("group.country", "group.country", convert=lower),
    row("group.state", "group.state", convert=filled),
    row("group.group_lat", "group.lat", convert=number),
    row("group.category.id", "group.topicCategory.id", convert=number_id),
    row("group.category.name", "group.topicCategory.name"),
    row("group.category.shortname", "group.topicCategory.urlkey"),
    row("group.group_photo.photo_link", "group.keyGroupPhoto.standardUrl", convert=filled),
    row("group.group_photo.photo_id", "group.keyGroupPhoto.id", convert=number_id),
    row("group.group_photo.highres_link", "group.keyGroupPhoto.highResUrl", convert=filled),
    row("group.group_photo.thumb_link", "group.keyGroupPhoto.thumbUrl", convert=filled),
)

OPEN_EVENTS: Final = (
    row("id", "event.token", "event.id", convert=text_id, required=True),
    row("name", "event.title"),
    row("event_url", "event.eventUrl", convert=filled),
    row("description", "event.description", convert=filled),
    row("time", "event.dateTime", convert=ms),
    row("utc_offset", "event.dateTime", convert=offset_ms),
    row("duration", "event.duration", "event.length", convert=duration_ms),
    row("yes_rsvp_count", "event.rsvps.yesCount", convert=count, default=0),
    row("maybe_rsvp_count", "nothing", convert=count, default=0),
    row("venue.name", "venue.name"),
    row("venue.address_1", "venue.address", convert=filled),
    row("venue.city", "venue.city", convert=filled),
    row("venue.state", "venue.state", convert=filled),
    row("venue.country", "venue.country", convert=lower),
    row("venue.zip", "venue.postalCode", convert=filled),
    row("venue.lat", "venue.lat", convert=number),
    row("venue.lon", "venue.lon", convert=number),
    row("rsvp_limit", "event.maxTickets", convert=count, default=0),
    row("payment_required", "event.feeSettings.required", convert=paid, default="0"),
    row("fee.amount", "event.feeSettings.amount", convert=number),
    row("fee.currency", "event.feeSettings.currency", convert=filled),
    row("fee.description", "fee_description"),
    row("venue_visibility", "venue_visibility", default="public"),
    row("visibility", "group.isPrivate", convert=visibility, default="public"),
    row("photo_url", "event.featuredEventPhoto.standardUrl", "event.featuredEventPhoto.highResUrl", convert=filled),
    *_GROUP_OF_EVENT,
    row("status", "event.status", convert=event_status, required=True),
)

OPEN_VENUES: Final = (
    row("id", "venue.id", convert=number_id, required=True),
    row("name", "venue.name", convert=filled),
    row("address_1", "venue.address", convert=filled),
    row("city", "venue.city", convert=filled),
    row("state", "venue.state", convert=filled),
    row("country", "venue.country", convert=lower),
    row("zip", "venue.postalCode", convert=filled),
    row("lat", "venue.lat", convert=number),
    row("lon", "venue.lon", convert=number),
)

PHOTOS: Final = (
    row("photo_id", "photo.id", convert=number_id, required=True),
    row("highres_link", "photo.highResUrl", convert=filled),
    row("photo_link", "photo.standardUrl", convert=filled),
    row("thumb_link", "photo.thumbUrl", convert=filled),
    row("photo_album.photo_album_id", "event.photoAlbum.id", convert=number_id),
    row("photo_album.event.id", "event.token", "event.id", convert=text_id),
    row("photo_album.event.name", "event.title"),
    row("photo_album.group.group_lon", "group.lon", convert=number),
    row("photo_album.group.id", "group.id", convert=number_id, required=True),
    row("photo_album.group.name", "group.name"),
    row("photo_album.group.urlname", "group.urlname"),
    row("photo_album.group.city", "group.city", convert=filled),
    row("photo_album.group.state", "group.state", convert=filled),
    row("photo_album.group.join_mode", "group.joinMode", convert=lower),
    row("photo_album.group.country", "group.country", convert=lower),
    row("photo_album.group.group_lat", "group.lat", convert=number),
    row("photo_album.group.group_topics", "group.activeTopics", convert=topics),
)

MEMBERS: Final = (
    row("id", "member.id", convert=number_id, required=True),
    row("name", "member.name"),
    row("bio", "member.bio", convert=filled),
    row("city", "member.city", convert=filled),
    row("country", "member.country", convert=lower),
    row("state", "member.state", convert=filled),
    row("lat", "member.lat", convert=number),
    row("lon", "member.lon", convert=number),
    row("link", "member.memberUrl", convert=filled),
    row("lang", "member.preferredLocale", convert=locale),
    row("joined", "member.startDate", convert=ms),
    row("photo.photo_id", "member.memberPhoto.id", convert=number_id),
    row("photo.highres_link", "member.memberPhoto.highResUrl", convert=filled),
    row("photo.photo_link", "member.memberPhoto.standardUrl", convert=filled),
    row("photo.thumb_link", "member.memberPhoto.thumbUrl", convert=filled),
    row("status", "member.status", convert=member_status),
    row("self.common", "nothing", default={}),
)

GROUPS: Final = (
    row("id", "group.id", convert=number_id, required=True),
    row("name", "group.name"),
    row("urlname", "group.urlname"),
    row("link", "group.link", convert=filled),
    row("description", "group.description", convert=filled),
    row("city", "group.city", convert=filled),
    row("state", "group.state", convert=filled),
    row("country", "group.country", convert=upper),
    row("lat", "group.lat", convert=number),
    row("lon", "group.lon", convert=number),
    row("timezone", "group.timezone", convert=filled),
    row("utc_offset", "utc_offset", convert=number),
    row("created", "group.foundedDate", convert=ms),
    row("join_mode", "group.joinMode", convert=lower),
    row("visibility", "group.isPrivate", convert=visibility, default="public"),
    row("who", "group.customMemberLabel", convert=filled),
    row("members", "group.stats.memberCounts.all", convert=count),
    row("rating", "group.stats.eventRatings.average", convert=rating),
    row("organizer.member_id", "organizer.id", convert=number_id),
    row("organizer.name", "organizer.name"),
    row("organizer.photo.photo_id", "organizer.memberPhoto.id", convert=number_id),
    row("organizer.photo.highres_link", "organizer.memberPhoto.highResUrl", convert=filled),
    row("organizer.photo.photo_link", "organizer.memberPhoto.standardUrl", convert=filled),
    row("organizer.photo.thumb_link", "organizer.memberPhoto.thumbUrl", convert=filled),
    row("topics", "group.activeTopics", convert=profile_topics),
    row("category.id", "group.topicCategory.id", convert=number_id),
    row("category.name", "group.topicCategory.name"),
    row("category.shortname", "group.topicCategory.urlkey"),
    row("group_photo.photo_link", "group.keyGroupPhoto.standardUrl", convert=filled),
    row("group_photo.photo_id", "group.keyGroupPhoto.id", convert=number_id),
    row("group_photo.highres_link", "group.keyGroupPhoto.highResUrl", convert=filled),
    row("group_photo.thumb_link", "group.keyGroupPhoto.thumbUrl", convert=filled),
)

TABLES: Final = {
    "rsvps": RSVPS,
    "open_events": OPEN_EVENTS,
    "open_venues": OPEN_VENUES,
    "photos": PHOTOS,
    "members": MEMBERS,
    "groups": GROUPS,
}

ABSENT: Final[Mapping[str, Mapping[str, str]]] = {
    "rsvps": {"member.other_services": "not in today's API"},
    "open_events": {
        "venue.address_2": "today's venues have one address",
        "venue.address_3": "today's venues have one address",
        "venue.phone": "not in today's API",
    },
    "open_venues": {
        "address_2": "today's venues have one address",
        "address_3": "today's venues have one address",
        "phone": "not in today's API",
    },
    "photos": {
        "member": "a photo's uploader is not in today's API",
        "ctime": "not in today's API",
        "caption": "not in today's API",
    },
    "event_comments": {"*": "comments were removed from today's API"},
    "members": {
        "topics": "interests of members were removed from today's API",
        "visited": "only shown per group, to its organiser",
        "hometown": "not in today's API",
        "other_services": "not in today's API",
        "photo.base_url": "the addresses are whole",
        "photo.type": "the addresses are whole",
    },
    "groups": {
        "group_photo.base_url": "the addresses are whole",
        "group_photo.type": "the addresses are whole",
        "organizer.photo.base_url": "the addresses are whole",
        "organizer.photo.type": "the addresses are whole",
    },
}
"""Old fields that nothing in today's API can fill; never made up."""

_FRAGMENT_TYPES: Final[Mapping[str, str]] = {
    "event": "Event",
    "group": "Group",
    "rsvp": "Rsvp",
    "venue": "Venue",
    "event.featuredEventPhoto": "PhotoInfo",
    "event.feeSettings": "EventFeeSettings",
}


def _fields_of() -> dict[str, tuple[str, ...]]:
    """For each ``Type.field``, the keys of an event's record that come from it."""
    found: dict[str, tuple[str, ...]] = {
        "Event.venues": ("venue", "venue_visibility"),
        "Event.dateTime": ("duration",),  # without one it is told by start and end
        "Event.endTime": ("duration",),
    }
    for each in OPEN_EVENTS:
        for source in each.sources:
            parts = source.split(".")
            for length in range(1, len(parts)):
                kind = _FRAGMENT_TYPES.get(".".join(parts[:length]))
                if kind:
                    field = f"{kind}.{parts[length]}"
                    found[field] = (*found.get(field, ()), each.old)
    return found


FIELDS_OF: Final[Mapping[str, tuple[str, ...]]] = _fields_of()
"""What a record of ``open_events`` loses when the API loses a field: that is no change of the event."""
