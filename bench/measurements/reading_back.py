"""What grows with what lies in a bucket already: late records, a restart, reading a feed back, a year of names.

Records are generated rsvps. The stub's answers take 0 or 30 ms, as over a network.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Final

from meetup_stream.metrics import Metrics
from meetup_stream.writing.account import Account
from meetup_stream.writing.records import RecordsWriter
from meetup_stream.writing.uploader import Uploader
from meetupkit.archive import read_feed
from meetupkit.feeds import FEEDS
from meetupkit.progress import Progress
from meetupkit.records import MAX_LINE_BYTES
from meetupkit.stores.objects import NewObject, ObjectStore

from bench.full_bucket import (
    Fill,
    a_segment,
    an_object,
    at_hour,
    bucket,
    cpu_seconds,
    record_of,
    requests_of_stub,
    with_id,
    written,
)
from bench.measurement import Row
from bench.workbench import Workbench

_LATE_HOURS: Final = (5, 20, 40)
"""Old hours into which one late record comes each: the time of one hour is to be the same."""
_SEGMENTS: Final = 60
_RESTART_SEGMENTS: Final = (25, 100, 400)
_RECORDS_EACH: Final = 20
_BACKLOGS: Final = (1_000, 5_000, 20_000)
"""Lines that are stored already."""
_ONE_BY_ONE: Final = 100
"""Of them, for the other side of the ratio: each waits for two answers."""


def reading_back(bench: Workbench) -> Iterable[Row]:
    """Each figure once; the bucket is filled without delays first."""
    lines = bench.rsvps(bench.scaled(20_000)).read_bytes().splitlines()
    for delay in bench.delays_ms:
        with bucket(delay) as (store, fill):
            yield _read_records(bench, store, fill, lines, delay)
        for measured, sizes in ((_late, _LATE_HOURS), (_restart, _RESTART_SEGMENTS), (_catch_up, _BACKLOGS)):
            for size in sizes:
                with bucket(delay) as (store, fill):
                    yield measured(bench, store, fill, lines, delay, size)


def _read_records(bench: Workbench, store: ObjectStore, fill: Fill, lines: Sequence[bytes], delay: int) -> Row:
    count = bench.scaled(3000)
    fill([an_object(f"rsvps/{number}_1.json", line) for number, line in enumerate(lines[:count])])
    few = count // 20
    began = time.monotonic()
    for number in range(few):
        store.read(f"rsvps/{number}_1.json", most=MAX_LINE_BYTES)
    one_by_one = few / (time.monotonic() - began)
    began, cpu = time.monotonic(), cpu_seconds()
    read = sum(1 for _ in read_feed(store, "rsvps"))
    seconds, cpu = time.monotonic() - began, cpu_seconds() - cpu
    return Row(
        f"`read_feed`, `gs://`, layout `records`, {count:,} objects, an answer taking {delay} ms: records/s",
        "500" if delay else "",
        f"{read / seconds:,.0f}/s, one after the other {one_by_one:,.0f}/s; {1e6 * cpu / max(1, read):,.0f} µs of "
        "processor time each",
        "32 reads under way, in order; the interpreter, then the network's time.",
    )


def _late(bench: Workbench, store: ObjectStore, fill: Fill, lines: Sequence[bytes], delay: int, hours: int) -> Row:
    hours = bench.scaled(hours)
    number = iter(range(10**9))
    now = at_hour(lines[0], 0)
    for hour in range(1, hours + 1):
        fill(
            [
                a_segment([at_hour(lines[next(number) % len(lines)], -hour) for _ in range(_RECORDS_EACH)])
                for _ in range(_SEGMENTS)
            ]
        )
    fresh = [with_id(lines[index % len(lines)], 10**9 + index, 0) for index in range(bench.scaled(2000) - hours)]
    other = [with_id(lines[index % len(lines)], 3 * 10**9 + index, 0) for index in range(len(fresh))]
    late = [with_id(now, 2 * 10**9 + hour, -hour) for hour in range(1, hours + 1)]
    without, seconds = written(store, fresh), written(store, [*other, *late])
    return Row(
        f"layout `batch`, `gs://`, {len(fresh) + hours:,} records of which {hours} are late into hours of "
        f"{_SEGMENTS} segments, an answer taking {delay} ms",
        "under 5 s with 20; linear" if delay else "",
        f"{seconds:.2f} s; without late ones {without:.2f} s; {1000 * (seconds - without) / hours:.0f} ms an hour",
        "An hour's names, then its segments, 32 under way, in the writer's thread.",
    )


def _restart(
    bench: Workbench, store: ObjectStore, fill: Fill, lines: Sequence[bytes], delay: int, segments: int
) -> Row:
    segments = bench.scaled(segments)
    rows = [with_id(lines[index % len(lines)], index, 0) for index in range(segments * _RECORDS_EACH)]
    fill([a_segment(rows[start : start + _RECORDS_EACH]) for start in range(0, len(rows), _RECORDS_EACH)])
    empty = written(store, [with_id(lines[0], 1, -1)])
    seconds = written(store, rows[:1])
    return Row(
        f"layout `batch`, `gs://`, first record after a restart into an hour of {segments} segments, "
        f"an answer taking {delay} ms",
        "under 0.5 s with 100" if delay else "",
        f"{seconds:.2f} s; into an hour of none {empty:.2f} s",
        "The hour's names, then its segments, 32 under way.",
    )


def _catch_up(bench: Workbench, store: ObjectStore, fill: Fill, lines: Sequence[bytes], delay: int, count: int) -> Row:
    count = bench.scaled(count)
    records = map(record_of, lines[:count])
    objects = [an_object(f"rsvps/{each.data_id}_{each.mtime}.json", each.body) for each in records]
    fill(objects)
    one_by_one = _each_created(store, objects[:_ONE_BY_ONE])
    metrics = Metrics("rsvps")
    uploader = Uploader(store, metrics=metrics, progress=Progress(), hard_stop=threading.Event())
    writer = RecordsWriter(FEEDS["rsvps"], "rsvps", store, uploader, Account(metrics))
    asked, began, cpu = requests_of_stub(), time.monotonic(), cpu_seconds()
    for start in range(0, count, 256):
        writer.write([(line, began) for line in lines[start : min(count, start + 256)]])
    asked, seconds, cpu = requests_of_stub() - asked, time.monotonic() - began, cpu_seconds() - cpu
    uploader.close()
    return Row(
        f"layout `records`, `gs://`, a backlog of {count:,} lines that are all stored, an answer taking {delay} ms",
        "at most 1 request a line",
        f"{_of_a_line(count, asked, cpu, seconds)} a line; each created and found there, one after the other: "
        f"{one_by_one}",
        "Pages of a listing tell most; what lies apart is looked for one by one.",
    )


def _each_created(store: ObjectStore, objects: Sequence[NewObject]) -> str:
    """What a writer costs that knows nothing of what is stored, and has one upload under way."""
    asked, began, cpu = requests_of_stub(), time.monotonic(), cpu_seconds()
    for each in objects:
        store.create(each)
    asked, seconds, cpu = requests_of_stub() - asked, time.monotonic() - began, cpu_seconds() - cpu
    return _of_a_line(len(objects), asked, cpu, seconds)


def _of_a_line(count: int, asked: int, cpu: float, seconds: float) -> str:
    each = f"{asked / count:.2f} requests, {1e6 * cpu / count:,.0f} µs of processor time"
    return f"{each} and {1000 * seconds / count:.2f} ms"
