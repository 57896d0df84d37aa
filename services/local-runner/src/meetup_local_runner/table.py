"""Numbers become what a person sees: a table on a terminal, a line elsewhere. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from rich import box
from rich.console import Group, OverflowMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from meetup_local_runner.board import Board, FeedLine, Status

_QUIET: Final = "bright_black"
_GOOD: Final = "green"
_BAD: Final = "yellow"
_MINUTE: Final = 60.0
NO_FIGURE: Final = "-"
"""In place of a figure that is no longer known."""
_WIDTHS: Final = (16, 9, 6, 8, 10, 8, 5)
"""Wide enough for a day's figures, so that nothing moves sideways; 80 columns in all."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What a terminal or file can show: with an encoding that has no more, ASCII."""

    dot: str = "●"
    is_unicode: bool = True

    @classmethod
    def of(cls, encoding: str | None) -> "Signs":
        """Those that can be written in this encoding."""
        try:
            "●…─".encode(encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return cls("*", is_unicode=False)
        return cls()


def head(places: Iterable[tuple[str, str]]) -> Text:
    """The title and where things are, as pairs of a word and a place."""
    lines = [Text.assemble((f"{word:<11}", _QUIET), place) for word, place in places]
    return Text("\n").join((Text(), Text("Meetup Analysis", style="bold"), Text(), *lines, Text()))


def live(board: Board, signs: Signs | None = None) -> RenderableType:
    """The table while it runs."""
    signs = signs or Signs()
    word = f"{board.phase} ..." if board.phase else f"running {duration(board.seconds)}, Ctrl-C stops"
    return Group(_feeds(board, signs), "", _others(board, signs), "", *_remarks(board), Text(word, style=_QUIET))


def _but(silent: Iterable[str]) -> str:
    """Today's API has nothing for some feeds."""
    names = " and ".join(sorted(silent))
    return f" but {names}" if names else ""


def summary(board: Board, gaps: Iterable[str], signs: Signs | None = None) -> RenderableType:
    """The table at the end."""
    counts = board.enricher
    table = _table("feed", ("records", "duplicates", "rejected", "restarts"), signs or Signs())
    for line in board.feeds:
        table.add_row(line.feed, *_counts(line), number(line.status.restarts))
    profiles = Text(
        f"{number(counts.profiles)} profiles stored, none for {number(counts.missing)} ids, "
        f"{number(board.queue)} waiting, {number(counts.api_calls)} API calls"
    )
    verdict = [Text(f"{gap}", style=_BAD) for gap in gaps] or [
        Text(f"every feed{_but(board.silent)} stored records, and profiles arrived", style=_GOOD)
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


def _feeds(board: Board, signs: Signs) -> Table:
    table = _table("feed", ("records", "per s", "lag", "duplicates", "rejected", "port"), signs)
    for column, width in zip(table.columns, _WIDTHS, strict=True):
        column.min_width = width
    for each in board.feeds:
        stored, duplicate, rejected = _counts(each)
        rate = NO_FIGURE if each.per_second is None else f"{each.per_second:.1f}"
        figures = (stored, rate, NO_FIGURE if each.per_second is None else span(each.lag), duplicate, rejected)
        table.add_row(
            _named(each.feed, each.status, signs),
            *(Text(cell, style=_QUIET if each.per_second is None else "") for cell in figures),
            _port(each.status),
        )
    return table


def _remarks(board: Board) -> list[Text]:
    """What is not as it should be; while all starts or stops that would be everything."""
    if board.phase:
        return []
    statuses = (*(line.status for line in board.feeds), *board.others)
    remarks = [Text(f"{each.name}: {remark}", style=_BAD) for each in statuses if (remark := _remark(each))]
    return [*remarks, Text()] if remarks else []


def _others(board: Board, signs: Signs) -> Table:
    counts = board.enricher
    notes = {
        "enricher": f"queue {number(board.queue)}, profiles {number(counts.profiles)}, "
        f"none for {number(counts.missing)} ids, API calls {number(counts.api_calls)}",
    }
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right", style=_QUIET)
    table.add_column()
    for status in board.others:
        if status.name == "slack" and status.page:
            notes["slack"] = f"what is wrong is posted at {status.page}"
        if status.name == "insight" and status.page:
            notes["insight"] = f"plots at {status.page}, a minute after the first records"
        table.add_row(_named(status.name, status, signs), _port(status), notes.get(status.name, ""))
    return table


def _table(first: str, rest: Iterable[str], signs: Signs) -> Table:
    overflow: OverflowMethod = "ellipsis" if signs.is_unicode else "crop"
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style=_QUIET, border_style=_QUIET)
    table.add_column(first, no_wrap=True, overflow=overflow)
    for name in rest:
        table.add_column(name, justify="right", no_wrap=True, overflow=overflow)
    return table


def _named(name: str, status: Status, signs: Signs) -> Text:
    return Text.assemble((f"{signs.dot} ", _BAD if status.trouble else _GOOD), name)


def _port(status: Status) -> Text:
    return Text(str(urlsplit(status.page).port), style=f"link {status.page}") if status.page else Text("")


def _remark(status: Status) -> str:
    times = "once" if status.restarts == 1 else f"{status.restarts} times"
    restarts = f"restarted {times}" if status.restarts else ""
    return ", ".join(filter(None, (status.trouble, restarts)))


def _counts(line: FeedLine) -> tuple[str, str, str]:
    return number(line.counts.stored), number(line.counts.duplicate), number(line.counts.rejected)


def _words(line: FeedLine) -> str:
    remark = _remark(line.status)
    extra = "".join(
        f", {number} {word}"
        for number, word in ((line.counts.duplicate, "duplicate"), (line.counts.rejected, "rejected"))
        if number
    )
    rate = "no rate" if line.per_second is None else f"{line.per_second:.1f}/s"
    return f"{line.feed} {line.counts.stored} ({rate}{extra}{', ' + remark if remark else ''})"
