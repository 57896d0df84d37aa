"""How each event filled: its yes at some hours before it began, counted from its RSVPs and as Meetup counted them."""

import ibis
from ibis.expr.types import Table as Expression

from meetup_insight.marts.answers import named_events
from meetup_insight.marts.mart import Mart, Tables
from meetup_insight.models.fullness import LEADS
from meetup_insight.schema import Column, Kind, Table

_HOUR = 3_600
_MOMENTS = {"yes_start": 0, **{f"yes_{lead}": lead * _HOUR for lead in LEADS}}
"""By column, how many seconds before the event."""


def event_yes(tables: Tables) -> Expression:
    """Each event with a beginning and a group."""
    found = named_events(tables)
    events = found.filter(found.group_id.notnull()).select("event_id", "group_id", "event_time", "status")
    limits = tables["events"].select(
        limited="event_id", rsvp_limit=tables["events"].rsvp_limit, told=tables["events"].yes_rsvp_count
    )
    named = events.left_join(limits, events.event_id == limits.limited)
    answers, counts = _answered(events, tables), _counted(events, tables)
    both = named.left_join(answers, named.event_id == answers.answered_id)
    both = both.left_join(counts, both.event_id == counts.counted_id)
    larger = {
        name: ibis.greatest(ibis.coalesce(both[f"answered_{name}"], 0), ibis.coalesce(both[f"counted_{name}"], 0))
        for name in _MOMENTS
    }
    now = ibis.greatest(ibis.coalesce(both.members, 0), ibis.coalesce(both.told, 0))
    return both.mutate(members=ibis.coalesce(both.members, 0), yes_now=now, **larger)


def _answered(events: Expression, tables: Tables) -> Expression:
    """From RSVPs: each version counts from its own mtime to that of the next one."""
    rsvps = tables["rsvps_versions"]
    of_members = rsvps.filter(rsvps.member.notnull() & rsvps.event_id.notnull())
    lasting = _lasting(of_members, "rsvp_id").select(
        "began", "ended", answered_id="event_id", who="member", yes=(of_members.response == "yes").ifelse(1, 0)
    )
    joined = lasting.join(events, lasting.answered_id == events.event_id)
    return joined.group_by("answered_id").agg(
        members=lambda t: t.who.nunique(where=(t.yes == 1) & t.ended.isnull()),
        **{
            f"answered_{name}": lambda t, before=before: t.yes.sum(where=_stands(t, before))
            for name, before in _MOMENTS.items()
        },
    )


def _counted(events: Expression, tables: Tables) -> Expression:
    """From the events' own records, which hold Meetup's count."""
    told = tables["events_versions"]
    lasting = _lasting(told, "event_id").select("began", "ended", counted_id="event_id", count="yes_rsvp_count")
    joined = lasting.join(events, lasting.counted_id == events.event_id)
    return joined.group_by("counted_id").agg(
        **{
            f"counted_{name}": lambda t, before=before: t["count"].max(where=_stands(t, before))
            for name, before in _MOMENTS.items()
        }
    )


def _lasting(versions: Expression, key: str) -> Expression:
    """From when to when each version was the newest, in seconds; ``ended`` is nothing for those that still are."""
    order = ibis.window(group_by=key, order_by=["mtime", "body_key"])
    return versions.mutate(
        began=versions.mtime.epoch_seconds(), ended=versions.mtime.lead().over(order).epoch_seconds()
    )


def _stands(rows: Expression, before: int) -> ibis.expr.types.BooleanValue:
    """Whether a version was the newest so many seconds before the event."""
    moment = rows.event_time.epoch_seconds() - before
    return (rows.began <= moment) & (rows.ended.isnull() | (rows.ended > moment))


EVENTS: tuple[Mart, ...] = (
    Mart(
        Table(
            "event_yes",
            "How events filled: their yes at hours before they began, as RSVPs and Meetup's own counts say",
            ("event_id",),
            (
                Column("event_id", Kind.ID, "The event"),
                Column("group_id", Kind.INTEGER, "Its group"),
                Column("event_time", Kind.TIME, "When it begins"),
                Column("status", Kind.TEXT, "upcoming, canceled, deleted, ..."),
                Column("rsvp_limit", Kind.INTEGER, "How many may come; 0: any number"),
                Column("members", Kind.INTEGER, "Distinct members who say yes, by their newest RSVP"),
                Column("yes_now", Kind.INTEGER, "Its yes by the newest records"),
                Column("yes_start", Kind.INTEGER, "Its yes when it began"),
                *(Column(f"yes_{lead}", Kind.INTEGER, f"Its yes {lead} hours before") for lead in LEADS),
            ),
        ),
        event_yes,
    ),
)
