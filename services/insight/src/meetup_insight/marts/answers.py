"""How people answer: share of yes, changes of mind, guests, lead time, hour and weekday. Never "no-show": no record
says who came."""

import ibis
from ibis.expr.types import Table as Expression

from meetup_insight.marts.mart import (
    MOST_GUESTS,
    Mart,
    Tables,
    enough,
    hours_between,
    lead_bucket,
    lead_order,
    wilson,
)
from meetup_insight.schema import Column, Kind, Seen, Table

_FIGURES = (
    Column("members", Kind.INTEGER, "Distinct members who answered"),
    Column("rsvps", Kind.INTEGER, "RSVPs, each by its newest version"),
    Column("yes", Kind.INTEGER, "Of them yes"),
    Column("yes_share", Kind.FLOAT, "Share of yes"),
    Column("yes_low", Kind.FLOAT, "Lower end of its 95 % interval"),
    Column("yes_high", Kind.FLOAT, "Upper end of its 95 % interval"),
    Column("changed", Kind.INTEGER, "RSVPs that were yes first and no later"),
    Column("guests", Kind.INTEGER, f"Guests of the yes, at most {MOST_GUESTS} of each"),
    Column("guests_capped", Kind.INTEGER, "RSVPs with more guests than that"),
)


def answered(tables: Tables) -> Expression:
    """RSVPs of known members, with whether the member went back on a yes."""
    rsvps, versions = tables["rsvps"], tables["rsvps_versions"]
    yes = versions.filter(versions.response == "yes").group_by("rsvp_id").agg(said_yes=lambda t: t.mtime.min())
    joined = rsvps.filter(rsvps.member.notnull()).left_join(yes, "rsvp_id").drop("rsvp_id_right")
    return joined.mutate(
        is_yes=(joined.response == "yes").ifelse(1, 0),
        is_changed=((joined.response == "no") & (joined.said_yes < joined.mtime)).ifelse(1, 0),
        lead_hours=hours_between(joined.mtime, joined.event_time),
        capped_guests=ibis.least(ibis.greatest(ibis.coalesce(joined.guests, 0), 0), MOST_GUESTS),
        is_capped=(ibis.coalesce(joined.guests, 0) > MOST_GUESTS).ifelse(1, 0),
    )


def figures(rows: Expression, *by: str) -> Expression:
    """The figures of each cell that stands on enough members."""
    cells = rows.group_by(list(by)).agg(
        members=lambda t: t.member.nunique(),
        rsvps=lambda t: t.count(),
        yes=lambda t: t.is_yes.sum(),
        changed=lambda t: t.is_changed.sum(),
        guests=lambda t: (t.capped_guests * t.is_yes).sum(),
        guests_capped=lambda t: t.is_capped.sum(),
    )
    kept = enough(cells)
    share, low, high = wilson(kept.yes, kept.rsvps)
    return kept.mutate(yes_share=share, yes_low=low, yes_high=high)


def by_group(tables: Tables) -> Expression:
    """Of each group."""
    rows = answered(tables)
    return figures(rows.filter(rows.group_id.notnull()), "group_id")


def by_topic(tables: Tables) -> Expression:
    """Of the groups that have the topic."""
    joined = answered(tables).join(tables["group_topics"], "group_id")
    return figures(joined, "topic")


def by_lead(tables: Tables) -> Expression:
    """By how long before the event the newest answer was given."""
    rows = answered(tables)
    timed = rows.filter(rows.lead_hours.notnull())
    return figures(
        timed.mutate(lead=lead_bucket(timed.lead_hours), place=lead_order(timed.lead_hours)), "lead", "place"
    )


def named_events(tables: Tables) -> Expression:
    """Events with a beginning, as RSVPs and open events name them."""
    rsvps, events = tables["rsvps"], tables["events"]
    named = rsvps.filter(rsvps.event_id.notnull()).group_by("event_id").agg(
        group_id=lambda t: t.group_id.max(), event_time=lambda t: t.event_time.max()
    )  # fmt: skip
    opened = events.select("event_id", "group_id", "event_time", "utc_offset", "status")
    both = named.outer_join(opened, "event_id")
    found = both.select(
        event_id=ibis.coalesce(both.event_id, both.event_id_right),
        group_id=ibis.coalesce(both.group_id_right, both.group_id),
        event_time=ibis.coalesce(both.event_time_right, both.event_time),
        own_minutes=(both.utc_offset / 60000).cast("int64"),
        status=both.status,
    )
    return found.filter(found.event_time.notnull())


def event_times(tables: Tables) -> Expression:
    """Events with a beginning, in their own zone."""
    zoned = _zoned(named_events(tables), tables)
    minutes = ibis.coalesce(zoned.own_minutes, zoned.offset_minutes)
    source = ibis.cases(
        (zoned.own_minutes.notnull(), "event"), (zoned.offset_minutes.notnull(), "zone"), else_="unknown"
    )
    return zoned.mutate(offset_minutes=minutes, offset_source=source)


def _zoned(events: Expression, tables: Tables) -> Expression:
    zones = tables["group_zones"].rename(zone_group="group_id")
    offsets = tables["zone_offsets"].rename(zone="timezone")
    grouped = events.left_join(zones, [("group_id", "zone_group")]).drop("zone_group").view()
    return grouped.left_join(
        offsets,
        [
            grouped.timezone == offsets.zone,
            grouped.event_time >= offsets.valid_from,
            grouped.event_time < offsets.valid_until,
        ],
    ).select(*events.columns, "offset_minutes")


def by_hour(tables: Tables) -> Expression:
    """RSVPs by hour and weekday of their event, in the event's own zone."""
    events = event_times(tables)
    local = events.filter(events.offset_minutes.notnull())
    seconds = local.event_time.epoch_seconds() + local.offset_minutes * 60
    # 1970-01-01 was a Thursday: by whole days since, which both engines count alike. 0 is Monday.
    clock = local.select(
        event=local.event_id,
        hour=(seconds % 86400 / 3600).floor().cast("int64"),
        day=((seconds / 86400).floor() + 3).cast("int64") % 7,
    )
    rows = answered(tables)
    joined = rows.join(clock, [("event_id", "event")])
    cells = figures(joined, "day", "hour")
    counted = joined.group_by(["day", "hour"]).agg(events=lambda t: t.event_id.nunique())
    return cells.join(counted, ["day", "hour"])


def _table(name: str, meaning: str, key: tuple[Column, ...], more: tuple[Column, ...] = ()) -> Table:
    names = tuple(column.name for column in key)
    return Table(name, meaning, names, (*key, *more, *_FIGURES), seen=Seen.PUBLISHED)


_GROUP = Column("group_id", Kind.INTEGER, "The group")
ANSWERS: tuple[Mart, ...] = (
    Mart(_table("answers_by_group", "How a group's members answer", (_GROUP,)), by_group),
    Mart(
        _table(
            "answers_by_topic",
            "How members answer events of groups with a topic",
            (Column("topic", Kind.TEXT, "The topic's urlkey"),),
        ),
        by_topic,
    ),
    Mart(
        _table(
            "answers_by_lead",
            "How members answer, by how long before the event",
            (Column("lead", Kind.TEXT, "How long before"),),
            (Column("place", Kind.INTEGER, "The order of the leads"),),
        ),
        by_lead,
    ),
    Mart(
        _table(
            "answers_by_hour",
            "How members answer, by hour and weekday of the event in its own zone",
            (
                Column("day", Kind.INTEGER, "The weekday, 0 is Monday"),
                Column("hour", Kind.INTEGER, "The hour, 0 to 23"),
            ),
            (Column("events", Kind.INTEGER, "Distinct events"),),
        ),
        by_hour,
    ),
)
