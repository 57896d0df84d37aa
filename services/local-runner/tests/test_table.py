"""Numbers become what a person sees."""

import io
from dataclasses import replace

import pytest
from boards import board
from meetup_local_runner import table
from meetup_local_runner.board import Board, FeedLine, missing
from meetup_local_runner.figures import EnricherCounts, StreamCounts
from meetupkit.feeds import FEEDS
from rich.console import Console, RenderableType


def drawn(what: RenderableType, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def cells(text: str, first: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if first in line)


def test_a_feed_s_line_has_its_counts_rate_lag_and_port() -> None:
    text = drawn(table.live(board(StreamCounts(stored=12345, duplicate=67, rejected=8))))

    assert cells(text, "rsvps") == ["●", "rsvps", "12,345", "12.3", "45", "ms", "67", "8", "40004"]


def test_the_enricher_s_line_has_queue_profiles_and_calls() -> None:
    text = drawn(table.live(board(StreamCounts())))

    assert "38000  queue 69, profiles 567, none for 12 ids, API calls 9" in text
    assert "running 1:02:03, Ctrl-C stops" in text


def test_a_process_in_trouble_is_said_to_be() -> None:
    troubled = board(StreamCounts(), trouble="down (signal 9), back in 2 s", restarts=2)

    assert "stream-rsvps: down (signal 9), back in 2 s, restarted 2 times" in drawn(table.live(troubled), width=80)
    assert "rsvps 0 (12.3/s, down (signal 9), back in 2 s, restarted 2 times)" in table.line(troubled)


def test_the_numbers_are_whole_on_a_terminal_of_80_columns() -> None:
    line = board(StreamCounts(1234567, 123456, 12345), trouble="down (signal 9), back in 2 s").feeds[0]
    feeds = tuple(FeedLine(feed, line.status, line.counts, 9999.9, float("inf")) for feed in FEEDS)
    full = Board(None, 1.0, feeds, EnricherCounts(), 0, ())

    text = drawn(table.live(full), width=80)

    for feed in FEEDS:
        assert cells(text, feed)[:9] == f"● {feed} 1,234,567 9999.9 > 30 min 123,456 12,345".split()


def test_figures_of_a_process_that_tells_none_look_old() -> None:
    there = board(StreamCounts(stored=12345), trouble="no figures for 12 s")
    silent = replace(there, feeds=(replace(there.feeds[0], per_second=None, lag=None),))

    assert cells(drawn(table.live(silent)), "rsvps")[:7] == ["●", "rsvps", "12,345", "-", "-", "0", "0"]
    assert "stream-rsvps: no figures for 12 s" in drawn(table.live(silent))
    assert "rsvps 12345 (no rate, no figures for 12 s)" in table.line(silent)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.0123, "12 ms"), (2.5, "2.5 s"), (240.0, "4 min"), (float("inf"), "> 30 min")],
)
def test_a_lag_is_as_exact_as_a_person_needs_it(seconds: float | None, text: str) -> None:
    assert table.span(seconds) == text


def test_the_summary_says_what_did_not_arrive() -> None:
    empty = Board(None, 8.0, board(StreamCounts()).feeds, EnricherCounts(), 0, ())

    assert missing(empty) == ["rsvps stored no record", "no profile arrived"]
    assert "rsvps stored no record" in drawn(table.summary(empty, missing(empty)))


def test_what_an_earlier_run_has_stored_counts_as_arrived() -> None:
    again = board(StreamCounts(duplicate=5), fresh=3)

    assert missing(again) == []
    assert "every feed stored records, and profiles arrived" in drawn(table.summary(again, []))


def test_the_summary_claims_nothing_of_a_feed_that_today_s_api_has_not() -> None:
    quiet = replace(board(StreamCounts(duplicate=5), fresh=3), silent=frozenset({"event_comments"}))

    assert missing(quiet) == []
    assert "every feed but event_comments stored records, and profiles arrived" in drawn(table.summary(quiet, []))
