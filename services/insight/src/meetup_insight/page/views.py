"""The views. Each makes a ``View`` of what is published and of what was chosen; unknown choices fall back. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from meetup_insight.page import plots
from meetup_insight.page.published import Published
from meetup_insight.page.view import NOTHING, Card, Choice, Figure, Grid, View, number, percent

Query = Mapping[str, str]
_TOP: Final = 15
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOST_OPTIONS: Final = 400
"""In one list: what a person scrolls through, or types into."""


def overview(data: Published, _query: Query) -> View:
    """What was collected, and is it complete."""
    totals: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    by_day: dict[str, dict[object, int]] = defaultdict(dict)
    for row in data.rows("collected"):
        for name in ("records", "versions", "duplicates"):
            totals[row["feed"]][name] += row[name]
        by_day[row["feed"]][row["day"]] = row["versions"]
    days = sorted({row["day"] for row in data.rows("collected")})[-90:]
    parts = {feed: [found.get(day, 0) for day in days] for feed, found in sorted(by_day.items())}
    counts = data.manifest.rows
    gaps = len(data.rows("gaps"))
    newest = data.manifest.newest
    feeds = Grid(
        ("feed", "records read", "different", "stored again"),
        [
            (feed, *(number(found[name]) for name in ("records", "versions", "duplicates")))
            for feed, found in sorted(totals.items())
        ],
    )
    return View(
        "Overview",
        "What was collected, and whether anything may be missing.",
        (
            Card("members", number(counts.get("members"))),
            Card("groups", number(counts.get("groups"))),
            Card("topics", number(counts.get("topics"))),
            Card("possible gaps", number(gaps), "none known" if not gaps else "see data quality"),
            Card("newest RSVP", f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M}" if newest else NOTHING, "UTC"),
        ),
        (),
        (
            Figure(
                "collected",
                "Different records by day of their mtime",
                "The last 90 days that have any, by feed.",
                plots.stacked_days("Records by day and feed", days, parts) if days else None,
                feeds,
                "Nothing yet: the object store has no records.",
            ),
            _weekly(data),
        ),
    )


def _weekly(data: Published) -> Figure:
    rows = data.rows("rsvps_by_week")
    forecast = next(iter(data.rows("forecast")), None)
    expected = (forecast["week"], forecast["value"], forecast["low"], forecast["high"]) if forecast else None
    caption = "RSVPs by week, each by its newest version."
    if forecast:
        caption += (
            f" Next week: {number(forecast['value'])} ({number(forecast['low'])} to {number(forecast['high'])}, 80 %),"
            f" by {forecast['model']}; one week ahead it was off by {percent(forecast['error'])},"
            f" the mean of four weeks by {percent(forecast['naive_error'])}."
        )
    plot = plots.weekly("RSVPs by week", [row["week"] for row in rows], [row["rsvps"] for row in rows], expected)
    grid = Grid(
        ("week of", "members", "RSVPs", "yes"),
        [(str(row["week"]), number(row["members"]), number(row["rsvps"]), number(row["yes"])) for row in rows],
    )
    return Figure("weekly", "RSVPs by week", caption, plot if rows else None, grid)


def topics(data: Published, query: Query) -> View:
    """Rising and falling."""
    order = _chosen(query.get("order"), ("rising", "falling", "largest"))
    trends = [
        row for row in data.rows("topic_trends") if order == "largest" or (row["change"] > 0) == (order == "rising")
    ]
    keys: dict[str, Callable[..., float]] = {
        "rising": lambda row: -row["change_low"],
        "falling": lambda row: row["change_high"],
        "largest": lambda row: -row["members_now"],
    }
    shown = sorted(trends, key=lambda row: (keys[order](row), row["topic"]))[:_TOP]
    weeks = data.rows("topics_by_week")
    sizes: dict[str, int] = defaultdict(int)
    for row in weeks:
        sizes[row["topic"]] += row["members"]
    ranked = sorted(sizes, key=lambda topic: (-sizes[topic], topic))[:_MOST_OPTIONS]
    topic = _chosen(query.get("topic"), ranked)
    series = [row for row in weeks if row["topic"] == topic]
    return View(
        "Topics",
        "Which topics win and lose members: the recent window against the one before it, both at most four weeks.",
        (),
        (
            Choice("order", "Show", order, [(each, each) for each in ("rising", "falling", "largest")]),
            Choice("topic", "Over time", topic, [(each, data.topic(each)) for each in ranked]),
        ),
        (
            Figure(
                "trends",
                f"Topics, {order}",
                "Relative change of a topic's share of the members who said yes."
                " In colour: its 95 % interval leaves out 0."
                " Called rising or falling only if a 99 % interval does.",
                plots.intervals(
                    "Change of share by topic",
                    [
                        (
                            data.topic(row["topic"]),
                            row["change"],
                            row["change_low"],
                            row["change_high"],
                            row["members_now"],
                        )
                        for row in shown
                    ],
                )
                if shown
                else None,
                Grid(
                    ("topic", "change", "95 % interval", "members now", "members before", "verdict"),
                    [
                        (
                            data.topic(row["topic"]),
                            percent(row["change"]),
                            f"{percent(row['change_low'])} to {percent(row['change_high'])}",
                            number(row["members_now"]),
                            number(row["members_before"]),
                            row["direction"],
                        )
                        for row in shown
                    ],
                ),
                "Nothing yet: no topic has ten members in both windows.",
            ),
            Figure(
                "series",
                f"{data.topic(topic) if topic else 'A topic'} over time",
                "Share of the week's active members, with its 95 % interval.",
                plots.line_with_band(
                    "Share by week",
                    [
                        (row["week"], row["share"], row["share_low"], row["share_high"], row["members"])
                        for row in series
                    ],
                )
                if series
                else None,
                Grid(
                    ("week of", "members", "share", "95 % interval"),
                    [
                        (
                            str(row["week"]),
                            number(row["members"]),
                            percent(row["share"]),
                            f"{percent(row['share_low'])} to {percent(row['share_high'])}",
                        )
                        for row in series
                    ],
                ),
            ),
        ),
    )


def times(data: Published, query: Query) -> View:
    """Hour and weekday, lead time."""
    measures = {"rsvps": "RSVPs", "yes_share": "share of yes", "events": "events"}
    measure = _chosen(query.get("measure"), tuple(measures))
    hours = data.rows("answers_by_hour")
    cells = [(f"{row['hour']:02}", _DAYS[row["day"]], row[measure], row["members"]) for row in hours]
    leads = sorted(data.rows("answers_by_lead"), key=lambda row: row["place"])
    show = percent if measure == "yes_share" else number
    return View(
        "Times",
        "When events begin, in their own zone, and how long before people answer. No record says who came.",
        (),
        (Choice("measure", "Show", measure, list(measures.items())),),
        (
            Figure(
                "hours",
                f"Hour and weekday: {measures[measure]}",
                "By the beginning of the event, in the zone of the event or its group.",
                plots.heat(
                    "Hour by weekday",
                    [f"{hour:02}" for hour in range(24)],
                    _DAYS,
                    cells,
                    "0%" if measure == "yes_share" else "0,0",
                )
                if cells
                else None,
                Grid(
                    ("weekday", "hour", measures[measure], "members"),
                    [(day, hour, show(value), number(n)) for hour, day, value, n in cells],
                ),
            ),
            Figure(
                "leads",
                "Share of yes by lead time",
                "By the newest answer, with its 95 % interval; changed: a yes that became a no.",
                plots.intervals(
                    "Share of yes by lead time",
                    [(row["lead"], row["yes_share"], row["yes_low"], row["yes_high"], row["members"]) for row in leads],
                )
                if leads
                else None,
                Grid(
                    ("before the event", "RSVPs", "yes", "95 % interval", "changed", "guests"),
                    [
                        (
                            row["lead"],
                            number(row["rsvps"]),
                            percent(row["yes_share"]),
                            f"{percent(row['yes_low'])} to {percent(row['yes_high'])}",
                            number(row["changed"]),
                            number(row["guests"]),
                        )
                        for row in leads
                    ],
                ),
            ),
        ),
    )


def places(data: Published, _query: Query) -> View:
    """The map."""
    cells = data.rows("places")
    kinds = data.rows("place_kinds")
    return View(
        "Places",
        "Where events are, in cells of a tenth of a degree that stand on ten members."
        " Online, default and missing places are apart.",
        (),
        (),
        (
            Figure(
                "map",
                "Cells",
                "The larger, the more RSVPs. Drag to move, turn the wheel to come nearer. No map service is asked.",
                plots.places(
                    "RSVPs by place",
                    [(row["latitude"], row["longitude"], row["rsvps"], row["members"]) for row in cells],
                )
                if cells
                else None,
                Grid(
                    ("latitude", "longitude", "members", "RSVPs", "groups", "events"),
                    [
                        (
                            f"{row['latitude']:.2f}",
                            f"{row['longitude']:.2f}",
                            *(number(row[name]) for name in ("members", "rsvps", "groups", "events")),
                        )
                        for row in sorted(cells, key=lambda row: -row["rsvps"])
                    ],
                ),
            ),
            Figure(
                "kinds",
                "Kinds of place",
                "RSVPs by what their venue says.",
                plots.ranked(
                    "RSVPs by kind of place",
                    [(row["place"], row["rsvps"]) for row in sorted(kinds, key=lambda row: -row["rsvps"])],
                    "RSVPs",
                )
                if kinds
                else None,
                Grid(
                    ("place", "members", "RSVPs"),
                    [(row["place"], number(row["members"]), number(row["rsvps"])) for row in kinds],
                ),
            ),
        ),
    )


def groups(data: Published, query: Query) -> View:
    """Growth, silence, look-alikes."""
    active = sorted(data.rows("group_activity"), key=lambda row: (-row["members"], row["group_id"]))
    alike = data.rows("lookalike_groups")
    known = [str(row["group_id"]) for row in active][:_MOST_OPTIONS] or sorted({str(row["group_id"]) for row in alike})[
        :_MOST_OPTIONS
    ]
    group = _chosen(query.get("group"), known)
    weeks = [row for row in data.rows("groups_by_week") if str(row["group_id"]) == group]
    like = [row for row in alike if str(row["group_id"]) == group]
    shared = {row["group_id"]: row["community"] for row in data.rows("group_communities")}
    return View(
        "Groups",
        "Groups by the members who said yes; how one grows, and which are like it by topics and common members.",
        (
            Card("groups of ten members or more", number(len(active))),
            Card("of them silent", number(sum(bool(row["silent"]) for row in active)), "no yes for 60 days"),
            Card("communities", number(len(set(shared.values()))), "of groups with members in common"),
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
                plots.line_with_band(
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


def interests(data: Published, query: Query) -> View:
    """Predicted interests, with reasons and the model card."""
    leads = data.rows("interests_lead_to")
    known = list(dict.fromkeys(row["topic"] for row in leads))
    named = sorted(known, key=lambda topic: data.topic(topic).lower())[:_MOST_OPTIONS]
    topic = _chosen(query.get("topic"), named)
    countries = list(dict.fromkeys(row["country"] for row in data.rows("topics_for_newcomers")))
    country = _chosen(query.get("country"), countries)
    found = [row for row in leads if row["topic"] == topic]
    predicted = sorted(data.rows("predicted_interests"), key=lambda row: (-row["members"], row["topic"]))
    newcomers = [row for row in data.rows("topics_for_newcomers") if row["country"] == country]
    card = data.rows("model_card")
    return View(
        "Interests",
        "What members are likely to take an interest in. Nobody's own list is here: those are in the private tables.",
        (),
        (
            Choice("topic", "Somebody who likes", topic, [(each, data.topic(each)) for each in named]),
            Choice("country", "Newcomers in", country, [(each, each.upper() or "all countries") for each in countries]),
        ),
        (
            Figure(
                "leads",
                f"Who likes {data.topic(topic) if topic else 'a topic'} may like",
                "What the model says to somebody with this interest alone; ten members have both.",
                plots.ranked("Score by topic", [(data.topic(row["other"]), row["score"]) for row in found], "score")
                if found
                else None,
                Grid(
                    ("topic", "score", "members with both"),
                    [(data.topic(row["other"]), f"{row['score']:.2f}", number(row["members"])) for row in found],
                ),
                "Nothing yet: the model does not beat popularity for sure on these data,"
                " or no two topics share ten members.",
            ),
            Figure(
                "predicted",
                "Predicted most often",
                "Members whose first ten predictions hold the topic.",
                plots.ranked(
                    "Members by topic",
                    [(data.topic(row["topic"]), row["members"]) for row in predicted[:_TOP]],
                    "members",
                )
                if predicted
                else None,
                Grid(
                    ("topic", "members", "because of"),
                    [
                        (
                            data.topic(row["topic"]),
                            number(row["members"]),
                            ", ".join(data.topic(each) for each in row["because"].split("|") if each),
                        )
                        for row in predicted[:100]
                    ],
                ),
                "Nothing yet: the model does not beat popularity for sure on these data.",
            ),
            Figure(
                "newcomers",
                "What a newcomer is shown",
                "Topics that cover the most members between them, one after another.",
                None,
                Grid(("rank", "topic"), [(str(row["rank"]), data.topic(row["topic"])) for row in newcomers]),
                "",
            ),
            Figure(
                "card",
                "Model card",
                "Measured by hiding what members have and looking for it, with 95 % intervals over members."
                + "".join(sorted({f" {row['task'].capitalize()}: {row['data']}, {row['split']}." for row in card})),
                None,
                Grid(
                    ("task", "model", "metric", "value", "95 % interval", "members judged", "shown"),
                    [
                        (
                            row["task"],
                            row["model"],
                            row["metric"],
                            f"{row['value']:.3f}",
                            f"{row['low']:.3f} to {row['high']:.3f}",
                            number(row["judges"]),
                            "yes" if row["shown"] else "no",
                        )
                        for row in card
                    ],
                ),
                "",
            ),
        ),
    )


def quality(data: Published, _query: Query) -> View:
    """Gaps, duplicates, rejects, coverage."""
    coverage = data.rows("coverage")
    shares = [(row["what"], row["known"] / row["of"] * 100) for row in coverage if row["of"]]
    gaps, rejected, unreadable = data.rows("gaps"), data.rows("rejected"), data.rows("unreadable")
    ledger = data.rows("ledger")
    return View(
        "Data quality",
        "What is missing, what came twice, what could not be used.",
        (
            Card("possible gaps", number(len(gaps)), "connections whose first record was new"),
            Card("rejected", number(sum(row["times"] for row in rejected)), "lines and objects that are no record"),
            Card("unreadable fields", number(sum(row["records"] for row in unreadable)), "values that no column holds"),
            Card("connections", number(sum(row["connections"] for row in ledger)), "in the streams' ledgers"),
        ),
        (),
        (
            Figure(
                "coverage",
                "How much of what is named is known",
                "In percent.",
                plots.ranked("Coverage", shares, "percent") if shares else None,
                Grid(
                    ("what", "known", "of", "share"),
                    [
                        (
                            row["what"],
                            number(row["known"]),
                            number(row["of"]),
                            percent(row["known"] / row["of"] if row["of"] else None),
                        )
                        for row in coverage
                    ],
                ),
            ),
            Figure(
                "rejected",
                "Rejected",
                "By feed and reason; the bytes stay in the object store.",
                None,
                Grid(
                    ("feed", "reason", "times"),
                    [(row["feed"], row["reason"], number(row["times"])) for row in rejected],
                ),
                "",
            ),
            Figure(
                "unreadable",
                "Unreadable fields",
                "The record is in its table, with nothing in this column.",
                None,
                Grid(
                    ("feed", "field", "records"),
                    [(row["feed"], row["field"], number(row["records"])) for row in unreadable],
                ),
                "",
            ),
            Figure(
                "gaps",
                "Possible gaps",
                "The server's backlog did not reach back to what was stored.",
                None,
                Grid(
                    ("feed", "day", "after", "before"),
                    [(row["feed"], str(row["day"]), str(row["gap_from"]), str(row["gap_to"])) for row in gaps],
                ),
                "",
            ),
        ),
    )


VIEWS: Final[Mapping[str, tuple[str, Callable[[Published, Query], View]]]] = {
    "/": ("Overview", overview),
    "/topics": ("Topics", topics),
    "/times": ("Times", times),
    "/places": ("Places", places),
    "/groups": ("Groups", groups),
    "/interests": ("Interests", interests),
    "/quality": ("Data quality", quality),
}


def _chosen(value: str | None, options: tuple[str, ...] | list[str]) -> str:
    if value in options:
        return str(value)
    return options[0] if options else ""
