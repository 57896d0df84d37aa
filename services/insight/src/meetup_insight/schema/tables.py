"""Profiles, what is derived from records and profiles, and the warehouse's own books."""

from typing import Final

from meetup_insight.schema.columns import Column, Kind, Seen, Table
from meetup_insight.schema.feeds import FEED_TABLES, GROUPS_SEEN, TOPICS_SEEN, VENUES_SEEN

MEMBER_PROFILES: Final = Table(
    "member_profiles",
    "Members' profiles, without name, picture and biography",
    ("member",),
    (
        Column("member", Kind.MEMBER, "The member, by keyed hash", ("id",)),
        Column("status", Kind.TEXT, "active, prereg, ...", ("status",)),
        Column("city", Kind.TEXT, "The member's city", ("city",)),
        Column("state", Kind.TEXT, "The member's state", ("state",)),
        Column("country", Kind.TEXT, "The member's country", ("country",)),
        Column("lang", Kind.TEXT, "The member's language", ("lang",)),
        Column("joined", Kind.TIME, "When the member joined Meetup", ("joined",)),
        Column("fetched", Kind.TIME, "When the profile was looked up"),
    ),
)
GROUP_PROFILES: Final = Table(
    "group_profiles",
    "Groups' profiles, without description and organizer",
    ("group_id",),
    (
        Column("group_id", Kind.INTEGER, "The group", ("id",)),
        Column("name", Kind.TEXT, "Its name", ("name",)),
        Column("urlname", Kind.TEXT, "Its name in addresses", ("urlname",)),
        Column("city", Kind.TEXT, "Its city", ("city",)),
        Column("state", Kind.TEXT, "Its state", ("state",)),
        Column("country", Kind.TEXT, "Its country", ("country",)),
        Column("latitude", Kind.LATITUDE, "Where it is", ("lat",)),
        Column("longitude", Kind.LONGITUDE, "Where it is", ("lon",)),
        Column("join_mode", Kind.TEXT, "open, approval or closed", ("join_mode",)),
        Column("category", Kind.TEXT, "Its category", ("category", "name")),
        Column("timezone", Kind.TEXT, "Its zone, as IANA names it", ("timezone",)),
        Column("members", Kind.INTEGER, "How many members it has", ("members",)),
        Column("created", Kind.TIME, "When it was founded", ("created",)),
        Column("fetched", Kind.TIME, "When the profile was looked up"),
    ),
)
MEMBER_PROFILE_TOPICS: Final = Table(
    "member_profile_topics",
    "Topics that members name in their profiles",
    ("member", "topic"),
    (
        Column("member", Kind.MEMBER, "The member, by keyed hash"),
        Column("topic", Kind.TEXT, "The topic's urlkey"),
        Column("name", Kind.TEXT, "Its name"),
        Column("topic_id", Kind.INTEGER, "Its number"),
    ),
)
GROUP_PROFILE_TOPICS: Final = Table(
    "group_profile_topics",
    "Topics that groups name in their profiles",
    ("group_id", "topic"),
    (
        Column("group_id", Kind.INTEGER, "The group"),
        Column("topic", Kind.TEXT, "The topic's urlkey"),
        Column("name", Kind.TEXT, "Its name"),
        Column("topic_id", Kind.INTEGER, "Its number"),
    ),
)
REJECTS: Final = Table(
    "rejects",
    "Lines and objects that are no record, each once; the bytes stay in the object store",
    ("feed", "reason", "object", "digest"),
    (
        Column("feed", Kind.TEXT, "The feed"),
        Column("reason", Kind.TEXT, "Why, as the stream counts it; or broken_segment, unknown_object"),
        Column("object", Kind.TEXT, "Where it lies"),
        Column("digest", Kind.TEXT, "SHA-256 of the line; empty for a whole object"),
        Column("times", Kind.INTEGER, "How often the object holds it"),
    ),
)
UNREADABLE: Final = Table(
    "unreadable_fields",
    "Fields whose value no column can hold: the record is in its table with nothing in this column",
    ("feed", "record", "mtime", "body_key", "field"),
    (
        Column("feed", Kind.TEXT, "The feed, or the kind of profile"),
        Column("record", Kind.TEXT, "The record's id; of a member's profile the keyed hash"),
        Column("mtime", Kind.TIME, "The record's mtime"),
        Column("body_key", Kind.INTEGER, "Checksums of the record"),
        Column("field", Kind.TEXT, "The column"),
    ),
)
READ: Final = Table(
    "records_read",
    "How many records were read from the object store, repeats among them",
    ("feed", "object", "day"),
    (
        Column("feed", Kind.TEXT, "The feed"),
        Column("object", Kind.TEXT, "The segment; empty for all objects of one record"),
        Column("day", Kind.DAY, "The day of their mtime (UTC)"),
        Column("records", Kind.INTEGER, "How many"),
    ),
)
CONNECTIONS: Final = Table(
    "connections",
    "The streams' ledger: one row for each connection",
    ("feed", "day", "number"),
    (
        Column("feed", Kind.TEXT, "The feed"),
        Column("day", Kind.DAY, "The day of the ledger (UTC)"),
        Column("number", Kind.INTEGER, "Its place in that day"),
        Column("opened_at", Kind.TIME, "When it was opened", ("opened_at",)),
        Column("closed_at", Kind.TIME, "When it ended", ("closed_at",)),
        Column("cause", Kind.TEXT, "How it ended", ("cause",)),
        Column("received", Kind.INTEGER, "Whole lines that came", ("received",)),
        Column("stored", Kind.INTEGER, "Lines that became an object", ("stored",)),
        Column("duplicate", Kind.INTEGER, "Lines that were known", ("duplicate",)),
        Column("rejected", Kind.INTEGER, "Lines that are no record", ("rejected",)),
        Column("overlap", Kind.FLAG, "Whether nothing is missing before it; false: a possible gap", ("overlap",)),
        Column("gap_from", Kind.TIME, "The last mtime before it", ("mtime_before",)),
        Column("gap_to", Kind.TIME, "Its first mtime", ("first_mtime",)),
    ),
)
SOURCES: Final = Table(
    "loaded_objects",
    "Objects that are in the tables",
    ("object",),
    (Column("feed", Kind.TEXT, "The feed"), Column("object", Kind.TEXT, "Its name")),
)
LOADED_DOCUMENTS: Final = Table(
    "loaded_documents",
    "Profiles that are in the tables, at which version",
    ("kind", "document"),
    (
        Column("kind", Kind.TEXT, "members or groups"),
        Column("document", Kind.TEXT, "The name; of a member by keyed hash"),
        Column("version", Kind.TEXT, "The store's version"),
    ),
)
MISSING_PROFILES: Final = Table(
    "missing_profiles",
    "How many ids the enricher knows to have no profile",
    ("kind",),
    (Column("kind", Kind.TEXT, "members or groups"), Column("ids", Kind.INTEGER, "How many")),
)
BUILDS: Final = Table(
    "builds",
    "Builds of this warehouse",
    ("finished_at",),
    (
        Column("started_at", Kind.TIME, "When it began"),
        Column("finished_at", Kind.TIME, "When it was published"),
        Column("objects", Kind.INTEGER, "Objects that were new to it"),
        Column("rows", Kind.INTEGER, "Versions that were new to it"),
    ),
)
FORGOTTEN: Final = Table(
    "forgotten",
    "Members that asked to be forgotten: no row of theirs is taken in",
    ("member",),
    (Column("member", Kind.MEMBER, "The member, by keyed hash"),),
)
SETTINGS: Final = Table(
    "warehouse_settings",
    "What the warehouse was made with",
    ("name",),
    (Column("name", Kind.TEXT, "Of what"), Column("value", Kind.TEXT, "What it is")),
)

GROUPS: Final = Table(
    "groups",
    "Groups: the profile where there is one, else the newest description in a record",
    ("group_id",),
    (
        Column("group_id", Kind.INTEGER, "The group"),
        Column("name", Kind.TEXT, "Its name"),
        Column("urlname", Kind.TEXT, "Its name in addresses"),
        Column("city", Kind.TEXT, "Its city"),
        Column("state", Kind.TEXT, "Its state"),
        Column("country", Kind.TEXT, "Its country, two small letters"),
        Column("latitude", Kind.LATITUDE, "Where it is"),
        Column("longitude", Kind.LONGITUDE, "Where it is"),
        Column("join_mode", Kind.TEXT, "open, approval or closed"),
        Column("category", Kind.TEXT, "Its category"),
        Column("timezone", Kind.TEXT, "Its zone: the profile's, else that of the nearest city of its country"),
        Column("members", Kind.INTEGER, "How many members it has, as its profile says"),
        Column("has_profile", Kind.FLAG, "Whether its profile was looked up"),
    ),
    seen=Seen.PUBLISHED,
)
MEMBERS: Final = Table(
    "members",
    "Members: everyone who did something or has a profile",
    ("member",),
    (
        Column("member", Kind.MEMBER, "The member, by keyed hash"),
        Column("country", Kind.TEXT, "The member's country, as the profile says"),
        Column("joined", Kind.TIME, "When the member joined Meetup, as the profile says"),
        Column("rsvps", Kind.INTEGER, "RSVPs of the member"),
        Column("first_seen", Kind.TIME, "The first mtime of an RSVP"),
        Column("last_seen", Kind.TIME, "The last mtime of an RSVP"),
        Column("has_profile", Kind.FLAG, "Whether the profile was looked up"),
    ),
)
TOPICS: Final = Table(
    "topics",
    "Topics, by urlkey",
    ("topic",),
    (
        Column("topic", Kind.TEXT, "The topic's urlkey"),
        Column("name", Kind.TEXT, "Its name"),
        Column("groups", Kind.INTEGER, "Groups that have it"),
    ),
    seen=Seen.PUBLISHED,
)
GROUP_TOPICS: Final = Table(
    "group_topics",
    "Topics of groups: the profile's where there is one, else those of the newest record",
    ("group_id", "topic"),
    (Column("group_id", Kind.INTEGER, "The group"), Column("topic", Kind.TEXT, "The topic's urlkey")),
    seen=Seen.PUBLISHED,
)
MEMBER_TOPICS: Final = Table(
    "member_topics",
    "Topics of members: those of the profile, and those of groups they said yes to",
    ("member", "topic", "source"),
    (
        Column("member", Kind.MEMBER, "The member, by keyed hash"),
        Column("topic", Kind.TEXT, "The topic's urlkey"),
        Column("source", Kind.TEXT, "profile or rsvp"),
    ),
)
ZONES: Final = Table(
    "zone_offsets",
    "How far zones are from UTC, and from when to when",
    ("timezone", "valid_from"),
    (
        Column("timezone", Kind.TEXT, "The zone, as IANA names it"),
        Column("valid_from", Kind.TIME, "From when (UTC)"),
        Column("valid_until", Kind.TIME, "Until when (UTC)"),
        Column("offset_minutes", Kind.INTEGER, "Minutes to add to UTC"),
    ),
)
GROUP_ZONES: Final = Table(
    "group_zones",
    "The zone of each group that has a place or a profile",
    ("group_id",),
    (
        Column("group_id", Kind.INTEGER, "The group"),
        Column("timezone", Kind.TEXT, "Its zone, as IANA names it"),
    ),
)

STAGING: Final = (
    *(table for feed in FEED_TABLES for table in (feed.newest, feed.versions)),
    GROUPS_SEEN,
    VENUES_SEEN,
    TOPICS_SEEN,
    MEMBER_PROFILES,
    GROUP_PROFILES,
    MEMBER_PROFILE_TOPICS,
    GROUP_PROFILE_TOPICS,
    REJECTS,
    UNREADABLE,
    READ,
    CONNECTIONS,
    MISSING_PROFILES,
    GROUP_ZONES,
    ZONES,
)
"""What loading fills."""
BOOKS: Final = (SOURCES, LOADED_DOCUMENTS, BUILDS, FORGOTTEN, SETTINGS)
"""What the warehouse keeps about itself."""
TABLES: Final = (*STAGING, GROUPS, MEMBERS, TOPICS, GROUP_TOPICS, MEMBER_TOPICS)
"""What people ask for by name."""
SCHEMA_VERSION: Final = "1"
"""Raised with every change of a staging table: an older warehouse is then built anew from the raw records."""
