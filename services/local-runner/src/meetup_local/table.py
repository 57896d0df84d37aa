"""Numbers become what a person sees: a table on a terminal, a line elsewhere. Pure."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from meetup_local.board import Board, FeedLine, Status

_QUIET: Final = "bright_black"
_GOOD: Final = "green"
_BAD: Final = "yellow"
_MINUTE: Final = 60.0


def head(places: Iterable[tuple[str, str]]) -> RenderableType:
    """The title and where things are, as pairs of a word and a place."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style=_QUIET)
    grid.add_column(overflow="fold")
    for word, place in places:
        grid.add_row(word, Text(place))
    return Group("", Text("Meetup Analysis", style="bold"), "", grid, "")


def live(board: Board) -> RenderableType:
    """The table while it runs."""
    word = f"{board.phase} ..." if board.phase else f"running {duration(board.seconds)}, Ctrl-C stops"
    return Group(_feeds(board), "", _others(board), "", Text(word, style=_QUIET))


def summary(board: Board, gaps: Iterable[str]) -> RenderableType:
    """The table at the end."""
    counts = board.enricher
    table = _table("feed", ("records", "duplicates", "rejected", "restarts"))
    for line in board.feeds:
        table.add_row(line.feed, *_counts(line), number(line.status.restarts))
    profiles = Text(
        f"{number(counts.profiles)} profiles stored, {number(counts.missing)} ids without one, "
        f"{number(board.queue)} waiting, {number(counts.api_calls)} API calls"
    )
    verdict = [Text(f"{gap}", style=_BAD) for gap in gaps] or [
        Text("every feed stored records, and profiles arrived", style=_GOOD)
    ]
    return Group(
        "",
        Text(f"After {duration(board.seconds)}", style="bold"),
        "",
        table,
        "",
        Padding(profiles, (0, 1)),
        *(Padding(line, (0, 1)) for line in verdict),
        "",
    )


def line(board: Board) -> str:
    """The same without a terminal, in one line."""
    feeds = "  ".join(_words(each) for each in board.feeds)
    troubles = "".join(f"  {each.name} {each.trouble}" for each in board.others if each.trouble)
    counts = board.enricher
    return (
        f"{duration(board.seconds)}  {feeds}  queue {board.queue}  profiles {counts.profiles}"
        f"  API calls {counts.api_calls}{troubles}"
    )


def number(count: int) -> str:
    """``12,345``."""
    return f"{count:,}"


def duration(seconds: float) -> str:
    """``0:42``, ``2:03:04``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def span(seconds: float | None) -> str:
    """A lag, as exactly as a person needs it."""
    if seconds is None:
        return ""
    if seconds == float("inf"):
        return "> 30 min"  # the last finite bound of the stream's histogram
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < _MINUTE else f"{seconds / _MINUTE:.0f} min"


def _feeds(board: Board) -> Table:
    table = _table("feed", ("records", "per s", "lag", "duplicates", "rejected", "port"))
    table.add_column("")
    for each in board.feeds:
        stored, duplicate, rejected = _counts(each)
        table.add_row(
            _named(each.feed, each.status),
            stored,
            f"{each.per_second:.1f}",
            span(each.lag),
            duplicate,
            rejected,
            _port(each.status),
            _remark(each.status),
        )
    return table


def _others(board: Board) -> Table:
    counts = board.enricher
    said = {
        "enricher": f"queue {number(board.queue)}, profiles stored {number(counts.profiles)}, "
        f"without one {number(counts.missing)}, API calls {number(counts.api_calls)}"
    }
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right", style=_QUIET)
    table.add_column()
    table.add_column()
    for status in board.others:
        table.add_row(_named(status.name, status), _port(status), said.get(status.name, ""), _remark(status))
    return table


def _table(first: str, rest: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style=_QUIET, border_style=_QUIET)
    table.add_column(first, no_wrap=True)
    for name in rest:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _named(name: str, status: Status) -> Text:
    return Text.assemble(("● ", _BAD if status.trouble else _GOOD), name)


def _port(status: Status) -> Text:
    return Text(str(urlsplit(status.page).port), style=f"link {status.page}") if status.page else Text("")


def _remark(status: Status) -> Text:
    """The one column that gives way on a narrow terminal."""
    return Text(_trouble(status), style=_QUIET, no_wrap=True, overflow="ellipsis")


def _trouble(status: Status) -> str:
    times = "once" if status.restarts == 1 else f"{status.restarts} times"
    restarts = f"restarted {times}" if status.restarts else ""
    return ", ".join(filter(None, (status.trouble, restarts)))


def _counts(line: FeedLine) -> tuple[str, str, str]:
    return number(line.counts.stored), number(line.counts.duplicate), number(line.counts.rejected)


def _words(line: FeedLine) -> str:
    remark = _trouble(line.status)
    extra = "".join(
        f", {number} {word}"
        for number, word in ((line.counts.duplicate, "duplicate"), (line.counts.rejected, "rejected"))
        if number
    )
    return f"{line.feed} {line.counts.stored} ({line.per_second:.1f}/s{extra}{', ' + remark if remark else ''})"
