"""How the records of each feed fill tables: one row of versions for each record, and the parts that records share."""

from dataclasses import dataclass
from typing import Final

from meetupkit.feeds import FEEDS, Feed, Path

from meetup_insight.schema.columns import Column, Kind, Table

VERSION_OF: Final = (
    Column("mtime", Kind.TIME, "When this version was made, as Meetup says", ("mtime",)),
    Column("body_key", Kind.INTEGER, "Checksums of the bytes: tells two bodies of one id and mtime apart"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """An object inside a record that many records repeat: a group, a venue.

    It fills ``table`` (each set of facts once, with the first and last mtime), and the record keeps only its id.
    """

    path: Path
    table: Table
    paths: tuple[Path, ...]
    """Where the part holds the table's columns, ``first_seen`` and ``last_seen`` apart."""
    topics: tuple[Path, str, str] | None = None
    """Where its topics lie, and their keys of urlkey and name."""


@dataclass(frozen=True, slots=True)
class FeedTable:
    """A feed's newest records (``newest``) and all versions of them (``versions``): the same columns."""

    feed: Feed
    newest: Table
    versions: Table
    parts: tuple[Part, ...]


def _column(name: str, kind: Kind, meaning: str, dotted: str) -> Column:
    return Column(name, kind, meaning, tuple(dotted.split(".")))


_SEEN: Final = (
    Column("first_seen", Kind.TIME, "The first mtime of a record that says so"),
    Column("last_seen", Kind.TIME, "The last mtime of a record that says so"),
)
GROUPS_SEEN: Final = Table(
    "groups_seen",
    "Groups as records describe them: each description once",
    (
        "group_id",
        "last_seen",
        "first_seen",
        "name",
        "urlname",
        "city",
        "state",
        "country",
        "latitude",
        "longitude",
        "join_mode",
        "category",
    ),
    (
        Column("group_id", Kind.INTEGER, "The group"),
        Column("name", Kind.TEXT, "Its name"),
        Column("urlname", Kind.TEXT, "Its name in addresses"),
        Column("city", Kind.TEXT, "Its city"),
        Column("state", Kind.TEXT, "Its state, where countries have them"),
        Column("country", Kind.TEXT, "Its country, two letters"),
        Column("latitude", Kind.LATITUDE, "Where it is"),
        Column("longitude", Kind.LONGITUDE, "Where it is"),
        Column("join_mode", Kind.TEXT, "open, approval or closed"),
        Column("category", Kind.TEXT, "Its category"),
        *_SEEN,
    ),
)
VENUES_SEEN: Final = Table(
    "venues_seen",
    "Venues as RSVPs describe them: each description once",
    ("venue_id", "last_seen", "first_seen", "name", "latitude", "longitude"),
    (
        Column("venue_id", Kind.INTEGER, "The venue"),
        Column("name", Kind.TEXT, "Its name"),
        Column("latitude", Kind.LATITUDE, "Where it is"),
        Column("longitude", Kind.LONGITUDE, "Where it is"),
        *_SEEN,
    ),
)
TOPICS_SEEN: Final = Table(
    "group_topics_seen",
    "Topics that records name for a group, and from when to when",
    ("group_id", "topic"),
    (
        Column("group_id", Kind.INTEGER, "The group"),
        Column("topic", Kind.TEXT, "The topic's urlkey"),
        Column("name", Kind.TEXT, "Its name"),
        *_SEEN,
    ),
)


def _group(base: str, prefix: str, *, topics: bool, category: bool) -> Part:
    """The group of a record; the feeds name its fields with and without ``group_``."""
    names = ("id", "name", "urlname", "city", "state", "country")
    paths: list[Path] = [(prefix + name,) for name in names]
    paths += [("group_lat",), ("group_lon",), ("join_mode",)]
    paths.append(("category", "name") if category else ("category_name",))
    found = (("group_topics",), "urlkey", "topic_name") if topics else None
    return Part(tuple(base.split(".")), GROUPS_SEEN, tuple(paths), found)


_VENUE: Final = Part(("venue",), VENUES_SEEN, (("venue_id",), ("venue_name",), ("lat",), ("lon",)))


def _feed_table(feed: str, name: str, meaning: str, columns: tuple[Column, ...], parts: tuple[Part, ...]) -> FeedTable:
    key = columns[0].name
    all_columns = (columns[0], *VERSION_OF, *columns[1:], *(_part_id(part) for part in parts))
    cluster = ("group_id",) if parts and parts[0].table is GROUPS_SEEN else (key,)

    def table(ending: str, text: str, keys: tuple[str, ...]) -> Table:
        return Table(f"{name}{ending}", f"{meaning}: {text}", keys, all_columns, day="mtime", cluster=cluster)

    return FeedTable(
        FEEDS[feed],
        table("", "the newest version of each id", (key,)),
        table("_versions", "all versions", (key, "mtime", "body_key")),
        parts,
    )


def _part_id(part: Part) -> Column:
    column = part.table.columns[0]
    return Column(column.name, column.kind, column.meaning, (*part.path, *part.paths[0]))


_RSVPS: Final = _feed_table(
    "rsvps",
    "rsvps",
    "RSVPs",
    (
        _column("rsvp_id", Kind.INTEGER, "The RSVP: one for each member and event", "rsvp_id"),
        _column("response", Kind.TEXT, "yes, no, or waitlist", "response"),
        _column("guests", Kind.INTEGER, "Guests the member brings", "guests"),
        _column("visibility", Kind.TEXT, "public or members", "visibility"),
        _column("member", Kind.MEMBER, "The member, by keyed hash", "member.member_id"),
        _column("event_id", Kind.ID, "The event", "event.event_id"),
        _column("event_name", Kind.TEXT, "Its name", "event.event_name"),
        _column("event_time", Kind.TIME, "When it begins", "event.time"),
    ),
    (_group("group", "group_", topics=True, category=False), _VENUE),
)
_EVENTS: Final = _feed_table(
    "open_events",
    "events",
    "Events",
    (
        _column("event_id", Kind.ID, "The event", "id"),
        _column("name", Kind.TEXT, "Its name", "name"),
        _column("status", Kind.TEXT, "upcoming, canceled, deleted, ...", "status"),
        _column("visibility", Kind.TEXT, "public or members", "visibility"),
        _column("event_time", Kind.TIME, "When it begins", "time"),
        _column("utc_offset", Kind.INTEGER, "Its zone's distance from UTC then, in milliseconds", "utc_offset"),
        _column("duration", Kind.INTEGER, "How long it lasts, in milliseconds", "duration"),
        _column("rsvp_limit", Kind.INTEGER, "How many may come; 0: any number", "rsvp_limit"),
        _column("yes_rsvp_count", Kind.INTEGER, "How many said yes", "yes_rsvp_count"),
        _column("maybe_rsvp_count", Kind.INTEGER, "How many said maybe", "maybe_rsvp_count"),
        _column("fee_amount", Kind.FLOAT, "What it costs", "fee.amount"),
        _column("fee_currency", Kind.TEXT, "In which currency", "fee.currency"),
        _column("venue_visibility", Kind.TEXT, "public or members", "venue_visibility"),
        _column("venue_name", Kind.TEXT, "Its venue (open_events names no venue id)", "venue.name"),
        _column("venue_city", Kind.TEXT, "The venue's city", "venue.city"),
        _column("venue_state", Kind.TEXT, "The venue's state", "venue.state"),
        _column("venue_country", Kind.TEXT, "The venue's country", "venue.country"),
        _column("venue_latitude", Kind.LATITUDE, "Where the venue is", "venue.lat"),
        _column("venue_longitude", Kind.LONGITUDE, "Where the venue is", "venue.lon"),
    ),
    (_group("group", "", topics=False, category=True),),
)
_VENUES: Final = _feed_table(
    "open_venues",
    "venues",
    "Venues",
    (
        _column("venue_id", Kind.INTEGER, "The venue", "id"),
        _column("name", Kind.TEXT, "Its name", "name"),
        _column("city", Kind.TEXT, "Its city", "city"),
        _column("state", Kind.TEXT, "Its state", "state"),
        _column("country", Kind.TEXT, "Its country, two letters", "country"),
        _column("latitude", Kind.LATITUDE, "Where it is", "lat"),
        _column("longitude", Kind.LONGITUDE, "Where it is", "lon"),
    ),
    (),
)
_COMMENTS: Final = _feed_table(
    "event_comments",
    "comments",
    "Comments, without their text",
    (
        _column("comment_id", Kind.INTEGER, "The comment", "id"),
        _column("status", Kind.TEXT, "active or deleted", "status"),
        _column("visibility", Kind.TEXT, "public or members", "visibility"),
        _column("in_reply_to", Kind.INTEGER, "The comment it answers", "in_reply_to"),
        _column("member", Kind.MEMBER, "Who wrote it, by keyed hash", "member.member_id"),
        _column("event_id", Kind.ID, "The event", "event.event_id"),
    ),
    (_group("group", "", topics=False, category=True),),
)
_PHOTOS: Final = _feed_table(
    "photos",
    "photos",
    "Photos, without picture and caption",
    (
        _column("photo_id", Kind.INTEGER, "The photo", "photo_id"),
        _column("created", Kind.TIME, "When it was uploaded", "ctime"),
        _column("album_id", Kind.INTEGER, "Its album", "photo_album.photo_album_id"),
        _column("member", Kind.MEMBER, "Who uploaded it, by keyed hash", "member.member_id"),
        _column("event_id", Kind.ID, "The event", "photo_album.event.id"),
    ),
    (_group("photo_album.group", "", topics=True, category=False),),
)
FEED_TABLES: Final = (_EVENTS, _VENUES, _COMMENTS, _PHOTOS, _RSVPS)
"""One for each row of the feed table; a test says so."""
