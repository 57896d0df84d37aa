import threading

from meetup_stream.checkpoint import EXPIRED_SECONDS, RENEWAL_SECONDS, Cursor
from meetup_stream.cursor_body import Checkpoint
from meetup_stream.metrics import Metrics
from meetup_testkit.stored import Stored
from meetupkit.progress import Progress
from meetupkit.stores.objects import StoredObject
from meetupkit.stores.objects.directory import DirectoryObjects

NOW = 1_700_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


class Keeping:
    """One process's cursor of rsvps in the test's directory."""

    def __init__(self, stored: Stored, owner: str) -> None:
        self.store = DirectoryObjects.from_url(f"file://{stored.directory}")
        self.store.check()
        self.clock = Clock()
        self.ids: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
        self.cursor = Cursor(
            self.store,
            "rsvps",
            owner=owner,
            pending=lambda: self.ids,
            metrics=Metrics("rsvps"),
            progress=Progress(),
            hard_stop=threading.Event(),
            clock=self.clock,
        )

    def object(self) -> StoredObject:
        found = self.store.read("rsvps/_cursor")
        assert found is not None
        return found

    def saved(self) -> Checkpoint:
        return Checkpoint.from_json(self.object().body)


def test_a_restarted_process_finds_what_the_last_one_saved(stored: Stored) -> None:
    first = Keeping(stored, "first")
    assert first.cursor.acquire() == Checkpoint()
    first.ids = (frozenset({3, 1}), frozenset({2}))
    first.cursor.advance(1_500_000_000_000)
    first.cursor.snapshot_complete()
    first.cursor.save()
    found = Keeping(stored, "second").cursor.acquire()
    assert found == Checkpoint(1_500_000_000_000, (frozenset({1, 3}), frozenset({2})), NOW, "first")


def test_the_cursor_never_moves_backwards(stored: Stored) -> None:
    keeping = Keeping(stored, "one")
    keeping.cursor.acquire()
    keeping.cursor.advance(2000)
    keeping.cursor.advance(1000)
    assert keeping.cursor.mtime == 2000


def test_an_mtime_of_the_far_future_moves_no_cursor(stored: Stored) -> None:
    keeping = Keeping(stored, "one")
    keeping.cursor.acquire()
    keeping.cursor.advance(int(NOW * 1000) + 25 * 3_600_000)
    assert keeping.cursor.mtime == 0
    keeping.cursor.advance(int(NOW * 1000) + 23 * 3_600_000)
    assert keeping.cursor.mtime > 0


def test_a_cursor_that_did_not_move_is_written_only_as_a_heartbeat(stored: Stored) -> None:
    keeping = Keeping(stored, "one")
    keeping.cursor.acquire()
    version = keeping.object().version
    keeping.cursor.save()
    assert keeping.object().version == version
    keeping.clock.now += RENEWAL_SECONDS
    keeping.cursor.save()
    assert keeping.object().version != version


def test_an_abandoned_cursor_has_missed_more_than_one_heartbeat() -> None:
    assert EXPIRED_SECONDS > 2 * RENEWAL_SECONDS


def test_of_two_processes_the_one_whose_cursor_was_claimed_stands_back(stored: Stored) -> None:
    first, second = Keeping(stored, "first"), Keeping(stored, "second")
    first.cursor.acquire()
    first.cursor.advance(5000)
    first.cursor.save()
    second.cursor.acquire()
    second.cursor.advance(9000)
    second.cursor.save()
    first.cursor.advance(6000)
    first.cursor.save()
    assert first.cursor.superseded_by == "second"
    assert second.cursor.superseded_by is None
    assert second.saved().mtime == 9000


def test_a_write_whose_answer_was_lost_is_not_taken_for_another_process(stored: Stored) -> None:
    keeping = Keeping(stored, "one")
    keeping.cursor.acquire()
    found = keeping.object()
    keeping.store.replace("rsvps/_cursor", found.body, expected_version=found.version)  # as if this were that write
    keeping.cursor.advance(1000)
    keeping.cursor.save()
    keeping.cursor.save()
    assert keeping.cursor.superseded_by is None
    assert keeping.saved().mtime == 1000


def test_an_unreadable_cursor_asks_for_everything(stored: Stored) -> None:
    keeping = Keeping(stored, "one")
    for body in (b"", b"[]", b"{}", b'{"mtime":"x"}', b"\xff"):
        found = keeping.store.read("rsvps/_cursor")
        keeping.store.replace("rsvps/_cursor", body, expected_version=found.version if found else 0)
        assert Keeping(stored, "two").cursor.acquire() == Checkpoint()
