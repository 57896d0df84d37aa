"""Plots of names, of cells and of places, with hover, made by Bokeh. Pure."""

from collections.abc import Sequence
from typing import Final

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

from meetup_insight.page.plot_frame import ACCENT, INK, SECOND, Plot, framed

_HEAT: Final = ("#f3e3dc", "#f6c9b5", "#f2a585", "#ea7d57", "#d9552f", "#b43d1c", "#842a12")
_TICKS: Final = 4
"""Of a scale beside names: more would cover each other on a phone."""


def ranked(label: str, rows: Sequence[tuple[str, float]], unit: str) -> Plot:
    """Names with a bar each, the first on top."""
    names = _distinct([name for name, _ in rows])
    source = ColumnDataSource({"name": names, "value": [value for _, value in rows]})
    plot = framed(label, y_range=FactorRange(*reversed(names)), height=max(140, 26 * len(names) + 50))
    plot.hbar("name", right="value", height=0.7, source=source, fill_color=SECOND, line_color=None)
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
    colors = [ACCENT if row[2] > 0 else SECOND if row[3] < 0 else INK for row in rows]
    source = ColumnDataSource(
        {"name": names, "value": [row[1] for row in rows], "low": [row[2] for row in rows],
         "high": [row[3] for row in rows],
         "n": [row[4] for row in rows], "color": colors}
    )  # fmt: skip
    plot = framed(label, y_range=FactorRange(*reversed(names)), height=max(160, 26 * len(names) + 50))
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
    plot = framed(label, x_range=Range1d(-0.5, len(columns) - 0.5), y_range=FactorRange(*reversed(rows)), height=320)
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
    plot = framed(label, height=460, x_axis_label="longitude", y_axis_label="latitude")
    wheel = WheelZoomTool(modifiers="ctrl")  # the wheel alone scrolls the page
    plot.add_tools(PanTool(), wheel)
    plot.toolbar.active_scroll = wheel
    plot.scatter(
        "longitude", "latitude", size="size", source=source, fill_color=ACCENT, fill_alpha=0.55, line_color=ACCENT
    )
    tips = [("cell", "@latitude, @longitude"), ("RSVPs", "@rsvps{0,0}"), ("members", "@members{0,0}")]
    plot.add_tools(HoverTool(tooltips=tips))
    return plot


def _distinct(names: Sequence[str]) -> list[str]:
    """A name that comes twice is told apart by a space at its end; long ones are cut."""
    found: list[str] = []
    for name in names:
        short = name if len(name) <= 34 else name[:33] + "…"
        while short in found:
            short += " "
        found.append(short)
    return found
