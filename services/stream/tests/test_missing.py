"""Is anything missing from last Tuesday?"""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from meetup_stream.completeness.day import Day, Entry
from meetup_stream.completeness.report import Answer, answer
from meetup_testkit.service_process import StartStream
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.stored import Stored

from services.stream.tests.gap import SHORT_BACKLOG, come_back_too_late, store_some

TUESDAY = date(2026, 11, 17)
LATER = datetime(2026, 11, 23, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> str:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC).isoformat()


def mtime(day: int, hour: int) -> int:
    return int(datetime(2026, 11, day, hour, tzinfo=UTC).timestamp() * 1000)


def through(day: int) -> Day:
    """A day that one connection was open all through."""
    return Day(at(day, 23, 59), [Entry(at(day - 1, 5), received=9, overlap=True, continued=True)])


def asked(*days: Day, now: datetime = LATER) -> Answer:
    """The answer for Tuesday; the days are Tuesday and those that follow."""
    return answer(TUESDAY, {date(2026, 11, 17 + n): day for n, day in enumerate(days)}, now=now)


def test_a_day_that_one_connection_was_open_through_misses_nothing() -> None:
    assert asked(through(17), through(18)).complete


def test_a_reconnect_whose_first_record_was_known_misses_nothing() -> None:
    ended = Entry(at(16, 5), at(17, 9), "broken", received=9, overlap=True, continued=True)
    again = Entry(at(17, 10), received=9, overlap=True)
    assert asked(Day(at(17, 23, 59), [ended, again]), through(18)).complete


def test_a_gap_names_the_mtimes_at_its_ends() -> None:
    ended = Entry(at(16, 5), at(17, 9), "broken", received=9, overlap=True, continued=True)
    again = Entry(at(17, 12), received=9, mtime_before=mtime(17, 9), first_mtime=mtime(17, 11), overlap=False)
    found = asked(Day(at(17, 23, 59), [ended, again]), through(18))
    assert found.gaps == [(mtime(17, 9), mtime(17, 11))]
    assert not found.complete


def test_a_connection_that_was_not_judged_leaves_the_day_open() -> None:
    unjudged = Entry(at(17, 8), at(17, 9), "process ended", received=9, mtime_before=mtime(17, 7))
    assert asked(Day(at(17, 9), [unjudged])).unknown_since == datetime(2026, 11, 17, tzinfo=UTC)


def test_a_connection_that_asked_for_the_whole_database_need_not_be_judged() -> None:
    whole = Entry(at(17, 0), received=9, mtime_before=mtime(16, 7), whole=True)
    assert asked(Day(at(17, 23, 59), [whole]), through(18)).complete


def test_a_gap_that_only_a_later_day_found_is_told_too() -> None:
    ended = Entry(at(16, 5), at(17, 20), "process ended", received=9, overlap=True, continued=True)
    again = Entry(at(19, 3), received=9, mtime_before=mtime(17, 20), first_mtime=mtime(19, 2), overlap=False)
    found = asked(Day(at(17, 20), [ended]), Day(at(18, 0), []), Day(at(19, 23), [again]))
    assert found.gaps == [(mtime(17, 20), mtime(19, 2))]


def test_a_gap_of_another_day_is_not_this_days() -> None:
    again = Entry(at(18, 5), received=9, mtime_before=mtime(18, 2), first_mtime=mtime(18, 4), overlap=False)
    assert asked(through(17), Day(at(18, 23), [again])).complete


def test_a_first_record_of_years_ago_does_not_hide_a_gap() -> None:
    """mtimes run backwards, so that of the first record may lie before the last one's."""
    again = Entry(at(17, 12), received=9, mtime_before=mtime(17, 9), first_mtime=mtime(1, 1), overlap=False)
    assert asked(Day(at(17, 23), [again]), through(18)).gaps


def test_a_feed_that_never_came_back_is_not_known_to_be_complete() -> None:
    ended = Entry(at(16, 5), at(17, 20), "broken", received=9, overlap=True, continued=True)
    assert asked(Day(at(17, 20), [ended])).unknown_since == datetime(2026, 11, 17, 20, tzinfo=UTC)


def test_a_process_that_was_killed_is_known_until_its_last_ledger() -> None:
    running = Entry(at(16, 5), received=9, overlap=True, continued=True)
    assert asked(Day(at(17, 15), [running])).unknown_since == datetime(2026, 11, 17, 15, tzinfo=UTC)


def test_a_connection_that_has_brought_nothing_yet_tells_nothing_of_the_time_before() -> None:
    ended = Entry(at(16, 5), at(17, 20), "broken", received=9, overlap=True, continued=True)
    found = asked(Day(at(17, 23), [ended, Entry(at(17, 21))]))
    assert found.unknown_since == datetime(2026, 11, 17, 20, tzinfo=UTC)


def test_a_day_without_a_ledger_is_not_known() -> None:
    assert not asked().complete
    assert not asked(Day(at(17, 0), [])).complete


def test_of_a_day_before_the_feed_was_first_read_nothing_is_known() -> None:
    found = answer(TUESDAY, {date(2026, 11, 19): Day(at(19, 23), [Entry(at(19, 8), received=9)])}, now=LATER)
    assert not found.complete
    assert found.first_read == datetime(2026, 11, 19, 8, tzinfo=UTC)


def test_the_day_on_which_a_feed_was_first_read_misses_nothing_since() -> None:
    found = asked(Day(at(17, 23, 59), [Entry(at(17, 8), received=9)]), through(18))
    assert found.complete
    assert found.first_read == datetime(2026, 11, 17, 8, tzinfo=UTC)


def test_of_today_only_what_has_passed_is_asked() -> None:
    running = Entry(at(16, 5), received=9, overlap=True, continued=True)
    assert asked(Day(at(17, 15), [running]), now=datetime(2026, 11, 17, 15, 1, tzinfo=UTC)).complete
    assert not asked(Day(at(17, 15), [running]), now=datetime(2026, 11, 17, 16, tzinfo=UTC)).complete


def asked_on_the_command_line(directory: Path, *arguments: str) -> tuple[int, str]:
    environ = {"STREAM_FEED": "rsvps", "STREAM_OBJECTS": f"file://{directory}"}
    command = [sys.executable, "-m", "meetup_stream.missing", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def last_ledger(stored: Stored) -> Path:
    """Of today, or of yesterday at midnight."""
    return max((stored.directory / "rsvps" / "_ledger").iterdir())


def test_the_command_answers_from_what_a_feed_has_stored(
    simulator: StartSimulator, start_stream: StartStream, stored: Stored
) -> None:
    meetup = simulator(*SHORT_BACKLOG)
    store_some(meetup, start_stream, stored)
    code, answered = asked_on_the_command_line(stored.directory, last_ledger(stored).name)
    assert (code, "nothing is missing" in answered) == (0, True), answered
    come_back_too_late(meetup, start_stream)
    day = last_ledger(stored)
    code, answered = asked_on_the_command_line(stored.directory, day.name)
    assert (code, "possible gap: after the record of" in answered) == (1, True), answered
    assert f" {sum(entry.stored for entry in Day.from_json(day.read_bytes()).connections):,} stored" in answered


@pytest.mark.parametrize("arguments", [(), ("Tuesday",), ("2026-11-17", "2026-11-18")])
def test_the_command_says_how_it_is_used(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert asked_on_the_command_line(tmp_path, *arguments) == (
        2,
        "usage: python -m meetup_stream.missing YYYY-MM-DD\n",
    )
