"""When and where events are. Pure."""

from collections.abc import Sequence
from typing import Final

from meetup_insight.page import plots
from meetup_insight.page.published import Published, Row
from meetup_insight.page.view import Choice, Figure, Grid, Query, View, chosen, number, percent

_MOST_EVENTS: Final = 200
"""The next ones; all are in the published table."""
_SHOWN: Final = 25
"""Of a plot that is still read."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def times(data: Published, query: Query) -> View:
    """Hour and weekday, lead time."""
    measures = {"rsvps": "RSVPs", "yes_share": "share of yes", "events": "events"}
    measure = chosen(query.get("measure"), tuple(measures))
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
                "By the beginning of the event, in the zone of the event or its group; the darker, the more.",
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


def coming(data: Published, _query: Query) -> View:
    """How full coming events will be."""
    events = sorted(data.rows("event_forecast"), key=lambda row: (row["event_time"], row["event_id"]))[:_MOST_EVENTS]
    return View(
        "Coming events",
        "How many will say yes by the beginning of an event, as it looks at the newest record. Shown are events"
        " that ten members say yes to by now; times are UTC. No record says who came.",
        (),
        (),
        (_limited(data, [row for row in events if row["rsvp_limit"]]), _expected(data, events), _judged(data)),
    )


def _limited(data: Published, events: Sequence[Row]) -> Figure:
    shares = [
        (_event(data, row), *(row[name] / row["rsvp_limit"] for name in ("value", "low", "high")), row["rsvp_limit"])
        for row in events[:_SHOWN]
    ]
    rows = [
        (
            _event(data, row),
            *(number(row[name]) for name in ("rsvp_limit", "value")),
            f"{number(row['low'])} to {number(row['high'])}",
            percent(row["full"], 0),
        )
        for row in events
    ]
    return Figure(
        "limited",
        "How full they will be",
        "Expected yes as a share of the limit, with an 80 % interval.",
        plots.intervals("Share of the limit", shares, "80 % interval", "limit") if shares else None,
        Grid(("event", "limit", "expected", "80 % interval", "chance to be full"), rows),
        "Nothing yet: no coming event with a limit has ten members who say yes,"
        " or fewer than forty past events are known.",
    )


def _expected(data: Published, events: Sequence[Row]) -> Figure:
    caption = "By the past events of each group, and the yes that an event has by now."
    if events:
        first = events[0]
        caption = (
            f"By {first['model']}: off by {first['error']:.1f} yes on average over {number(first['judges'])} past"
            f" events; the mean of the group's last four events was off by {first['naive_error']:.1f}."
        )
    rows = [
        (
            _event(data, row),
            number(row["value"]),
            f"{number(row['low'])} to {number(row['high'])}",
            *(number(row[name]) for name in ("naive", "rsvp_limit")),
        )
        for row in events
    ]
    heads = ("event", "expected", "80 % interval", "naive forecast", "limit")
    none = "" if rows else "Nothing yet: no coming event has ten members who say yes, or too few past events are known."
    return Figure("expected", "Expected yes", caption, None, Grid(heads, rows), none)


def _judged(data: Published) -> Figure:
    rows = [
        (row["model"], row["metric"], f"{row['value']:.2f}", f"{row['low']:.2f} to {row['high']:.2f}",
         number(row["judges"]))
        for row in data.rows("model_card")
        if row["task"] == "yes of an event"
    ]  # fmt: skip
    return Figure(
        "judged",
        "How far off it was",
        "In yes per event, over past events that it had not seen, with 95 % intervals."
        " A forecaster that does not beat the naive one for sure is not shown in its place.",
        None,
        Grid(("model", "measure", "value", "95 % interval", "events judged"), rows),
        "" if rows else "Nothing yet: fewer than forty past events are known.",
    )


def _event(data: Published, row: Row) -> str:
    return f"{row['event_time']:%d %b %H:%M} {data.group(row['group_id'])}"


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
                "The larger, the more RSVPs. Drag to move; the wheel with Ctrl comes nearer. No map service is asked.",
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
