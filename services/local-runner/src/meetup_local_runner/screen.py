"""Where the board is shown: redrawn in place on a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Callable, Iterable
from typing import IO, Final, Protocol, TextIO, cast

from rich.console import Console
from rich.live import Live

from meetup_local_runner import table
from meetup_local_runner.board import Board, Status
from meetup_local_runner.outlet import Outlet

LINE_SECONDS: Final = 5.0
_FILE_WIDTH: Final = 100
"""Columns of the summary in a log file, which has no width of its own."""


class Screen(Protocol):
    """What a run shows of itself, in this order."""

    def open(self, places: Iterable[tuple[str, str]]) -> None:
        """The title and where things are."""

    def show(self, board: Board) -> None:
        """The board as it is now."""

    def ready(self, processes: Iterable[Status]) -> None:
        """Everything is ready; where each process listens is known."""

    def close(self, board: Board | None, gaps: Iterable[str]) -> None:
        """The end; with the board if there is something to sum up."""

    @property
    def reader_left(self) -> bool:
        """Whether nobody reads any more what is shown: a closed pipe, a terminal that is gone."""


class TerminalScreen:
    """One table that stays in its place."""

    def __init__(self, console: Console, outlet: Outlet) -> None:
        self._console = console
        self._outlet = outlet
        self._signs = table.Signs.of(outlet.encoding)
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def open(self, places: Iterable[tuple[str, str]]) -> None:
        metrics = ("metrics", "http://127.0.0.1:PORT/metrics, ports in the table")
        self._console.print(table.head((*places, metrics)), soft_wrap=True)  # a path cut in two cannot be copied
        self._live.start()

    def show(self, board: Board) -> None:
        self._live.update(table.live(board, self._signs), refresh=True)

    def ready(self, processes: Iterable[Status]) -> None:
        """The table has the ports."""

    def close(self, board: Board | None, gaps: Iterable[str]) -> None:
        self._live.stop()
        if board:
            self._console.print(table.summary(board, gaps, self._signs))

    @property
    def reader_left(self) -> bool:
        return self._outlet.is_closed


class LineScreen:
    """Plain text, one line at a time."""

    def __init__(self, out: Outlet, clock: Callable[[], float] = time.monotonic) -> None:
        self._signs = table.Signs.of(out.encoding)
        self._console = Console(file=cast("IO[str]", out), width=_FILE_WIDTH, soft_wrap=True, highlight=False)
        self._out = out
        self._clock = clock
        self._next = 0.0
        self._phase: str | None = None

    def open(self, places: Iterable[tuple[str, str]]) -> None:
        for word, place in places:
            self._say(f"{word}: {place}")

    def show(self, board: Board) -> None:
        if board.phase:
            if board.phase != self._phase:
                self._say(board.phase)
        elif self._clock() >= self._next:
            self._next = self._clock() + LINE_SECONDS
            self._say(table.line(board))
        self._phase = board.phase

    def ready(self, processes: Iterable[Status]) -> None:
        for process in processes:
            self._say(f"{process.name}: {process.page}")

    def close(self, board: Board | None, gaps: Iterable[str]) -> None:
        if board:
            self._console.print(table.summary(board, gaps, self._signs))

    @property
    def reader_left(self) -> bool:
        return self._out.is_closed

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


def screen(stdout: TextIO | None) -> Screen:
    """The one that fits where stdout goes; a terminal that cannot move its cursor gets lines."""
    outlet = Outlet(stdout)
    console = Console(file=cast("IO[str]", outlet), highlight=False)
    fits = console.is_terminal and not console.is_dumb_terminal
    return TerminalScreen(console, outlet) if fits else LineScreen(outlet)
