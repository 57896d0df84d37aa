"""The stream's own notes beside the records, cursor and ledger, damaged: no feed ends, and what can be kept is kept."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from meetup_stream.checkpoint import Cursor
from meetup_stream.completeness.day import Day, Entry, Figures
from meetup_stream.completeness.ledger import Ledger
from meetup_stream.completeness.report import answer
from meetup_stream.completeness.report import report as lines_of_report
from meetup_stream.cursor_body import Checkpoint
from meetup_stream.metrics import Metrics
from meetup_stream.reading.intake import Opened
from meetup_testkit.hostile_objects import damaged_json
from meetup_testkit.stored import Stored
from meetupkit.feeds import FEEDS
from meetupkit.progress import Progress
from meetupkit.stores.objects.directory import DirectoryObjects

NOW = 1_700_000_000.0
IDS = (frozenset(range(1_000, 1_030)), frozenset({7, 8}))
CHECKPOINT = Checkpoint(1_600_000_000_000, IDS, 1_600_000_000.0, "stream-0-abc")
DAY_ASKED = datetime(2023, 11, 14, 12, tzinfo=UTC)
DAY = Day(
    "2023-11-14T22:13:20.000000+00:00",
    [
        Entry("2023-11-14T10:00:00.000000+00:00", "2023-11-14T11:00:00.000000+00:00", "broken", received=3, stored=3),
        Entry("2023-11-14T11:00:01.000000+00:00", received=9, duplicate=9, mtime_before=5000, overlap=True),
    ],
)


class Feed:
    """One process's cursor and ledger in the test's directory."""

    def __init__(self, stored: Stored) -> None:
        self.store = DirectoryObjects.from_url(f"file://{stored.directory}")
        self.store.check()
        self.metrics = Metrics("rsvps")
        self.cursor = Cursor(
            self.store,
            "rsvps",
            owner="me",
            pending=lambda: IDS,
            metrics=self.metrics,
            progress=Progress(),
            hard_stop=threading.Event(),
            clock=lambda: NOW,
        )
        self.ledger = Ledger(
            FEEDS["rsvps"],
            "rsvps",
            self.store,
            metrics=self.metrics,
            with_retries=lambda call: call(),
            clock=lambda: NOW,
        )

    def put(self, name: str, body: bytes) -> None:
        found = self.store.read(name)
        self.store.replace(name, body, expected_version=found.version if found else 0)


def copies(stored: Stored) -> list[bytes]:
    return [path.read_bytes() for path in (stored.directory / "rsvps" / "_damaged").rglob("*") if path.is_file()]


def test_whatever_a_damaged_cursor_says_is_plausible_or_refused() -> None:
    kinds: Counter[str] = Counter()
    for kind, body in damaged_json(CHECKPOINT.to_json()):
        kinds[kind] += 1
        with suppress(ValueError):
            read = Checkpoint.from_json(body)
            assert 0 <= read.mtime < 2**53
            assert Checkpoint.from_json(read.to_json()) == read
        salvaged = Checkpoint.salvaged(body)
        assert all(0 < number < 2**63 for ids in salvaged.pending for number in ids)
    assert sum(kinds.values()) > 800


def test_of_a_damaged_cursor_the_waiting_ids_and_a_copy_are_kept(stored: Stored) -> None:
    whole = CHECKPOINT.to_json()
    for body in (whole[:-1], whole.replace(b'"mtime": 1', b'"mtime": x'), whole + b"}"):
        feed = Feed(stored)
        feed.put("rsvps/_cursor", body)
        assert feed.cursor.acquire() == Checkpoint(pending=IDS)
        assert body in copies(stored)


def test_a_number_that_was_cut_is_nobodys_id(stored: Stored) -> None:
    body = CHECKPOINT.to_json()
    assert Checkpoint.salvaged(body[: body.index(b"1010") + 2]).pending == (frozenset(range(1_000, 1_010)), frozenset())


@pytest.mark.parametrize("future", [{"mtime": 99_999_999_999_999}, {"passed_at": 1e12}])
def test_a_cursor_of_the_future_is_not_believed(stored: Stored, future: dict[str, float]) -> None:
    feed = Feed(stored)
    feed.put("rsvps/_cursor", json.dumps({**json.loads(CHECKPOINT.to_json()), **future}).encode())
    found = feed.cursor.acquire()
    assert (found.mtime <= NOW * 1000, found.passed_at <= NOW, found.pending) == (True, True, IDS)


@pytest.mark.parametrize("name", ["_cursor", "_ledger/2023-11-14"])
def test_a_folder_in_the_place_of_a_note_stops_no_feed(stored: Stored, name: str) -> None:
    (stored.directory / "rsvps" / name / "x").mkdir(parents=True)
    feed = Feed(stored)
    assert feed.cursor.acquire() == Checkpoint()
    feed.cursor.advance(1_600_000_000_000)
    feed.cursor.save()
    feed.ledger.opened(Opened(time.time(), whole=False), mtime_before=5)
    feed.ledger.save(now=True)
    assert feed.cursor.superseded_by is None


def test_a_cursor_that_is_removed_or_damaged_under_a_running_feed_is_written_anew(stored: Stored) -> None:
    feed = Feed(stored)
    feed.cursor.acquire()
    for number, body in enumerate([b"", None, b"{", None]):
        path = stored.directory / "rsvps" / "_cursor"
        path.write_bytes(body) if body is not None else path.unlink()
        feed.cursor.advance(1_600_000_000_000 + number)
        feed.cursor.save()
        feed.cursor.save()
        assert feed.cursor.superseded_by is None
        assert Checkpoint.from_json(path.read_bytes()).mtime == 1_600_000_000_000 + number


def test_whatever_a_damaged_day_says_can_be_figured_or_is_refused() -> None:
    kinds: Counter[str] = Counter()
    for kind, body in damaged_json(DAY.to_json("rsvps")):
        kinds[kind] += 1
        with suppress(ValueError):
            day = Day.from_json(body)
            float(sum(Figures.of(day.connections).lines.values()))
            asked = DAY_ASKED
            found = answer(asked.date(), {asked.date(): day}, now=asked)
            assert list(lines_of_report("rsvps", asked.date(), found))
    assert sum(kinds.values()) > 2000


def test_a_damaged_day_is_begun_anew_and_a_copy_is_kept(stored: Stored) -> None:
    for body in (b"", b"\0" * 900, DAY.to_json("rsvps")[:-20], b"[" * 100_000):
        feed = Feed(stored)
        feed.put("rsvps/_ledger/2023-11-14", body)
        feed.ledger.opened(Opened(time.time(), whole=False), mtime_before=5)
        feed.ledger.save(now=True)
        assert body in copies(stored)
        path = stored.directory / "rsvps" / "_ledger" / "2023-11-14"
        assert len(Day.from_json(path.read_bytes()).connections) == 1


def test_the_report_passes_over_what_is_no_day_and_names_the_days_it_cannot_read(stored: Stored) -> None:
    folder = stored.directory / "rsvps" / "_ledger"
    folder.mkdir(parents=True)
    (folder / "2023-11-14").write_bytes(DAY.to_json("rsvps"))
    (folder / "2023-11-15").write_bytes(b"{")
    for name in ("notes.txt", "2023-13-01", "2023W471", "20231114", "9999-99-99", "\u202e"):
        (folder / name).write_bytes(b"foreign")
    code, answered = report(stored.directory, "2023-11-14")
    assert code == 1, answered
    assert "the ledger of 2023-11-15 is damaged" in answered
    assert "12 stored" not in answered
    assert "lines: 12; 3 stored, 9 known before" in answered


def report(directory: Path, day: str) -> tuple[int, str]:
    environ = {"STREAM_FEED": "rsvps", "STREAM_OBJECTS": f"file://{directory}"}
    command = [sys.executable, "-m", "meetup_stream.missing", day]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr
