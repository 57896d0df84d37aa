"""Is what was collected complete, and what of it could not be used."""

import ibis
from ibis.expr.types import Table as Expression

from meetup_insight.marts.mart import Mart, Tables
from meetup_insight.schema import FEED_TABLES, Column, Kind, Seen, Table


def collected(tables: Tables) -> Expression:
    """By feed and day of the mtime: records read, different ones among them, and distinct ids."""
    read = tables["records_read"].group_by(["feed", "day"]).agg(records=lambda t: t.records.sum())
    parts = []
    for feed_table in FEED_TABLES:
        versions = tables[feed_table.versions.name]
        parts.append(
            versions.group_by(day=versions.mtime.date())
            .agg(versions=lambda t: t.count(), ids=lambda t, name=feed_table.newest.key[0]: t[name].nunique())
            .mutate(feed=ibis.literal(feed_table.feed.name))
        )
    joined = read.left_join(ibis.union(*parts), ["feed", "day"])
    versions = ibis.coalesce(joined.versions, 0)
    return joined.select(
        "feed",
        "day",
        "records",
        versions=versions,
        ids=ibis.coalesce(joined.ids, 0),
        duplicates=joined.records - versions,
    )


def rejected(tables: Tables) -> Expression:
    """Lines and objects that are no record."""
    return tables["rejects"].group_by(["feed", "reason"]).agg(times=lambda t: t.times.sum())


def unreadable(tables: Tables) -> Expression:
    """Values that no column can hold."""
    return tables["unreadable_fields"].group_by(["feed", "field"]).agg(records=lambda t: t.count())


def gaps(tables: Tables) -> Expression:
    """Connections before which something may be missing."""
    found = tables["connections"].filter(lambda t: t.overlap == False)  # noqa: E712  (a column, not a truth)
    return found.select("feed", "day", "number", "opened_at", "gap_from", "gap_to")


def connections(tables: Tables) -> Expression:
    """The ledger by feed and day."""
    return tables["connections"].group_by(["feed", "day"]).agg(
        connections=lambda t: t.count(),
        overlaps=lambda t: t.overlap.ifelse(1, 0).sum(),
        gaps=lambda t: (t.overlap == False).ifelse(1, 0).sum(),  # noqa: E712  (a column, not a truth)
        received=lambda t: t.received.sum(),
        stored=lambda t: t.stored.sum(),
        duplicate=lambda t: t.duplicate.sum(),
        rejected=lambda t: t.rejected.sum(),
    )  # fmt: skip


def coverage(tables: Tables) -> Expression:
    """How much of what is named is known: profiles, venues, topics."""
    members, groups, rsvps, missing = (tables[name] for name in ("members", "groups", "rsvps", "missing_profiles"))
    with_topics = groups.semi_join(tables["group_topics"], "group_id")
    everybody = members.select(one=ibis.literal(1)).union(groups.select(one=ibis.literal(1)))
    parts = [
        _covered("members with a profile", members.filter(members.has_profile).count(), members.count()),
        _covered("groups with a profile", groups.filter(groups.has_profile).count(), groups.count()),
        _covered("groups with topics", with_topics.count(), groups.count()),
        _covered("groups with a zone", groups.filter(groups.timezone.notnull()).count(), groups.count()),
        _covered("RSVPs with a venue", rsvps.filter(rsvps.venue_id.notnull()).count(), rsvps.count()),
        _covered("RSVPs with the event's time", rsvps.filter(rsvps.event_time.notnull()).count(), rsvps.count()),
        _covered("ids known to have no profile", ibis.coalesce(missing.ids.sum(), 0), everybody.count()),
    ]
    return ibis.union(*parts)


def _covered(what: str, known: ibis.expr.types.IntegerScalar, of: ibis.expr.types.IntegerScalar) -> Expression:
    found: Expression = known.name("known").as_table().cross_join(of.name("of").as_table())
    return found.select(what=ibis.literal(what), known=found.known, of=found.of)


_FEED = Column("feed", Kind.TEXT, "The feed")
_DAY = Column("day", Kind.DAY, "The day (UTC)")


def _count(name: str, meaning: str) -> Column:
    return Column(name, Kind.INTEGER, meaning)


def _published(name: str, meaning: str, keys: int, *columns: Column) -> Table:
    return Table(name, meaning, tuple(column.name for column in columns[:keys]), columns, seen=Seen.PUBLISHED)


QUALITY = (
    Mart(
        _published(
            "collected",
            "What was collected, by day",
            2,
            _FEED,
            _DAY,
            _count("records", "Records read from the object store"),
            _count("versions", "Different ones among them"),
            _count("ids", "Distinct ids"),
            _count("duplicates", "Records that were stored more than once, or are to be forgotten"),
        ),
        collected,
    ),
    Mart(
        _published(
            "rejected",
            "Lines and objects that are no record",
            2,
            _FEED,
            Column("reason", Kind.TEXT, "Why"),
            _count("times", "How many"),
        ),
        rejected,
    ),
    Mart(
        _published(
            "unreadable",
            "Values that no column can hold",
            2,
            _FEED,
            Column("field", Kind.TEXT, "The column"),
            _count("records", "In how many records"),
        ),
        unreadable,
    ),
    Mart(
        _published(
            "gaps",
            "Connections before which something may be missing",
            3,
            _FEED,
            _DAY,
            _count("number", "The connection's place in the day"),
            Column("opened_at", Kind.TIME, "When it was opened"),
            Column("gap_from", Kind.TIME, "The last mtime before the gap"),
            Column("gap_to", Kind.TIME, "The first mtime after the gap"),
        ),
        gaps,
    ),
    Mart(
        _published(
            "ledger",
            "The streams' connections, by day",
            2,
            _FEED,
            _DAY,
            _count("connections", "Connections"),
            _count("overlaps", "Before which nothing is missing"),
            _count("gaps", "Before which something may be missing"),
            _count("received", "Lines that came"),
            _count("stored", "Lines that became an object"),
            _count("duplicate", "Lines that were known"),
            _count("rejected", "Lines that are no record"),
        ),
        connections,
    ),
    Mart(
        _published(
            "coverage",
            "How much of what is named is known",
            1,
            Column("what", Kind.TEXT, "What"),
            _count("known", "How many are"),
            _count("of", "Of how many"),
        ),
        coverage,
    ),
)
