"""What grows with what lies in a bucket already: late records, a restart, reading a feed back, a year of names.

Records are generated rsvps. The stub's answers take 0 or 30 ms, as over a network.
"""

import hashlib
import json
import os
import resource
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import google_crc32c
from meetup_stream.metrics import Metrics
from meetup_stream.writing.account import Account
from meetup_stream.writing.damaged import DamagedObjects
from meetup_stream.writing.packing import Packer
from meetup_stream.writing.records import RecordsWriter
from meetup_stream.writing.segments import SegmentsWriter
from meetup_stream.writing.uploader import Uploader
from meetupkit.archive import SEGMENT_ENDING, folder_of, hour_of, read_feed
from meetupkit.feeds import FEEDS
from meetupkit.progress import Progress
from meetupkit.records import MAX_LINE_BYTES, Record, read_line
from meetupkit.stores import open_objects
from meetupkit.stores.objects import NewObject, ObjectStore

from bench.measurement import Row
from bench.program import server
from bench.workbench import Workbench

_HOUR_MS = 3_600_000
_STUB = "STORAGE_EMULATOR_HOST"
_LATE_HOURS = 20
_SEGMENTS = 60
_RESTART_SEGMENTS = 100
_RECORDS_EACH = 20


def reading_back(bench: Workbench) -> Iterable[Row]:
    """Each figure once; the bucket is filled without delays first."""
    lines = bench.rsvps(bench.scaled(20_000)).read_bytes().splitlines()
    for delay in bench.delays_ms:
        with _bucket(delay) as (store, fill):
            yield _read_records(bench, store, fill, lines, delay)
        with _bucket(delay) as (store, fill):
            yield _late(bench, store, fill, lines, delay)
        with _bucket(delay) as (store, fill):
            yield _restart(bench, store, fill, lines, delay)
        with _bucket(delay) as (store, fill):
            yield _catch_up(bench, store, fill, lines, delay)


def _read_records(bench: Workbench, store: ObjectStore, fill: "Fill", lines: Sequence[bytes], delay: int) -> Row:
    count = bench.scaled(3000)
    fill([_object(f"rsvps/{number}_1.json", line) for number, line in enumerate(lines[:count])])
    few = count // 20
    began = time.monotonic()
    for number in range(few):
        store.read(f"rsvps/{number}_1.json", most=MAX_LINE_BYTES)
    one_by_one = few / (time.monotonic() - began)
    began, cpu = time.monotonic(), _cpu()
    read = sum(1 for _ in read_feed(store, "rsvps"))
    seconds, cpu = time.monotonic() - began, _cpu() - cpu
    return Row(
        f"`read_feed`, `gs://`, layout `records`, {count:,} objects, an answer taking {delay} ms: records/s",
        "500" if delay else "",
        f"{read / seconds:,.0f}/s, one after the other {one_by_one:,.0f}/s; {1e6 * cpu / max(1, read):,.0f} µs of "
        "processor time each",
        "32 reads under way, in order; the interpreter, then the network's time.",
    )


def _late(bench: Workbench, store: ObjectStore, fill: "Fill", lines: Sequence[bytes], delay: int) -> Row:
    hours = max(1, bench.scaled(_LATE_HOURS))
    number = iter(range(10**9))
    now = _at(lines[0], 0)
    for hour in range(1, hours + 1):
        fill(
            [
                _segment([_at(lines[next(number) % len(lines)], -hour) for _ in range(_RECORDS_EACH)])
                for _ in range(_SEGMENTS)
            ]
        )
    fresh = [_with_id(lines[index % len(lines)], 10**9 + index, 0) for index in range(bench.scaled(2000) - hours)]
    other = [_with_id(lines[index % len(lines)], 3 * 10**9 + index, 0) for index in range(len(fresh))]
    late = [_with_id(now, 2 * 10**9 + hour, -hour) for hour in range(1, hours + 1)]
    without, seconds = _written(store, fresh), _written(store, [*other, *late])
    return Row(
        f"layout `batch`, `gs://`, {len(fresh) + hours:,} records of which {hours} are late into hours of "
        f"{_SEGMENTS} segments, an answer taking {delay} ms",
        "under 5 s" if delay else "",
        f"{seconds:.2f} s; without late ones {without:.2f} s",
        "An hour's names, then its segments, 32 under way, in the writer's thread.",
    )


def _restart(bench: Workbench, store: ObjectStore, fill: "Fill", lines: Sequence[bytes], delay: int) -> Row:
    segments = max(1, bench.scaled(_RESTART_SEGMENTS))
    rows = [_with_id(lines[index % len(lines)], index, 0) for index in range(segments * _RECORDS_EACH)]
    fill([_segment(rows[start : start + _RECORDS_EACH]) for start in range(0, len(rows), _RECORDS_EACH)])
    empty = _written(store, [_with_id(lines[0], 1, -1)])
    seconds = _written(store, rows[:1])
    return Row(
        f"layout `batch`, `gs://`, first record after a restart into an hour of {segments} segments, "
        f"an answer taking {delay} ms",
        "under 0.5 s" if delay else "",
        f"{seconds:.2f} s; into an hour of none {empty:.2f} s",
        "The same.",
    )


def _catch_up(bench: Workbench, store: ObjectStore, fill: "Fill", lines: Sequence[bytes], delay: int) -> Row:
    count = bench.scaled(5_000)
    names = [_record(line) for line in lines[:count]]
    fill([_object(f"rsvps/{each.data_id}_{each.mtime}.json", each.body) for each in names])
    metrics = Metrics("rsvps")
    uploader = Uploader(store, metrics=metrics, progress=Progress(), hard_stop=threading.Event())
    writer = RecordsWriter(FEEDS["rsvps"], "rsvps", store, uploader, Account(metrics))
    asked, began, cpu = _requests(), time.monotonic(), _cpu()
    for start in range(0, count, 256):
        writer.write([(line, began) for line in lines[start : min(count, start + 256)]])
    asked, seconds, cpu = _requests() - asked, time.monotonic() - began, _cpu() - cpu
    uploader.close()
    return Row(
        f"layout `records`, `gs://`, a backlog of {count:,} lines that are all stored, an answer taking {delay} ms",
        "at most 1 request a line",
        f"{asked / count:.2f} requests and {1e6 * cpu / count:,.0f} µs of processor time a line; {seconds:.1f} s",
        "Pages of a listing tell most; what lies apart is looked for one by one.",
    )


Fill = Callable[[Sequence[NewObject]], None]


@contextmanager
def _bucket(delay: int) -> Iterator[tuple[ObjectStore, Fill]]:
    with server("cloud_storage_stub.py", 0, 0, "whole") as storage:
        os.environ[_STUB] = storage
        store = open_objects("gs://bench")

        def fill(objects: Sequence[NewObject]) -> None:
            _delays(storage, 0)
            with ThreadPoolExecutor(store.concurrency) as pool:
                list(pool.map(store.create, objects))
            _delays(storage, delay)

        yield store, fill
        store.close()
        del os.environ[_STUB]


def _delays(storage: str, milliseconds: int) -> None:
    urllib.request.urlopen(f"{storage}/delay?upload={milliseconds}&answer={milliseconds}", timeout=10).close()


def _written(store: ObjectStore, lines: Sequence[bytes]) -> float:
    """Seconds for a new writer to store them."""
    metrics = Metrics("rsvps")
    uploader = Uploader(store, metrics=metrics, progress=Progress(), hard_stop=threading.Event())
    damaged = DamagedObjects("rsvps", store, uploader, metrics)
    writer = SegmentsWriter(FEEDS["rsvps"], "rsvps", damaged, uploader, Account(metrics), max_age=60)
    began = time.monotonic()
    for start in range(0, len(lines), 256):
        writer.write([(line, began) for line in lines[start : start + 256]])
    writer.finish()
    seconds = time.monotonic() - began
    uploader.close()
    return seconds


def _object(name: str, body: bytes) -> NewObject:
    return NewObject(name, body, google_crc32c.value(body), sha256=hashlib.sha256(body).hexdigest())


def _segment(lines: Sequence[bytes]) -> NewObject:
    packer = Packer()
    for line in lines:
        packer.add(line)
    digest, body = packer.finish()
    return _object(f"{folder_of('rsvps', hour_of(_record(lines[0]).mtime))}{digest}{SEGMENT_ENDING}", body)


def _record(line: bytes) -> Record:
    record = read_line(FEEDS["rsvps"], line)
    assert isinstance(record, Record)
    return record


def _at(line: bytes, hours: int) -> bytes:
    return _with_id(line, int(_record(line).data_id), hours)


def _with_id(line: bytes, rsvp_id: int, hours: int) -> bytes:
    """The line with this id and an mtime of the first hour, or so many hours from it."""
    record = _record(line)
    mtime = 1_760_000_400_000 + hours * _HOUR_MS
    renamed = line.replace(str(record.mtime).encode(), str(mtime).encode(), 1)
    return renamed.replace(record.data_id.encode(), str(rsvp_id).encode(), 1)


def _requests() -> int:
    """How many the stub has answered."""
    with urllib.request.urlopen(f"{os.environ[_STUB]}/stats", timeout=10) as answer:
        return int(json.load(answer)["requests"])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
