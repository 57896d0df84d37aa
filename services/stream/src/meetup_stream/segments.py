"""The layout ``batch``: gzip NDJSON segments, for feeds whose object count would cost more than the data is worth.

A record belongs to the hour of its own mtime. Before the first record of an hour is held, the segments that the hour
has already are read, so that a record that comes again is known, whenever and by whomever it was stored. A name is
a digest of the records. The cursor waits until everything held is stored.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import google_crc32c
from isal import igzip
from meetupkit.archive import SEGMENT_ENDING, folder_of, hour_of, read_segment
from meetupkit.feeds import Feed
from meetupkit.records import Record, read_line
from meetupkit.stores.objects import NewObject, ObjectStore

from meetup_stream.account import Account, TimedRecord
from meetup_stream.creation import Creator
from meetup_stream.intake import TimedLine
from meetup_stream.quarantine import Quarantined, read_or_quarantine
from meetup_stream.writer import Batch

SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""Held before compression, of all hours together: 11,000 rsvps, and what a small container can spare."""
_GZIP_LEVEL: Final = 2
"""Of Intel's ISA-L, measured on recorded rsvps: 4.7 times smaller in a sixth of the time that zlib's level 3 takes for
4.8 times. Its level 3 gets 4.9 in twice the time of this one."""
_KNOWN_KEYS: Final = 200_000
"""Keys of the hours used last, about 25 MB: 40 hours of rsvps."""


class SegmentsWriter:
    """Holds records for up to ``max_age`` seconds, then stores them by the hour."""

    def __init__(
        self,
        feed: Feed,
        label: str,
        store: ObjectStore,
        creator: Creator,
        account: Account,
        *,
        max_age: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._feed = feed
        self._label = label
        self._store = store
        self._creator = creator
        self._account = account
        self._max_age = max_age
        self._clock = clock
        self._latest = -1
        self._held: dict[int, list[TimedRecord]] = {}
        self._held_bytes = 0
        self._held_since = 0.0
        self._known: OrderedDict[int, dict[str, bool]] = OrderedDict()
        self._found = Batch()
        self.news = 0

    def write(self, lines: Sequence[TimedLine]) -> Batch:
        """Hold the lines' records; durable is what the answer says."""
        quarantined: list[Quarantined] = []
        for line, read_at in lines:
            match read_or_quarantine(self._feed, self._label, line):
                case Quarantined() as rejected:
                    quarantined.append(rejected)
                case record:
                    self._hold(record, read_at)
        for rejected, outcome in zip(
            quarantined, self._creator.create_all([each.new for each in quarantined]), strict=True
        ):
            self._account.rejected(rejected.reason, rejected.new.name, outcome)
        return self.idle()

    def idle(self) -> Batch:
        """Store what is held if it is large or old enough."""
        self._creator.idle()
        due = self._held and self._clock() - self._held_since >= self._max_age
        if due or self._held_bytes >= SEGMENT_BYTES or not self._held:
            return self.finish()
        return Batch()

    def finish(self) -> Batch:
        """Store what is held, one segment an hour."""
        segments = [self._segment(hour, [record.body for record, _ in held]) for hour, held in self._held.items()]
        self._creator.create_all(segments)
        batch, self._found = self._found, Batch()
        for held in self._held.values():
            for record, _ in held:
                batch.add(record)
            self._account.stored(held)
        self._held, self._held_bytes = {}, 0
        self._forget()
        return batch

    def _hold(self, record: Record, read_at: float) -> None:
        hour = hour_of(record.mtime)
        known = self._known_of(hour)
        key = _key(record)
        if key in known:
            self._account.repeated()
            if not known[key]:  # stored, but the process that did so may have died before it told the ids
                self._found.add(record)
                known[key] = True
            return
        known[key] = True
        self.news += 1
        if not self._held:
            self._held_since = self._clock()
        self._held.setdefault(hour, []).append((record, read_at))
        self._held_bytes += len(record.body)

    def _known_of(self, hour: int) -> dict[str, bool]:
        """The keys of the hour's records, stored or held, and whether this process has read them from the stream."""
        known = self._known.get(hour)
        if known is None:
            stored = self._creator.patiently(lambda: self._stored_keys(hour))
            known = self._known[hour] = dict.fromkeys(stored, False)
        if hour != self._latest:
            self._known.move_to_end(hour)
            self._latest = hour
        return known

    def _stored_keys(self, hour: int) -> set[str]:
        keys = set()
        for name in self._store.names(folder_of(self._label, hour)):
            for line in read_segment(self._store, name):
                record = read_line(self._feed, line)
                if isinstance(record, Record):
                    keys.add(_key(record))
        return keys

    def _segment(self, hour: int, bodies: list[bytes]) -> NewObject:
        lines = b"\n".join(bodies) + b"\n"
        name = f"{folder_of(self._label, hour)}{hashlib.sha256(lines).hexdigest()[:32]}{SEGMENT_ENDING}"
        body = igzip.compress(lines, _GZIP_LEVEL, mtime=0)
        return NewObject(
            name,
            body,
            google_crc32c.value(body),
            content_type="application/gzip",
            metadata={"feed": self._feed.name, "records": str(len(bodies))},
        )

    def _forget(self) -> None:
        """Only when nothing is held: the keys of what is held are all there is to know it by."""
        while len(self._known) > 1 and sum(map(len, self._known.values())) > _KNOWN_KEYS:
            self._known.popitem(last=False)


def _key(record: Record) -> str:
    return f"{record.data_id}_{record.mtime}_{google_crc32c.value(record.body):08x}"
