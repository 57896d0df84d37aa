"""Groups over time, common members, newcomers and who comes back."""

import ibis
from ibis.expr.types import Table as Expression

from meetup_insight.marts.mart import LEAST_MEMBERS, Mart, Tables, monday
from meetup_insight.schema import Column, Kind, Seen, Table

MOST_GROUPS = 200
"""Of one member: who answers for more is a program or an organizer, and would pair everything with everything."""
_SILENT_DAYS = 60
"""Without an answer for so long, before the newest record, a group counts as silent."""


def _yes(tables: Tables) -> Expression:
    rsvps = tables["rsvps"]
    return rsvps.filter((rsvps.response == "yes") & rsvps.member.notnull() & rsvps.group_id.notnull())


def member_groups(tables: Tables) -> Expression:
    """Which member said yes to which group, how often, and from when to when."""
    return _yes(tables).group_by(["member", "group_id"]).agg(
        rsvps=lambda t: t.count(), first_yes=lambda t: t.mtime.min(), last_yes=lambda t: t.mtime.max()
    )  # fmt: skip


def by_week(tables: Tables) -> Expression:
    """Each group's week: who said yes, and who of them for the first time."""
    yes = _yes(tables)
    yes = yes.mutate(week=monday(yes.mtime))
    first = tables["member_groups"].select("member", "group_id", "first_yes")
    joined = yes.join(first, ["member", "group_id"])
    cells = joined.group_by(["group_id", "week"]).agg(
        members=lambda t: t.member.nunique(),
        rsvps=lambda t: t.count(),
        newcomers=lambda t: t.member.nunique(where=monday(t.first_yes) == t.week),
    )
    return _whole(cells)


def _whole(cells: Expression) -> Expression:
    """Enough members; newcomers and regulars are said only if both are nobody or enough to hide in."""
    kept = cells.filter(cells.members >= LEAST_MEMBERS)
    regulars = kept.members - kept.newcomers
    shown = ((kept.newcomers == 0) | (kept.newcomers >= LEAST_MEMBERS)) & (
        (regulars == 0) | (regulars >= LEAST_MEMBERS)
    )
    return kept.mutate(newcomers=shown.ifelse(kept.newcomers, ibis.null("int64")))


def activity(tables: Tables) -> Expression:
    """How many members each group has won and kept, and whether it has fallen silent."""
    pairs = tables["member_groups"]
    newest = pairs.agg(newest=pairs.last_yes.max())
    cells = pairs.group_by("group_id").agg(
        members=lambda t: t.member.nunique(), rsvps=lambda t: t.rsvps.sum(), last_yes=lambda t: t.last_yes.max()
    )
    kept = cells.filter(cells.members >= LEAST_MEMBERS).cross_join(newest)
    days = (kept.newest.epoch_seconds() - kept.last_yes.epoch_seconds()).cast("float64") / 86400.0
    return kept.mutate(days_silent=days.floor(), silent=days > _SILENT_DAYS)


def common_members(tables: Tables) -> Expression:
    """Pairs of groups with enough members in common, and how alike that makes them (cosine)."""
    pairs = tables["member_groups"].select("member", "group_id")
    sizes = pairs.group_by("member").agg(size=lambda t: t.count())
    usual = pairs.semi_join(sizes.filter(sizes["size"] <= MOST_GROUPS), "member")
    other = usual.view()
    both = usual.join(other, [usual.member == other.member, usual.group_id < other.group_id], rname="{name}_other")
    cells = both.group_by(["group_id", "group_id_other"]).agg(common=lambda t: t.count())
    kept = cells.filter(cells.common >= LEAST_MEMBERS)
    counts = pairs.group_by("group_id").agg(members=lambda t: t.count())
    theirs = counts.rename(group_id_other="group_id", members_other="members")
    joined = kept.join(counts, "group_id").join(theirs, "group_id_other")
    product = (joined.members * joined.members_other).cast("float64")
    return joined.mutate(other_id=joined.group_id_other, likeness=joined.common.cast("float64") / product.sqrt())


def cohorts(tables: Tables) -> Expression:
    """Of the members first seen in a month, how many said yes in a later one."""
    yes = _yes(tables)
    months = yes.mutate(month=yes.mtime.truncate("M").date()).select("member", "month").distinct()
    first = months.group_by("member").agg(cohort=lambda t: t.month.min())
    sizes = first.group_by("cohort").agg(size=lambda t: t.count())
    joined = months.join(first, "member")
    cells = joined.group_by(["cohort", "month"]).agg(members=lambda t: t.count()).join(sizes, "cohort")
    rest = cells["size"] - cells.members
    kept = cells.filter((cells.members >= LEAST_MEMBERS) & ((rest == 0) | (rest >= LEAST_MEMBERS)))
    return kept.mutate(share=kept.members.cast("float64") / kept["size"].cast("float64"))


def weekly(tables: Tables) -> Expression:
    """All RSVPs of each week, which forecasts are made of."""
    rsvps = tables["rsvps"]
    weeks = rsvps.mutate(week=monday(rsvps.mtime)).group_by("week").agg(
        members=lambda t: t.member.nunique(),
        rsvps=lambda t: t.count(),
        yes=lambda t: (t.response == "yes").ifelse(1, 0).sum(),
    )  # fmt: skip
    return weeks.filter(weeks.members >= LEAST_MEMBERS)


_GROUP = Column("group_id", Kind.INTEGER, "The group")
_WEEK = Column("week", Kind.DAY, "The Monday it begins with")
_MEMBERS = Column("members", Kind.INTEGER, "Distinct members who said yes")
_RSVPS = Column("rsvps", Kind.INTEGER, "Their yes")
PEOPLE = (
    Mart(
        Table(
            "member_groups",
            "Which member said yes to which group",
            ("member", "group_id"),
            (
                Column("member", Kind.MEMBER, "The member, by keyed hash"),
                _GROUP,
                _RSVPS,
                Column("first_yes", Kind.TIME, "The first yes"),
                Column("last_yes", Kind.TIME, "The last yes"),
            ),
        ),
        member_groups,
    ),
    Mart(
        Table(
            "groups_by_week",
            "Groups over time",
            ("group_id", "week"),
            (
                _GROUP,
                _WEEK,
                _MEMBERS,
                _RSVPS,
                Column("newcomers", Kind.INTEGER, "Of the members, those who never did so before; empty if too few"),
            ),
            seen=Seen.PUBLISHED,
        ),
        by_week,
    ),
    Mart(
        Table(
            "group_activity",
            "Groups: members won, and silence",
            ("group_id",),
            (
                _GROUP,
                _MEMBERS,
                _RSVPS,
                Column("days_silent", Kind.INTEGER, "Days from its last yes to the newest of all"),
                Column("silent", Kind.FLAG, f"Whether that is more than {_SILENT_DAYS}"),
            ),
            seen=Seen.PUBLISHED,
        ),
        activity,
    ),
    Mart(
        Table(
            "common_members",
            "Pairs of groups with members in common",
            ("group_id", "other_id"),
            (
                _GROUP,
                Column("other_id", Kind.INTEGER, "The other group, of the greater id"),
                Column("common", Kind.INTEGER, "Members who said yes to both"),
                Column("likeness", Kind.FLOAT, "Cosine of the two sets of members"),
            ),
            seen=Seen.PUBLISHED,
        ),
        common_members,
    ),
    Mart(
        Table(
            "cohorts",
            "Who comes back",
            ("cohort", "month"),
            (
                Column("cohort", Kind.DAY, "The month of the first yes"),
                Column("month", Kind.DAY, "The month"),
                Column("size", Kind.INTEGER, "Members of the cohort"),
                Column("members", Kind.INTEGER, "Of them, those who said yes in the month"),
                Column("share", Kind.FLOAT, "Their share"),
            ),
            seen=Seen.PUBLISHED,
        ),
        cohorts,
    ),
    Mart(
        Table(
            "rsvps_by_week",
            "RSVPs of each week",
            ("week",),
            (
                _WEEK,
                Column("members", Kind.INTEGER, "Distinct members who answered"),
                Column("rsvps", Kind.INTEGER, "RSVPs, by their newest version"),
                Column("yes", Kind.INTEGER, "Of them yes"),
            ),
            seen=Seen.PUBLISHED,
        ),
        weekly,
    ),
)
