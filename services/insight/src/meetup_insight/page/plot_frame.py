"""What all plots share: their frame, their scales and colours that read on white and on black. Pure."""

from typing import Any, Final

from bokeh.models import NumeralTickFormatter
from bokeh.plotting import figure

INK: Final = "#8a93a3"
_GRID: Final = "rgba(138,147,163,0.22)"
ACCENT: Final = "#e4572e"
SECOND: Final = "#3d8bd9"
PALETTE: Final = ("#e4572e", "#3d8bd9", "#2fa579", "#c58a12", "#9a63c9")
"""Told apart by those who see no red or green as well: they differ in lightness."""
_HEIGHT: Final = 340

Plot = Any


def framed(label: str, **more: Any) -> Plot:
    """An empty plot as wide as the page; ``more`` is Bokeh's."""
    plot = figure(
        sizing_mode="stretch_width", toolbar_location=None, tools="", background_fill_alpha=0, border_fill_alpha=0,
        outline_line_color=None, **{"height": _HEIGHT, **more},
    )  # fmt: skip
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = INK
        axis.major_label_text_font_size = "12px"
    plot.xgrid.grid_line_color = plot.ygrid.grid_line_color = _GRID
    plot.name = label
    return plot


def whole_numbers(plot: Plot) -> None:
    """A scale of whole numbers from nothing on, written out: Bokeh's own turns 200,000 into 2.000e+5."""
    plot.y_range.start = 0
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")


def legend_above(plot: Plot) -> None:
    """The names of the colours, in a row."""
    plot.legend.background_fill_alpha = 0
    plot.legend.border_line_color = None
    plot.legend.label_text_color = INK
    plot.legend.orientation = "horizontal"
    plot.legend.location = "top_left"
    plot.add_layout(plot.legend[0], "above")
