"""Plots over days and weeks, with hover, made by Bokeh. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from math import nan
from typing import Final

from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter

from meetup_insight.page.plot_frame import ACCENT, PALETTE, SECOND, Plot, framed, legend_above, whole_numbers

_WEEK: Final = timedelta(weeks=1)


def stacked_days(label: str, days: Sequence[date], parts: Mapping[str, Sequence[int]]) -> Plot:
    """Bars by day, one colour for each part."""
    source = ColumnDataSource(
        {"day": [_midday(day) for day in days], **{name: list(values) for name, values in parts.items()}}
    )
    plot = framed(label, x_axis_type="datetime")
    plot.vbar_stack(
        list(parts),
        x="day",
        width=0.8 * 86_400_000,
        source=source,
        color=list(PALETTE[: len(parts)]),
        legend_label=list(parts),
    )
    plot.add_tools(
        HoverTool(
            tooltips=[("day", "@day{%F}"), *((name, f"@{name}") for name in parts)], formatters={"@day": "datetime"}
        )
    )
    legend_above(plot)
    whole_numbers(plot)
    return plot


def line_with_band(label: str, rows: Sequence[tuple[date, float, float, float, int]], form: str = "0.0%") -> Plot:
    """A value over weeks with its interval: week, value, low, high, support; broken where weeks are missing."""
    rows = _with_breaks(rows)
    weeks, values, lows, highs, counts = zip(*rows, strict=True) if rows else ((),) * 5
    source = ColumnDataSource(
        {"week": [_midday(week) for week in weeks], "value": values, "low": lows, "high": highs, "n": counts}
    )
    plot = framed(label, x_axis_type="datetime")
    plot.varea("week", "low", "high", source=source, fill_color=SECOND, fill_alpha=0.2)
    plot.line("week", "value", source=source, line_color=SECOND, line_width=2.5)
    dots = plot.scatter("week", "value", source=source, size=7, fill_color=SECOND, line_color=None)
    tips = [
        ("week of", "@week{%F}"),
        ("value", f"@value{{{form}}}"),
        ("interval", f"@low{{{form}}} to @high{{{form}}}"),
        ("members", "@n"),
    ]
    plot.add_tools(HoverTool(tooltips=tips, renderers=[dots], formatters={"@week": "datetime"}))
    plot.yaxis.formatter = NumeralTickFormatter(format=form.replace("0.0%", "0%"))
    return plot


def _with_breaks(rows: Sequence[tuple[date, float, float, float, int]]) -> list[tuple[date, float, float, float, int]]:
    """A row of no value after each week that the next one does not follow."""
    found: list[tuple[date, float, float, float, int]] = []
    for row in rows:
        if found and row[0] - found[-1][0] > _WEEK:
            found.append((found[-1][0] + _WEEK, nan, nan, nan, 0))
        found.append(row)
    return found


def weekly(
    label: str, weeks: Sequence[date], counts: Sequence[int], expected: tuple[date, float, float, float] | None
) -> Plot:
    """RSVPs by week, and what the next one is expected to bring."""
    source = ColumnDataSource({"week": [_midday(week) for week in weeks], "rsvps": list(counts)})
    plot = framed(label, x_axis_type="datetime")
    bars = plot.vbar("week", top="rsvps", width=0.8 * 7 * 86_400_000, source=source, fill_color=SECOND, line_color=None)
    plot.add_tools(
        HoverTool(
            tooltips=[("week of", "@week{%F}"), ("RSVPs", "@rsvps{0,0}")],
            renderers=[bars],
            formatters={"@week": "datetime"},
        )
    )
    if expected:
        week, value, low, high = expected
        next_week = ColumnDataSource({"week": [_midday(week)], "value": [value], "low": [low], "high": [high]})
        plot.segment("week", "low", "week", "high", source=next_week, line_color=ACCENT, line_width=4, line_alpha=0.6)
        dot = plot.scatter("week", "value", source=next_week, size=12, fill_color=ACCENT, line_color=None)
        tips = [("week of", "@week{%F}"), ("expected", "@value{0,0}"), ("80 % interval", "@low{0,0} to @high{0,0}")]
        plot.add_tools(HoverTool(tooltips=tips, renderers=[dot], formatters={"@week": "datetime"}))
    whole_numbers(plot)
    return plot


def _midday(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12)
