"""Topics over time: which rise, which fall, and how sure that is."""

import ibis
from ibis.expr.types import Table as Expression

from meetup_insight.marts.mart import LEAST_MEMBERS, Z95, Z99, Mart, Tables, monday, wilson
from meetup_insight.schema import Column, Kind, Seen, Table

_WINDOW_DAYS = 28
"""The recent and the earlier window, where the data are long enough; four weeks hold each weekday four times."""


def _acts(tables: Tables) -> Expression:
    """Who said yes to a group when."""
    rsvps = tables["rsvps"]
    yes = rsvps.filter((rsvps.response == "yes") & rsvps.member.notnull() & rsvps.group_id.notnull())
    return yes.select("member", "group_id", "mtime", day=yes.mtime.date())


def by_week(tables: Tables) -> Expression:
    """Each topic's share of the members who said yes in a week."""
    acts = _acts(tables)
    acts = acts.mutate(week=monday(acts.mtime))
    total = acts.group_by("week").agg(active=lambda t: t.member.nunique())
    cells = acts.join(tables["group_topics"], "group_id").group_by(["topic", "week"]).agg(
        members=lambda t: t.member.nunique(), rsvps=lambda t: t.count()
    )  # fmt: skip
    joined = cells.filter(cells.members >= LEAST_MEMBERS).join(total, "week")
    share, low, high = wilson(joined.members, joined.active)
    return joined.mutate(share=share, share_low=low, share_high=high)


def rising(tables: Tables) -> Expression:
    """The recent window against the one before it: both are as long as half of the data, and four weeks at most."""
    acts = _acts(tables)
    seconds = acts.mutate(second=acts.mtime.epoch_seconds())
    span = seconds.agg(end=seconds.second.max(), start=seconds.second.min())
    span = span.mutate(width=ibis.least((span.end - span.start) / 2 + 1, float(_WINDOW_DAYS * 86400)))
    windowed = seconds.cross_join(span).filter(lambda t: t.second > t.end - 2 * t.width)
    windowed = windowed.mutate(recent=(windowed.second > windowed.end - windowed.width).ifelse(1, 0))
    total = _two(windowed, "active")
    cells = _two(windowed.join(tables["group_topics"], "group_id").view(), "members", "topic")
    joined = cells.filter((cells.members_now >= LEAST_MEMBERS) & (cells.members_before >= LEAST_MEMBERS)).cross_join(
        total
    )
    return _compared(joined)


def _two(rows: Expression, name: str, *by: str) -> Expression:
    """Distinct members of both windows."""
    found = {
        f"{name}_now": rows.member.nunique(where=rows.recent == 1),
        f"{name}_before": rows.member.nunique(where=rows.recent == 0),
    }
    return rows.group_by(list(by)).agg(**found) if by else rows.agg(**found)


def _compared(cells: Expression) -> Expression:
    """The logarithm of the ratio of two shares, which is nearly normal, with its interval."""
    now, before = cells.members_now.cast("float64"), cells.members_before.cast("float64")
    all_now, all_before = cells.active_now.cast("float64"), cells.active_before.cast("float64")
    ratio = ((now / all_now) / (before / all_before)).ln()
    error = ibis.greatest(1 / now - 1 / all_now + 1 / before - 1 / all_before, 0.0).sqrt()
    direction = ibis.cases(
        (ratio - Z99 * error > 0, "rising"), (ratio + Z99 * error < 0, "falling"), else_="steady or unclear"
    )
    return cells.mutate(
        share_now=now / all_now,
        share_before=before / all_before,
        change=ratio.exp() - 1,
        change_low=(ratio - Z95 * error).exp() - 1,
        change_high=(ratio + Z95 * error).exp() - 1,
        direction=direction,
    )


_TOPIC = Column("topic", Kind.TEXT, "The topic's urlkey")
TRENDS = (
    Mart(
        Table(
            "topics_by_week",
            "Topics over time",
            ("topic", "week"),
            (
                _TOPIC,
                Column("week", Kind.DAY, "The Monday it begins with"),
                Column("members", Kind.INTEGER, "Distinct members who said yes to a group with the topic"),
                Column("rsvps", Kind.INTEGER, "Their yes"),
                Column("active", Kind.INTEGER, "Distinct members who said yes to any group"),
                Column("share", Kind.FLOAT, "The topic's share of them"),
                Column("share_low", Kind.FLOAT, "Lower end of its 95 % interval"),
                Column("share_high", Kind.FLOAT, "Upper end of its 95 % interval"),
            ),
            seen=Seen.PUBLISHED,
        ),
        by_week,
    ),
    Mart(
        Table(
            "topic_trends",
            "Topics of the recent window against the one before it",
            ("topic",),
            (
                _TOPIC,
                Column("members_now", Kind.INTEGER, "Distinct members in the recent window"),
                Column("members_before", Kind.INTEGER, "Distinct members in the window before it"),
                Column("share_now", Kind.FLOAT, "Share of all active members, recent"),
                Column("share_before", Kind.FLOAT, "Share of all active members, before"),
                Column("change", Kind.FLOAT, "Relative change of the share"),
                Column("change_low", Kind.FLOAT, "Lower end of its 95 % interval"),
                Column("change_high", Kind.FLOAT, "Upper end of its 95 % interval"),
                Column("direction", Kind.TEXT, "rising or falling if a 99 % interval says so"),
            ),
            seen=Seen.PUBLISHED,
        ),
        rising,
    ),
)
