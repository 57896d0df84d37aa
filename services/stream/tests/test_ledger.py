import json
from typing import Any

from meetup_simulator.pytest_plugin import StartSimulator
from meetup_simulator.service_process import StartStream, until
from meetup_simulator.stored import Stored
from meetup_stream.ledger import SAVE_SECONDS, Ledger
from meetup_stream.metrics import Metrics
from meetupkit.feeds import FEEDS
from meetupkit.stores.objects_directory import DirectoryObjects

MORNING = 1_700_006_400.0 + 9 * 3600
"""2023-11-15 09:00 UTC."""


class Clock:
    now = MORNING

    def __call__(self) -> float:
        return self.now


class Keeping:
    """One process's ledger of rsvps in the test's directory."""

    def __init__(self, stored: Stored) -> None:
        self.clock, self.metrics = Clock(), Metrics("rsvps")
        self.store = DirectoryObjects.from_url(f"file://{stored.directory}")
        self.store.check()
        self.ledger = Ledger(FEEDS["rsvps"], "rsvps", self.store, metrics=self.metrics, clock=self.clock)

    def connections(self, day: str = "2023-11-15") -> list[dict[str, Any]]:
        found = self.store.read(f"rsvps/_ledger/{day}")
        entries: list[dict[str, Any]] = json.loads(found.body)["connections"] if found else []
        return entries

    def brings(self, mtime: int, *, news: int) -> None:
        """The connection's next line is a record of this mtime."""
        lines = [(json.dumps({"rsvp_id": 1, "mtime": mtime}).encode(), float("inf"))] * 2
        for portion in self.ledger.portions(lines):
            self.ledger.wrote(portion, news)


def test_a_known_first_record_proves_that_nothing_is_missing(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.ledger.opened(mtime_before=5000, provable=True)
    keeping.brings(4000, news=0)
    keeping.brings(6000, news=1)
    keeping.ledger.save(now=True)
    (entry,) = keeping.connections()
    assert (entry["overlap"], entry["mtime_before"], entry["first_mtime"]) == (True, 5000, 4000)
    assert keeping.metrics.registry.get_sample_value("meetup_stream_gaps_total", {"feed": "rsvps"}) == 0
    assert keeping.metrics.registry.get_sample_value("meetup_stream_overlaps_total", {"feed": "rsvps"}) == 1


def test_a_new_first_record_is_a_possible_gap_between_two_mtimes(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.ledger.opened(mtime_before=5000, provable=True)
    keeping.brings(9000, news=1)
    keeping.ledger.save(now=True)
    (entry,) = keeping.connections()
    assert (entry["overlap"], entry["mtime_before"], entry["first_mtime"]) == (False, 5000, 9000)
    assert keeping.metrics.registry.get_sample_value("meetup_stream_gaps_total", {"feed": "rsvps"}) == 1


def test_where_nothing_was_stored_or_all_is_sent_nothing_can_be_missed(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.ledger.opened(mtime_before=0, provable=True)
    keeping.brings(9000, news=1)
    keeping.ledger.opened(mtime_before=9000, provable=False)
    keeping.brings(9500, news=1)
    keeping.ledger.save(now=True)
    assert [entry["overlap"] for entry in keeping.connections()] == [None, None]


def test_a_line_that_is_no_record_leaves_the_verdict_to_the_next(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.ledger.opened(mtime_before=5000, provable=True)
    for portion in keeping.ledger.portions([(b"not json", float("inf"))]):
        keeping.ledger.wrote(portion, 0)
    keeping.brings(9000, news=1)
    keeping.ledger.save(now=True)
    assert [entry["overlap"] for entry in keeping.connections()] == [False]


def test_lines_of_the_connection_before_tell_nothing_of_this_one(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.ledger.opened(mtime_before=5000, provable=True)
    lines = [(b"{}", 0.0), (b"{}", float("inf")), (b"{}", float("inf"))]
    assert next(iter(keeping.ledger.portions(lines))) == lines[:1]


def test_a_restarted_process_goes_on_with_the_day(stored: Stored) -> None:
    first = Keeping(stored)
    first.ledger.opened(mtime_before=0, provable=True)
    first.metrics.records_stored.inc(3)
    first.ledger.save(now=True)
    second = Keeping(stored)
    second.clock.now += 60
    second.ledger.opened(mtime_before=7, provable=True)
    second.metrics.records_duplicate.inc(2)
    second.ledger.closed("ended")
    second.ledger.save(now=True)
    before, after = second.connections()
    assert (before["stored"], before["cause"], before["closed_at"]) == (3, "process ended", None)
    assert (after["duplicate"], after["cause"], after["mtime_before"]) == (2, "ended", 7)


def test_a_day_has_its_own_object(stored: Stored) -> None:
    keeping = Keeping(stored)
    keeping.ledger.opened(mtime_before=5, provable=True)
    keeping.metrics.records_stored.inc(3)
    keeping.ledger.save()
    keeping.metrics.records_stored.inc(1)
    keeping.clock.now += 24 * 3600
    keeping.ledger.save()
    keeping.metrics.records_stored.inc(2)
    keeping.clock.now += SAVE_SECONDS
    keeping.ledger.save()
    assert [entry["stored"] for entry in keeping.connections("2023-11-15")] == [4]
    assert [entry["stored"] for entry in keeping.connections("2023-11-16")] == [2]


def test_a_backlog_too_short_for_an_outage_is_told(
    simulator: StartSimulator, start_stream: StartStream, stored: Stored
) -> None:
    meetup = simulator("--rate=200", "--backlog=10")
    first = start_stream(meetup.stream_url("rsvps")).wait_ready()
    until(lambda: len(stored.objects()) > 50, "some records")
    assert first.stop() == 0
    missed = len(meetup.published("rsvps")) + 50
    until(lambda: len(meetup.published("rsvps")) > missed, "more than the backlog holds")
    second = start_stream(meetup.stream_url("rsvps")).wait_ready()
    until(lambda: second.metric("meetup_stream_gaps_total") == 1, "the gap")
    assert second.stop() == 0
    entries = [
        entry
        for day in (stored.directory / "rsvps" / "_ledger").iterdir()
        for entry in json.loads(day.read_bytes())["connections"]
    ]
    assert [entry["overlap"] for entry in entries] == [None, False]
    assert sum(entry["stored"] for entry in entries) == len(stored.objects())


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
