import hashlib
import json
import threading
import time
from datetime import datetime

import google_crc32c
import pytest
import requests
from meetup_stream.metrics import Metrics
from meetup_stream.reading.lines import OversizedLine
from meetup_stream.writing.account import Account
from meetup_stream.writing.layout import Durable
from meetup_stream.writing.records import RecordsWriter
from meetup_stream.writing.uploader import Uploader
from meetup_testkit.emulators.pytest_plugin import Bucket
from meetup_testkit.simulator_plugin import StartHttpFaultProxy
from meetup_testkit.stored import Stored
from meetupkit.errors import StoreUnavailable
from meetupkit.feeds import FEEDS
from meetupkit.progress import Progress
from meetupkit.records import Reason, Record, read_line
from meetupkit.stores.objects import NewObject
from meetupkit.stores.objects.cloud_storage import GcsObjects
from meetupkit.stores.objects.directory import DirectoryObjects


class Writing:
    """A writer of rsvps into a directory, and what it counted."""

    def __init__(self, stored: Stored) -> None:
        self.metrics = Metrics("rsvps")
        self.store = DirectoryObjects.from_url(f"file://{stored.directory}")
        self.store.check()
        uploader = Uploader(self.store, metrics=self.metrics, progress=Progress(), hard_stop=threading.Event())
        self.writer = RecordsWriter(FEEDS["rsvps"], "rsvps", self.store, uploader, Account(self.metrics))

    def write(self, *lines: bytes | OversizedLine) -> Durable:
        return self.writer.write([(line, time.monotonic()) for line in lines])

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"meetup_stream_{name}", {"feed": "rsvps", **labels}) or 0


def rsvp(rsvp_id: int, mtime: int, **other: object) -> bytes:
    record = {"rsvp_id": rsvp_id, "mtime": mtime, "member": {"member_id": 5}, "group": {"group_id": 6}, **other}
    return json.dumps(record, separators=(",", ":")).encode()


def test_a_record_is_stored_under_its_id_and_mtime_byte_for_byte(stored: Stored) -> None:
    batch = Writing(stored).write(rsvp(7, 1_500_000_000_123))
    assert stored.objects() == {"7_1500000000123.json": rsvp(7, 1_500_000_000_123)}
    assert batch == Durable(1_500_000_000_123, {5}, {6})


def test_a_record_seen_twice_is_stored_once(stored: Stored) -> None:
    writing = Writing(stored)
    writing.write(rsvp(7, 1), rsvp(7, 1))
    writing.write(rsvp(7, 1))
    assert list(stored.objects()) == ["7_1.json"]
    assert (writing.count("records_stored_total"), writing.count("records_duplicate_total")) == (1, 2)


def test_a_record_that_another_process_stored_is_not_stored_again_but_its_ids_are_told(stored: Stored) -> None:
    Writing(stored).write(rsvp(7, 1))
    again = Writing(stored)
    assert again.write(rsvp(7, 1)) == Durable(1, {5}, {6})
    assert (again.count("records_stored_total"), again.count("records_duplicate_total")) == (0, 1)


def test_an_update_of_a_record_is_another_object(stored: Stored) -> None:
    Writing(stored).write(rsvp(7, 1, response="yes"), rsvp(7, 2, response="no"))
    assert sorted(stored.objects()) == ["7_1.json", "7_2.json"]


def test_another_body_of_the_same_name_is_kept_beside_it(stored: Stored) -> None:
    first, other = rsvp(7, 1, guests=0), rsvp(7, 1, guests=1)
    beside = f"7_1_{google_crc32c.value(other):08x}.json"
    for _ in range(2):  # the second time as a restarted process would
        writing = Writing(stored)
        writing.write(first, other)
        assert stored.objects() == {"7_1.json": first, beside: other}
        writing.write(other, first)
        assert len(stored.objects()) == 2
    assert writing.count("records_collided_total") == 0


def test_a_collision_is_counted(stored: Stored) -> None:
    writing = Writing(stored)
    writing.write(rsvp(7, 1, guests=0), rsvp(7, 1, guests=1))
    assert (writing.count("records_stored_total"), writing.count("records_collided_total")) == (2, 1)


def test_a_line_that_is_no_record_is_kept_with_its_reason_and_does_not_stop_the_next(stored: Stored) -> None:
    writing = Writing(stored)
    writing.write(b'{"rsvp_id":', b"\xff\xfe", rsvp(7, 1))
    assert list(stored.objects()) == ["7_1.json"]
    kept = [json.loads(body) for body in stored.rejected().values()]
    assert {body.get("text") or body["base64"] for body in kept} == {'{"rsvp_id":', "//4="}
    assert {body["reason"] for body in kept} == {"not_json"}
    assert writing.count("records_rejected_total", reason="not_json") == 2


def test_a_rejected_line_that_comes_again_is_kept_once(stored: Stored) -> None:
    for _ in range(2):
        writing = Writing(stored)
        writing.write(b"not json", b"not json")
    assert len(stored.rejected()) == 1
    assert writing.count("records_rejected_total", reason=Reason.NOT_JSON) == 0


def test_of_an_oversized_line_the_beginning_is_kept(stored: Stored) -> None:
    writing = Writing(stored)
    writing.write(OversizedLine(b"begin", 5_000_000, "ab" * 32))
    (kept,) = (json.loads(body) for body in stored.rejected().values())
    assert (kept["reason"], kept["text"], kept["length"], kept["sha256"]) == (
        "too_large",
        "begin",
        5_000_000,
        "ab" * 32,
    )


def test_a_record_is_known_when_it_is_stored_whoever_stored_it(stored: Stored) -> None:
    record = read_line(FEEDS["rsvps"], rsvp(7, 1))
    assert isinstance(record, Record)
    writing, later = Writing(stored), Writing(stored)
    assert not writing.writer.is_stored(record)
    writing.write(rsvp(7, 1))
    assert writing.writer.is_stored(record)
    assert later.writer.is_stored(record)


def test_only_the_last_names_are_remembered(stored: Stored) -> None:
    writing = Writing(stored)
    for start in range(0, 24_000, 4_000):
        writing.write(*(rsvp(number, 1) for number in range(start, start + 4_000)))
    assert len(writing.writer._seen) == 20_000


def test_a_store_that_is_away_is_not_asked_for_every_object_of_a_batch(
    http_fault_proxy: StartHttpFaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = http_fault_proxy(9)
    away.answer(503)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", away.url)
    store = GcsObjects("bucket")
    tried_once = threading.Event()
    tried_once.set()
    uploader = Uploader(store, metrics=Metrics("rsvps"), progress=Progress(), hard_stop=tried_once)
    with pytest.raises(StoreUnavailable):
        uploader.create_all([NewObject(f"{number}", b"", 0) for number in range(500)])
    uploader.close()
    store.close()
    assert away.fired < 3 * store.concurrency


def test_cloud_storage_is_told_the_feed_the_mtime_and_when_the_line_was_read(cloud_storage: Bucket) -> None:
    metrics = Metrics("rsvps")
    store = GcsObjects.from_url(cloud_storage.url)
    uploader = Uploader(store, metrics=metrics, progress=Progress(), hard_stop=threading.Event())
    read_at = time.monotonic() - 100
    before = time.time()
    RecordsWriter(FEEDS["rsvps"], "rsvps", store, uploader, Account(metrics)).write([(rsvp(7, 1), read_at)])
    uploader.close()
    store.close()
    address = f"{cloud_storage.emulator.host}/storage/v1/b/{cloud_storage.name}/o/rsvps%2F7_1.json"
    metadata = requests.get(address, timeout=30).json()["metadata"]
    received = datetime.fromisoformat(metadata.pop("received")).timestamp()
    assert metadata == {"feed": "rsvps", "mtime": "1", "sha256": hashlib.sha256(rsvp(7, 1)).hexdigest()}
    assert before - 101 <= received <= time.time() - 99
