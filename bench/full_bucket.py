"""A stub of Cloud Storage that is full before anything is measured, and what is put into it.

Records are generated rsvps. The stub's answers take 0 or 30 ms, as over a network.
"""

import hashlib
import json
import os
import resource
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import google_crc32c
from meetup_stream.metrics import Metrics
from meetup_stream.writing.account import Account
from meetup_stream.writing.damaged import DamagedObjects
from meetup_stream.writing.packing import Packer
from meetup_stream.writing.segments import SegmentsWriter
from meetup_stream.writing.uploader import Uploader
from meetupkit.archive import SEGMENT_ENDING, folder_of, hour_of
from meetupkit.feeds import FEEDS
from meetupkit.progress import Progress
from meetupkit.records import Record, read_line
from meetupkit.stores import open_objects
from meetupkit.stores.objects import NewObject, ObjectStore

from bench.program import server

_HOUR_MS: Final = 3_600_000
_STUB: Final = "STORAGE_EMULATOR_HOST"

Fill = Callable[[Sequence[NewObject]], None]


@contextmanager
def bucket(delay: int) -> Iterator[tuple[ObjectStore, Fill]]:
    """An empty one, and how it is filled, which takes no delay; from then on each answer takes so many milliseconds."""
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


def written(store: ObjectStore, lines: Sequence[bytes]) -> float:
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


def an_object(name: str, body: bytes) -> NewObject:
    """As a stream makes it."""
    return NewObject(name, body, google_crc32c.value(body), sha256=hashlib.sha256(body).hexdigest())


def a_segment(lines: Sequence[bytes]) -> NewObject:
    """Of the hour of its first line."""
    packer = Packer()
    for line in lines:
        packer.add(line)
    digest, body = packer.finish()
    return an_object(f"{folder_of('rsvps', hour_of(record_of(lines[0]).mtime))}{digest}{SEGMENT_ENDING}", body)


def record_of(line: bytes) -> Record:
    """The line, which is one."""
    record = read_line(FEEDS["rsvps"], line)
    assert isinstance(record, Record)
    return record


def at_hour(line: bytes, hours: int) -> bytes:
    """The line with an mtime so many hours from the first hour."""
    return with_id(line, int(record_of(line).data_id), hours)


def with_id(line: bytes, rsvp_id: int, hours: int) -> bytes:
    """The line with this id and an mtime of the first hour, or so many hours from it."""
    record = record_of(line)
    mtime = 1_760_000_400_000 + hours * _HOUR_MS
    renamed = line.replace(str(record.mtime).encode(), str(mtime).encode(), 1)
    return renamed.replace(record.data_id.encode(), str(rsvp_id).encode(), 1)


def requests_of_stub() -> int:
    """How many the stub has answered."""
    with urllib.request.urlopen(f"{os.environ[_STUB]}/stats", timeout=10) as answer:
        return int(json.load(answer)["requests"])


def cpu_seconds() -> float:
    """Processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
