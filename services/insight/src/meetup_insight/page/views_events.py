"""When and where events are. Pure."""

from meetup_insight.page import plots
from meetup_insight.page.published import Published
from meetup_insight.page.view import Choice, Figure, Grid, Query, View, chosen, number, percent

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
