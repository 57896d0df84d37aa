"""Groups: growth, silence, look-alikes. Pure."""

from meetup_insight.page import plots, plots_over_time
from meetup_insight.page.published import Published
from meetup_insight.page.view import Card, Choice, Figure, Grid, Query, View, chosen, number

_TOP = 15
"""Bars of one plot."""
_MOST_OPTIONS = 400
"""In one list: what a person scrolls through, or types into."""


def groups(data: Published, query: Query) -> View:
    """Growth, silence, look-alikes."""
    active = sorted(data.rows("group_activity"), key=lambda row: (-row["members"], row["group_id"]))
    named = [row["group_id"] for row in active] or data.distinct("lookalike_groups", "group_id")
    known = [str(each) for each in named[:_MOST_OPTIONS]]
    group = chosen(query.get("group"), known)
    weeks = data.some("groups_by_week", "group_id", int(group)) if group else []
    like = data.some("lookalike_groups", "group_id", int(group)) if group else []
    communities = len(data.distinct("group_communities", "community"))
    return View(
        "Groups",
        "Groups by the members who said yes; how one grows, and which are like it by topics and common members.",
        (
            Card("groups of ten members or more", number(len(active))),
            Card("of them silent", number(sum(bool(row["silent"]) for row in active)), "no yes for 60 days"),
            Card("communities", number(communities), "of groups with members in common"),
        ),
        (Choice("group", "Group", group, [(each, data.group(int(each))) for each in known]),),
        (
            Figure(
                "largest",
                "Members by group",
                "Distinct members who said yes.",
                plots.ranked(
                    "Members by group",
                    [(data.group(row["group_id"]), row["members"]) for row in active[:_TOP]],
                    "members",
                )
                if active
                else None,
                Grid(
                    ("group", "members", "yes", "days silent"),
                    [
                        (
                            data.group(row["group_id"]),
                            number(row["members"]),
                            number(row["rsvps"]),
                            number(row["days_silent"]),
                        )
                        for row in active[:100]
                    ],
                ),
            ),
            Figure(
                "growth",
                f"{data.group(int(group)) if group else 'A group'} by week",
                "Distinct members who said yes.",
                plots_over_time.line_with_band(
                    "Members by week",
                    [(row["week"], row["members"], row["members"], row["members"], row["members"]) for row in weeks],
                    "0,0",
                )
                if weeks
                else None,
                Grid(
                    ("week of", "members", "RSVPs", "newcomers"),
                    [
                        (str(row["week"]), number(row["members"]), number(row["rsvps"]), number(row["newcomers"]))
                        for row in weeks
                    ],
                ),
            ),
            Figure(
                "alike",
                f"Groups like {data.group(int(group)) if group else 'it'}",
                "Half by topics in common, the rare ones counting most, half by members in common.",
                plots.ranked("Likeness", [(data.group(row["other_id"]), row["score"]) for row in like], "likeness")
                if like
                else None,
                Grid(
                    ("group", "likeness", "members in common", "topics in common"),
                    [
                        (
                            data.group(row["other_id"]),
                            f"{row['score']:.2f}",
                            number(row["common"]) if row["common"] else "under 10",
                            ", ".join(data.topic(each) for each in row["shared"].split("|") if each),
                        )
                        for row in like
                    ],
                ),
                "Nothing yet: no group is like it.",
            ),
        ),
    )
