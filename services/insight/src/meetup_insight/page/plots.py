"""Plots with hover, made by Bokeh; colours that read on white and on black. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from math import nan
from typing import Any, Final

from bokeh.models import (
    ColumnDataSource,
    FactorRange,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    NumeralTickFormatter,
    PanTool,
    Range1d,
    WheelZoomTool,
)
from bokeh.plotting import figure

_INK: Final = "#8a93a3"
_GRID: Final = "rgba(138,147,163,0.22)"
ACCENT: Final = "#e4572e"
_SECOND: Final = "#3d8bd9"
PALETTE: Final = ("#e4572e", "#3d8bd9", "#2fa579", "#c58a12", "#9a63c9")
"""Told apart by those who see no red or green as well: they differ in lightness."""
_HEAT: Final = ("#f3e3dc", "#f6c9b5", "#f2a585", "#ea7d57", "#d9552f", "#b43d1c", "#842a12")
_HEIGHT: Final = 340
_WEEK: Final = timedelta(weeks=1)
_TICKS: Final = 4
"""Of a scale beside names: more would cover each other on a phone."""

Plot = Any


def _figure(label: str, **more: Any) -> Plot:
    plot = figure(
        sizing_mode="stretch_width", toolbar_location=None, tools="", background_fill_alpha=0, border_fill_alpha=0,
        outline_line_color=None, **{"height": _HEIGHT, **more},
    )  # fmt: skip
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = _INK
        axis.major_label_text_font_size = "12px"
    plot.xgrid.grid_line_color = plot.ygrid.grid_line_color = _GRID
    plot.name = label
    return plot


def stacked_days(label: str, days: Sequence[date], parts: Mapping[str, Sequence[int]]) -> Plot:
    """Bars by day, one colour for each part."""
    source = ColumnDataSource(
        {"day": [_midday(day) for day in days], **{name: list(values) for name, values in parts.items()}}
    )
    plot = _figure(label, x_axis_type="datetime")
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
    _legend(plot)
    _counts(plot)
    return plot


def line_with_band(label: str, rows: Sequence[tuple[date, float, float, float, int]], form: str = "0.0%") -> Plot:
    """A value over weeks with its interval: week, value, low, high, support; broken where weeks are missing."""
    rows = _with_breaks(rows)
    weeks, values, lows, highs, counts = zip(*rows, strict=True) if rows else ((),) * 5
    source = ColumnDataSource(
        {"week": [_midday(week) for week in weeks], "value": values, "low": lows, "high": highs, "n": counts}
    )
    plot = _figure(label, x_axis_type="datetime")
    plot.varea("week", "low", "high", source=source, fill_color=_SECOND, fill_alpha=0.2)
    plot.line("week", "value", source=source, line_color=_SECOND, line_width=2.5)
    dots = plot.scatter("week", "value", source=source, size=7, fill_color=_SECOND, line_color=None)
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
    plot = _figure(label, x_axis_type="datetime")
    bars = plot.vbar(
        "week", top="rsvps", width=0.8 * 7 * 86_400_000, source=source, fill_color=_SECOND, line_color=None
    )
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
    _counts(plot)
    return plot


def ranked(label: str, rows: Sequence[tuple[str, float]], unit: str) -> Plot:
    """Names with a bar each, the first on top."""
    names = _distinct([name for name, _ in rows])
    source = ColumnDataSource({"name": names, "value": [value for _, value in rows]})
    plot = _figure(label, y_range=FactorRange(*reversed(names)), height=max(140, 26 * len(names) + 50))
    plot.hbar("name", right="value", height=0.7, source=source, fill_color=_SECOND, line_color=None)
    plot.add_tools(HoverTool(tooltips=[("", "@name"), (unit, "@value{0,0.[00]}")]))
    plot.x_range.start = 0
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0.[00]")
    plot.xaxis.ticker.desired_num_ticks = _TICKS
    plot.ygrid.grid_line_color = None
    return plot


def intervals(
    label: str,
    rows: Sequence[tuple[str, float, float, float, int]],
    interval: str = "95 % interval",
    support: str = "members",
) -> Plot:
    """Names with a dot and its interval around nothing: name, value, low, high, support."""
    names = _distinct([row[0] for row in rows])
    colors = [ACCENT if row[2] > 0 else _SECOND if row[3] < 0 else _INK for row in rows]
    source = ColumnDataSource(
        {"name": names, "value": [row[1] for row in rows], "low": [row[2] for row in rows],
         "high": [row[3] for row in rows],
         "n": [row[4] for row in rows], "color": colors}
    )  # fmt: skip
    plot = _figure(label, y_range=FactorRange(*reversed(names)), height=max(160, 26 * len(names) + 50))
    plot.segment("low", "name", "high", "name", source=source, line_color="color", line_width=3, line_alpha=0.55)
    dots = plot.scatter("value", "name", source=source, size=10, fill_color="color", line_color=None)
    tips = [("", "@name"), ("value", "@value{0.0%}"), (interval, "@low{0.0%} to @high{0.0%}"), (support, "@n")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=[dots]))
    plot.xaxis.formatter = NumeralTickFormatter(format="0%")
    plot.xaxis.ticker.desired_num_ticks = _TICKS
    return plot


def heat(
    label: str, columns: Sequence[str], rows: Sequence[str], cells: Sequence[tuple[str, str, float, int]], form: str
) -> Plot:
    """A grid of cells: column, row, value, support."""
    values = [cell[2] for cell in cells]
    source = ColumnDataSource(
        {
            "x": [columns.index(cell[0]) for cell in cells],
            "column": [cell[0] for cell in cells],
            "y": [cell[1] for cell in cells],
            "value": values,
            "n": [cell[3] for cell in cells],
        }
    )
    plot = _figure(label, x_range=Range1d(-0.5, len(columns) - 0.5), y_range=FactorRange(*reversed(rows)), height=320)
    plot.xaxis.ticker = FixedTicker(ticks=list(range(0, len(columns), 3)))  # all would cover each other on a phone
    plot.xaxis.major_label_overrides = dict(enumerate(columns))
    mapper = LinearColorMapper(palette=list(_HEAT), low=min(values, default=0), high=max(values, default=1))
    plot.rect("x", "y", 0.94, 0.92, source=source, fill_color={"field": "value", "transform": mapper}, line_color=None)
    plot.add_tools(HoverTool(tooltips=[("", "@y, @column h"), ("value", f"@value{{{form}}}"), ("members", "@n")]))
    plot.grid.grid_line_color = None
    return plot


def places(label: str, rows: Sequence[tuple[float, float, int, int]]) -> Plot:
    """Cells on a map without tiles, for no outside host is asked: latitude, longitude, RSVPs, members."""
    most = max((row[2] for row in rows), default=1)
    source = ColumnDataSource(
        {"latitude": [row[0] for row in rows], "longitude": [row[1] for row in rows], "rsvps": [row[2] for row in rows],
         "members": [row[3] for row in rows], "size": [6 + 26 * (row[2] / most) ** 0.5 for row in rows]}
    )  # fmt: skip
    plot = _figure(label, height=460, x_axis_label="longitude", y_axis_label="latitude")
    wheel = WheelZoomTool(modifiers="ctrl")  # the wheel alone scrolls the page
    plot.add_tools(PanTool(), wheel)
    plot.toolbar.active_scroll = wheel
    plot.scatter(
        "longitude", "latitude", size="size", source=source, fill_color=ACCENT, fill_alpha=0.55, line_color=ACCENT
    )
    tips = [("cell", "@latitude, @longitude"), ("RSVPs", "@rsvps{0,0}"), ("members", "@members{0,0}")]
    plot.add_tools(HoverTool(tooltips=tips))
    return plot


def _counts(plot: Plot) -> None:
    """A scale of whole numbers from nothing on, written out: Bokeh's own turns 200,000 into 2.000e+5."""
    plot.y_range.start = 0
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")


def _legend(plot: Plot) -> None:
    plot.legend.background_fill_alpha = 0
    plot.legend.border_line_color = None
    plot.legend.label_text_color = _INK
    plot.legend.orientation = "horizontal"
    plot.legend.location = "top_left"
    plot.add_layout(plot.legend[0], "above")


def _midday(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12)


def _distinct(names: Sequence[str]) -> list[str]:
    """A name that comes twice is told apart by a space at its end; long ones are cut."""
    found: list[str] = []
    for name in names:
        short = name if len(name) <= 34 else name[:33] + "…"
        while short in found:
            short += " "
        found.append(short)
    return found
