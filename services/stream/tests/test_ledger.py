import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from meetup_stream.completeness.day import Entry
from meetup_stream.completeness.ledger import MAX_ENTRIES, SAVE_SECONDS, Ledger
from meetup_stream.labels import LINES, Verdict
from meetup_stream.metrics import Metrics
from meetup_stream.reading.intake import Closed, Opened, TimedLine
from meetup_stream.reading.lines import OversizedLine
from meetup_testkit.service_process import StartStream, until
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.stored import Stored
from meetupkit.errors import Conflict, StoreUnavailable, TransientError
from meetupkit.feeds import FEEDS
from meetupkit.records import Record
from meetupkit.stores.objects import StoredObject
from meetupkit.stores.objects.directory import DirectoryObjects

from services.stream.tests.gap import SHORT_BACKLOG, come_back_too_late, store_some

MORNING = 1_700_006_400.0 + 9 * 3600
"""2023-11-15 09:00 UTC."""


class Clock:
    now = MORNING

    def __call__(self) -> float:
        return self.now


def lines_at(*read_at: float, mtime: int = 9000) -> list[TimedLine]:
    return [(json.dumps({"rsvp_id": 1, "mtime": mtime}).encode(), at) for at in read_at]


def tried_twice(call: Callable[[], None]) -> None:
    try:
        call()
    except TransientError:
        call()


class Keeping:
    """One process's ledger of rsvps in the test's directory."""

    def __init__(self, stored: Stored) -> None:
        self.clock, self.metrics = Clock(), Metrics("rsvps")
        self.store = DirectoryObjects.from_url(f"file://{stored.directory}")
        self.store.check()
        self.ledger = self.of(self.store)

    def of(self, store: DirectoryObjects) -> Ledger:
        return Ledger(FEEDS["rsvps"], "rsvps", store, metrics=self.metrics, with_retries=tried_twice, clock=self.clock)

    def opens(self, mtime_before: int = 5000, *, whole: bool = False) -> Entry:
        """A connection, at the clock's time and a little more than the one before."""
        self.clock.now += 0.000001
        return self.ledger.opened(Opened(self.clock.now, whole), mtime_before=mtime_before)

    def closes(self, cause: str = "ended") -> None:
        self.ledger.closed(Closed(self.clock.now, cause))

    def connections(self, day: str = "2023-11-15") -> list[dict[str, Any]]:
        found = self.store.read(f"rsvps/_ledger/{day}")
        entries: list[dict[str, Any]] = json.loads(found.body)["connections"] if found else []
        return entries

    def figure(self, name: str, **labels: str) -> float | None:
        """The value of a metric of the feed."""
        return self.metrics.registry.get_sample_value(f"meetup_stream_{name}", {"feed": "rsvps", **labels})

    def brings(self, mtime: int, *, known: bool) -> None:
        """The connection's next line is a record of this mtime."""
        self.brings_lines(lines_at(0.0, mtime=mtime), known=known)

    def brings_lines(self, lines: Sequence[TimedLine], *, known: bool) -> None:
        """The first record of them that is asked for is stored already or not, and the later ones then are."""
        answers = iter([known])
        portions = [*self.ledger.judging(lines, lambda _: next(answers, True))]
        assert [line for portion in portions for line in portion] == lines


def test_a_known_first_record_proves_that_nothing_is_missing(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.opens(5000)
    keeping.brings(4000, known=True)
    keeping.brings(6000, known=False)
    keeping.ledger.save(now=True)
    (entry,) = keeping.connections()
    assert (entry["overlap"], entry["mtime_before"], entry["first_mtime"]) == (True, 5000, 4000)
    assert keeping.metrics.registry.get_sample_value("meetup_stream_gaps_total", {"feed": "rsvps"}) == 0
    assert keeping.metrics.registry.get_sample_value("meetup_stream_overlaps_total", {"feed": "rsvps"}) == 1


def test_a_new_first_record_is_a_possible_gap_between_two_mtimes(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.opens(5000)
    keeping.brings(9000, known=False)
    keeping.ledger.save(now=True)
    (entry,) = keeping.connections()
    assert (entry["overlap"], entry["mtime_before"], entry["first_mtime"]) == (False, 5000, 9000)
    assert keeping.metrics.registry.get_sample_value("meetup_stream_gaps_total", {"feed": "rsvps"}) == 1


def test_where_nothing_was_stored_or_all_is_sent_nothing_can_be_missed(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.opens(0)
    keeping.brings(9000, known=False)
    keeping.opens(9000, whole=True)
    keeping.brings(9500, known=False)
    keeping.ledger.save(now=True)
    assert [entry["overlap"] for entry in keeping.connections()] == [None, None]


def test_a_line_that_is_no_record_leaves_the_verdict_to_the_next(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.opens(5000)
    keeping.brings_lines([(b"not json", 0.0), (OversizedLine(b"{", 9, "00"), 0.0)], known=True)
    keeping.brings(9000, known=False)
    keeping.ledger.save(now=True)
    assert [entry["overlap"] for entry in keeping.connections()] == [False]


def test_a_first_record_is_looked_up_when_the_lines_before_it_are_written_and_itself_is_not(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.opens(5000)
    lines = [(b"{}", 0.0), *lines_at(0.0, 0.0)]
    written: list[TimedLine] = []

    def is_stored(_: Record) -> bool:
        assert written == lines[:1]
        return False

    for portion in keeping.ledger.judging(lines, is_stored):
        written += portion
    assert written == lines


def test_a_gap_is_written_down_before_the_record_that_shows_it(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.opens(5000)
    for _ in keeping.ledger.judging(lines_at(0.0), lambda _: False):
        assert [entry["overlap"] for entry in keeping.connections()] == [False]


def test_a_restarted_process_goes_on_with_the_day(stored: Stored) -> None:
    first = Keeping(stored)
    first.opens(0).stored += 3
    first.ledger.save(now=True)
    second = Keeping(stored)
    second.clock.now += 60
    second.opens(7).duplicate += 2
    second.closes("ended")
    second.ledger.save(now=True)
    before, after = second.connections()
    assert (before["stored"], before["cause"], before["closed_at"]) == (3, "process ended", None)
    assert (after["duplicate"], after["cause"], after["mtime_before"]) == (2, "ended", 7)


def test_a_day_has_its_own_object(stored: Stored) -> None:
    keeping = Keeping(stored)
    entry = keeping.opens(5)
    entry.stored += 3
    keeping.ledger.save()
    entry.stored += 1
    keeping.clock.now += 24 * 3600
    keeping.ledger.save()
    entry.stored += 2
    keeping.clock.now += SAVE_SECONDS
    keeping.ledger.save()
    assert [entry["stored"] for entry in keeping.connections("2023-11-15")] == [4]
    assert [entry["stored"] for entry in keeping.connections("2023-11-16")] == [2]


def test_a_connection_that_is_open_at_midnight_goes_on_without_a_gap(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.opens(5000)
    keeping.brings(9000, known=False)
    keeping.ledger.save(now=True)
    keeping.clock.now += 24 * 3600
    keeping.ledger.save(now=True)
    (before,), (after,) = keeping.connections("2023-11-15"), keeping.connections("2023-11-16")
    assert (before["overlap"], before["continued"]) == (False, False)
    assert (after["overlap"], after["continued"], after["opened_at"]) == (True, True, before["opened_at"])


def test_what_becomes_after_midnight_of_lines_from_before_is_counted(stored: Stored) -> None:
    keeping = Keeping(stored)
    ended, done = keeping.opens(5000), keeping.opens(5000)
    ended.received, ended.stored, ended.closed_at = 5, 2, ended.opened_at
    keeping.brings(4000, known=True)
    done.duplicate += 1
    keeping.closes()
    keeping.ledger.save(now=True)
    keeping.clock.now += 24 * 3600
    keeping.ledger.save(now=True)
    ended.stored += 3
    keeping.ledger.save(now=True)
    assert [entry["stored"] for entry in keeping.connections("2023-11-15")] == [2, 0]
    (entry,) = keeping.connections("2023-11-16")
    assert (entry["overlap"], entry["continued"], entry["received"], entry["stored"]) == (True, True, 0, 3)


def test_a_connection_whose_first_record_comes_after_midnight_is_judged_in_the_new_day(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.opens(5000)
    keeping.ledger.save(now=True)
    keeping.clock.now += 24 * 3600
    keeping.ledger.save(now=True)
    keeping.brings(4000, known=True)
    keeping.closes()
    keeping.ledger.save(now=True)
    (entry,) = keeping.connections("2023-11-16")
    assert (entry["overlap"], entry["received"], entry["cause"]) == (True, 1, "ended")


def test_a_gap_is_written_at_the_next_look_and_not_a_minute_later(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.ledger.save()
    keeping.opens(5000)
    keeping.clock.now += 1
    keeping.ledger.save()
    assert keeping.connections() == []
    keeping.brings(9000, known=False)
    assert [entry["overlap"] for entry in keeping.connections()] == [False]


def test_the_figures_of_the_day_outlive_the_process(stored: Stored) -> None:
    first = Keeping(stored)
    entry = first.opens(0)
    first.brings_lines([(b"{}", 0.0)] * 10, known=True)
    entry.stored += 9
    first.opens(5000)
    first.brings(9000, known=False)
    first.ledger.save(now=True)
    second = Keeping(stored)
    assert second.figure("ledger_since_timestamp_seconds") == 0
    second.clock.now += 60
    second.opens(9000)
    second.brings(8000, known=True)
    second.brings_lines([(b"{}", 0.0)] * 3, known=True)
    second.ledger.save()
    assert second.figure("ledger_since_timestamp_seconds") == MORNING - 9 * 3600
    verdicts = {verdict: second.figure("ledger_connections", verdict=verdict) for verdict in Verdict}
    assert verdicts == {Verdict.OVERLAP: 1, Verdict.GAP: 1, Verdict.UNPROVEN: 1}
    assert {state: second.figure("ledger_lines", state=state) for state in LINES} == {
        "received": 15,
        "stored": 9,
        "duplicate": 0,
        "rejected": 0,
    }
    gap = (second.figure("last_gap_from_timestamp_seconds"), second.figure("last_gap_to_timestamp_seconds"))
    assert gap == (5, 9)


def test_a_gap_stays_though_a_thousand_connections_share_its_entry(stored: Stored) -> None:
    keeping = Keeping(stored)
    for mtime in range(1, MAX_ENTRIES + 3):
        keeping.opens(mtime)
        keeping.brings(mtime + 1, known=mtime != MAX_ENTRIES + 1)
    keeping.ledger.save(now=True)
    entries = keeping.connections()
    assert len(entries) == MAX_ENTRIES
    last = entries[-1]
    assert (last["overlap"], last["mtime_before"], last["shared_by"]) == (False, MAX_ENTRIES + 1, 3)


OF_WORDS = b'{"saved_at": "", "connections": [{"opened_at": "x", "received": "many"}]}'


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"saved_at": "", "connections": [3]}', b"\xff", OF_WORDS])
def test_a_day_that_somebody_damaged_is_begun_anew_and_does_not_stop_the_feed(stored: Stored, body: bytes) -> None:
    keeping = Keeping(stored)
    keeping.store.replace("rsvps/_ledger/2023-11-15", body, expected_version=0)
    keeping.opens(0)
    keeping.ledger.save(now=True)
    assert len(keeping.connections()) == 1


def test_a_field_of_a_later_release_does_not_stop_the_feed(stored: Stored) -> None:
    keeping = Keeping(stored)
    day = {
        "saved_at": "2023-11-15T08:00:00+00:00",
        "connections": [{"opened_at": "2023-11-15T01:00:00+00:00", "colour": "blue"}],
        "of": 3,
    }
    keeping.store.replace("rsvps/_ledger/2023-11-15", json.dumps(day).encode(), expected_version=0)
    keeping.ledger.save(now=True)
    assert [entry["opened_at"] for entry in keeping.connections()] == ["2023-11-15T01:00:00+00:00"]


def test_a_backlog_too_short_for_an_outage_is_told(
    simulator: StartSimulator, start_stream: StartStream, stored: Stored
) -> None:
    meetup = simulator(*SHORT_BACKLOG)
    store_some(meetup, start_stream, stored)
    come_back_too_late(meetup, start_stream)
    entries = [
        entry
        for day in (stored.directory / "rsvps" / "_ledger").iterdir()
        for entry in json.loads(day.read_bytes())["connections"]
    ]
    assert [entry["overlap"] for entry in entries] == [None, False]
    assert sum(entry["stored"] for entry in entries) == len(stored.objects())
    assert all(e["received"] == e["stored"] + e["duplicate"] + e["rejected"] for e in entries)


def test_a_reconnect_within_the_backlog_is_seen_to_miss_nothing(
    simulator: StartSimulator, start_stream: StartStream, stored: Stored
) -> None:
    meetup = simulator("--rate=200")
    ended = meetup.faults.end(feed="rsvps", after=100, times=2)
    stream = start_stream(meetup.stream_url("rsvps")).wait_ready()
    ended.wait_until_fired(2)
    until(lambda: stream.metric("meetup_stream_overlaps_total") >= 1, "the overlap")
    assert stream.metric("meetup_stream_gaps_total") == 0
    assert stream.stop() == 0
    assert stored.objects()


def test_each_connection_is_judged_by_its_own_first_record(stored: Stored) -> None:
    keeping = Keeping(stored)
    for known in (False, True):
        keeping.opens(5000)
        keeping.brings(9000, known=known)
        keeping.closes("broken")
    keeping.ledger.save(now=True)
    assert [entry["overlap"] for entry in keeping.connections()] == [False, True]


def test_the_first_record_of_the_whole_database_judges_no_connection_before_it(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.opens(5000)
    keeping.closes("broken")
    keeping.opens(5000, whole=True)
    keeping.brings(9000, known=False)
    keeping.ledger.save(now=True)
    assert [(entry["overlap"], entry["whole"]) for entry in keeping.connections()] == [(None, False), (None, True)]


def test_a_gap_found_after_midnight_of_a_connection_before_it_is_in_the_new_day(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.opens(5000)
    keeping.ledger.save(now=True)
    keeping.clock.now += 24 * 3600
    keeping.ledger.save(now=True)
    keeping.brings(9000, known=False)
    assert [entry["overlap"] for entry in keeping.connections("2023-11-16")] == [False]


class AwayAfterConflict(DirectoryObjects):
    """Somebody else has written, and then the store is unavailable."""

    away = False

    def replace(self, name: str, body: bytes, *, expected_version: int) -> int:
        if self.away:
            raise Conflict(f"{name} has another version")
        return super().replace(name, body, expected_version=expected_version)

    def read(self, name: str, *, most: int | None = None) -> StoredObject | None:
        if self.away:
            raise StoreUnavailable("away")
        return super().read(name, most=most)


def test_a_store_that_is_away_after_a_conflict_is_waited_for(stored: Stored, caplog: pytest.LogCaptureFixture) -> None:
    keeping = Keeping(stored)
    store = AwayAfterConflict.from_url(f"file://{stored.directory}")
    store.check()
    ledger = keeping.of(store)
    ledger.opened(Opened(keeping.clock.now, whole=False), mtime_before=5000)
    ledger.save(now=True)
    store.away = True
    ledger.save(now=True)
    assert [getattr(record, "event", "") for record in caplog.records] == ["ledger_unsaved"]
    store.away = False
    ledger.closed(Closed(keeping.clock.now, "ended"))
    ledger.save(now=True)
    assert [entry["cause"] for entry in keeping.connections()] == ["ended"]
