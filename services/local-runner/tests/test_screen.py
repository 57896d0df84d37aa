"""Where the board is shown: any terminal, any encoding, and readers who leave."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import pytest
from boards import board
from meetup_local_runner import table
from meetup_local_runner.board import Board, Status
from meetup_local_runner.figures import StreamCounts
from meetup_local_runner.outlet import Outlet
from meetup_local_runner.screen import LineScreen, Screen, TerminalScreen, screen
from rich.console import Console

ENCODINGS = ("ascii", "latin-1", "iso8859-15", "cp437", "koi8-r", "utf-8", "utf-16", "cp1252")
WIDTHS = (1, 10, 20, 40, 79, 80, 200)
COMMAND = Path(sys.executable).with_name("meetup-local-runner")


def show_all(shown: Screen, moment: Board) -> None:
    """Everything a run shows, in its order."""
    shown.open([("objects", "file:///home/jürgen/Größe"), ("logs", "/data/\u65e5\u672c")])
    shown.show(replace(moment, phase="starting"))
    shown.show(moment)
    shown.ready(moment.others)
    shown.show(replace(moment, feeds=tuple(replace(line, per_second=None, lag=None) for line in moment.feeds)))
    shown.close(moment, ["rsvps stored no record"])


def terminal(outlet: Outlet, width: int) -> TerminalScreen:
    console = Console(file=cast("IO[str]", outlet), width=width, force_terminal=True, highlight=False)
    return TerminalScreen(console, outlet)


@pytest.mark.parametrize("trouble", [None, "down (signal 9), back in 2 s \u2014 \u65e5\u672c"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_terminal_can_show_it(encoding: str, width: int, trouble: str | None) -> None:
    written = io.BytesIO()
    outlet = Outlet(io.TextIOWrapper(written, encoding=encoding))
    show_all(terminal(outlet, width), board(StreamCounts(1234567, 12, 3), trouble=trouble))
    outlet.flush()
    text = re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|\]8;[^\x1b]*\x1b\\\\)", "", written.getvalue().decode(encoding))
    assert not outlet.is_closed
    if width >= 80:
        assert (("●" if encoding.startswith("utf") else "*") + " rsvps") in text
        assert "1,234,567" in text


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_file_can_hold_it(encoding: str) -> None:
    written = io.BytesIO()
    outlet = Outlet(io.TextIOWrapper(written, encoding=encoding))
    show_all(LineScreen(outlet), board(StreamCounts(1234567, 12, 3)))
    outlet.flush()
    assert "rsvps 1234567" in written.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", [None, "", "no-such-encoding", "ascii"])
def test_an_unknown_encoding_gets_ascii(encoding: str | None) -> None:
    assert table.Signs.of(encoding) == table.Signs("*", is_unicode=False)


@pytest.fixture
def left_pipe() -> Iterator[io.TextIOWrapper]:
    """A pipe whose reader has left."""
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w", encoding="utf-8")
    yield stream
    stream.close()


@pytest.mark.parametrize("kind", ["lines", "table"])
def test_a_reader_who_leaves_is_noticed_and_nothing_is_raised(left_pipe: io.TextIOWrapper, kind: str) -> None:
    outlet = Outlet(left_pipe)
    shown: Screen = LineScreen(outlet) if kind == "lines" else terminal(outlet, 80)
    show_all(shown, board(StreamCounts(1)))
    assert shown.reader_left


def test_a_full_disk_is_noticed_and_nothing_is_raised() -> None:
    with Path("/dev/full").open("w") as full:
        outlet = Outlet(full)
        show_all(LineScreen(outlet), board(StreamCounts(1)))
        assert outlet.is_closed


def test_standard_output_that_was_closed_from_the_start_shows_nothing_and_does_not_end_the_run() -> None:
    shown = screen(None)
    show_all(shown, Board(None, 1.0, (), board(StreamCounts()).enricher, 0, (Status("enricher", None, None, 0),)))
    assert not shown.reader_left


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = os.openpty()
    for term, kind in (("dumb", LineScreen), ("xterm", TerminalScreen)):
        monkeypatch.setenv("TERM", term)
        with os.fdopen(os.dup(follower), "w") as out:
            assert isinstance(screen(out), kind)
    os.close(leader)
    os.close(follower)


@pytest.mark.timeout(400)  # a pipeline starts, and a machine may be busy
@pytest.mark.parametrize(
    ("environ", "shell"),
    [
        ({"PYTHONIOENCODING": "ascii"}, "{command} --data {data} --documents sqlite:////no/such/folder/file"),
        (
            {"LC_ALL": "C", "PYTHONUTF8": "0"},
            "{command} --data {data} --documents sqlite:////no/such/folder/file | head -1",
        ),
        ({}, "{command} --data {data} --documents sqlite:////no/such/folder/file >&-"),
        ({}, "{command} --data {data} --documents sqlite:////no/such/folder/file >&- 2>&-"),
        ({}, "{command} --data {data} --documents sqlite:////no/such/folder/file > /dev/full"),
        ({"PYTHONIOENCODING": "latin-1"}, "{command} --data {data} 2>&1 | head -1"),
    ],
    ids=["ascii", "C and head", "no stdout", "no output", "full disk", "latin-1 and head"],
)
def test_the_command_ends_without_a_traceback(environ: dict[str, str], shell: str, tmp_path: Path) -> None:
    line = shell.format(command=COMMAND, data=tmp_path / "Gr\u00f6\u00dfe")
    ended = subprocess.run(
        ["bash", "-c", line],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        timeout=300,
        check=False,
    )
    said = ended.stdout.decode("latin-1") + ended.stderr.decode("latin-1")
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
    assert "Exception ignored" not in said
