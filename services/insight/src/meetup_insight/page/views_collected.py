"""What was collected, and how well. Pure."""

from collections import defaultdict
from datetime import UTC, datetime

from meetup_insight.page import plots, plots_over_time
from meetup_insight.page.published import Published
from meetup_insight.page.view import NOTHING, Card, Figure, Grid, Query, View, number, percent


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
    rejected = sum(row["times"] for row in data.rows("rejected"))
    feeds = Grid(
        ("feed", "records read", "different", "stored again"),
        [
            (feed, *(number(found[name]) for name in ("records", "versions", "duplicates")))
            for feed, found in sorted(totals.items())
        ],
    )
    return View(
        "Overview",
        "What was collected from Meetup's feeds, and whether anything may be missing. The other pages show what it says"
        " of topics, times, places and groups.",
        (
            Card("members", number(counts.get("members"))),
            Card("groups", number(counts.get("groups"))),
            Card("topics", number(counts.get("topics"))),
            _gaps(data),
            Card("rejected lines", number(rejected), "no records" if rejected else ""),
            _newest(data.manifest.newest),
        ),
        (),
        (
            Figure(
                "collected",
                "Records by day",
                "Different ones, by feed and the day they were last changed (UTC): the last 90 days that have any.",
                plots_over_time.stacked_days("Records by day and feed", days, parts) if days else None,
                feeds,
                "Nothing yet: the object store has no record that can be read.",
            ),
            _weekly(data),
        ),
    )


def _gaps(data: Published) -> Card:
    """That no gap is known says something only where connections were written down."""
    if not data.rows("ledger"):
        return Card("possible gaps", NOTHING, "unknown: the store has no ledger of connections")
    gaps = len(data.rows("gaps"))
    return Card("possible gaps", number(gaps), "see data quality" if gaps else "every connection met what was stored")


def _newest(newest: float | None) -> Card:
    if not newest:
        return Card("newest RSVP", NOTHING)
    at = datetime.fromtimestamp(newest, UTC)
    return Card("newest RSVP", f"{at:%d %b %Y}", f"{at:%H:%M} UTC")


def _weekly(data: Published) -> Figure:
    rows = data.rows("rsvps_by_week")
    forecast = next(iter(data.rows("forecast")), None)
    expected = (forecast["week"], forecast["value"], forecast["low"], forecast["high"]) if forecast else None
    caption = "RSVPs by week, each by its newest version."
    if not forecast:
        caption += " The next one is forecast from thirteen weeks in a row that were collected."
    if forecast:
        caption += (
            f" Next week: {number(forecast['value'])} ({number(forecast['low'])} to {number(forecast['high'])}, 80 %),"
            f" by {forecast['model']}; one week ahead it was off by {percent(forecast['error'])},"
            f" the mean of four weeks by {percent(forecast['naive_error'])}."
        )
    plot = plots_over_time.weekly(
        "RSVPs by week", [row["week"] for row in rows], [row["rsvps"] for row in rows], expected
    )
    grid = Grid(
        ("week of", "members", "RSVPs", "yes"),
        [(str(row["week"]), number(row["members"]), number(row["rsvps"]), number(row["yes"])) for row in rows],
    )
    return Figure("weekly", "RSVPs by week", caption, plot if rows else None, grid)


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
            _gaps(data),
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
