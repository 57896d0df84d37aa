"""A writer of rsvps into segments of a directory, for tests of what it stores."""

import json
import threading
import time

from meetup_stream.metrics import Metrics
from meetup_stream.writing.account import Account
from meetup_stream.writing.damaged import DamagedObjects
from meetup_stream.writing.layout import Durable
from meetup_stream.writing.segments import KNOWN_KEYS, SegmentsWriter
from meetup_stream.writing.uploader import Uploader
from meetup_testkit.stored import Stored
from meetupkit.archive import read_feed
from meetupkit.feeds import FEEDS
from meetupkit.progress import Progress
from meetupkit.stores.objects.directory import DirectoryObjects

HOUR = 3_600_000
T0 = 1_489_924_800_000
"""2017-03-19 12:00 UTC."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Writing:
    """A writer of rsvps into segments of a directory; its clock is the test's."""

    def __init__(self, stored: Stored, known_keys: int = KNOWN_KEYS) -> None:
        self.metrics, self.clock = Metrics("rsvps"), Clock()
        self.store = DirectoryObjects.from_url(f"file://{stored.directory}")
        self.store.check()
        uploader = Uploader(self.store, metrics=self.metrics, progress=Progress(), hard_stop=threading.Event())
        self.writer = SegmentsWriter(
            FEEDS["rsvps"],
            "rsvps",
            DamagedObjects("rsvps", self.store, uploader, self.metrics),
            uploader,
            Account(self.metrics),
            max_age=60,
            known_keys=known_keys,
            clock=self.clock,
        )

    def write(self, *lines: bytes) -> Durable:
        return self.writer.write([(line, time.monotonic()) for line in lines])

    def records(self) -> list[bytes]:
        return sorted(read_feed(self.store, "rsvps"))

    def segments(self) -> list[str]:
        return [name for name in self.store.names("rsvps/") if name.endswith(".ndjson.gz")]


def rsvp(rsvp_id: int, mtime: int, **other: object) -> bytes:
    return json.dumps({"rsvp_id": rsvp_id, "mtime": mtime, "member": {"member_id": rsvp_id}, **other}).encode()
