"""Every field of today's API that the gateway may ask for. A query that names another one fails a test."""

from collections.abc import Mapping
from typing import Final

ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "Query": frozenset({"group", "groupByUrlname", "event", "proNetwork", "groupSearch", "self", "__type"}),
    "Group": frozenset(
        {
            "id", "name", "urlname", "city", "country", "state", "lat", "lon", "isPrivate", "joinMode", "status",
            "activeTopics", "topicCategory", "keyGroupPhoto", "link", "description", "timezone", "foundedDate",
            "customMemberLabel", "stats", "organizer", "venues", "events",
        }
    ),
    "Event": frozenset(
        {
            "id", "token", "title", "description", "status", "dateTime", "endTime", "duration", "createdTime",
            "eventUrl", "eventType", "maxTickets", "venues", "feeSettings", "featuredEventPhoto", "photoAlbum",
            "rsvps", "group",
        }
    ),
    "Rsvp": frozenset({"id", "status", "updated", "guestsCount", "venue", "member"}),
    "Member": frozenset(
        {
            "id", "name", "bio", "city", "country", "state", "lat", "lon", "memberUrl", "preferredLocale",
            "startDate", "status", "memberPhoto",
        }
    ),
    "Venue": frozenset(
        {"id", "name", "address", "city", "state", "country", "postalCode", "lat", "lon", "venueType"}
    ),
    "Topic": frozenset({"id", "urlkey", "name"}),
    "TopicCategory": frozenset({"id", "urlkey", "name"}),
    "PhotoInfo": frozenset({"id", "highResUrl", "standardUrl", "thumbUrl"}),
    "EventFeeSettings": frozenset({"required", "amount", "currency"}),
    "EventPhotoAlbum": frozenset({"id"}),
    "GroupStats": frozenset({"memberCounts", "eventRatings"}),
    "GroupMemberCounts": frozenset({"all"}),
    "GroupStatsEventRatings": frozenset({"average"}),
    "ProNetwork": frozenset({"id", "eventsSearch", "groupsSearch"}),
    "RsvpConnection": frozenset(
        {"yesCount", "noCount", "waitlistCount", "totalCount", "pageInfo", "edges"}
    ),
    "__Type": frozenset({"name", "kind", "ofType", "fields"}),
    "__Field": frozenset({"name", "isDeprecated", "type"}),
}  # fmt: skip
"""By type. Connections, edges and pages of other lists hold nothing of their own: ``LISTS``."""
LISTS: Final = frozenset({"edges", "node", "pageInfo", "totalCount", "hasNextPage", "endCursor", "__typename"})
FORBIDDEN: Final = frozenset(
    {
        "email", "birthday", "gender", "zip", "username", "answer", "payStatus", "dues", "duesSettings",
        "emailAnnounceAddress", "contactEmail", "membershipMetadata", "howToFindUs", "zoomMeetingId", "notifications",
    }
)  # fmt: skip
"""Named besides, so that no edit of the list above lets one in."""
