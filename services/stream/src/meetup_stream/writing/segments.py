"""The layout ``batch``: gzip NDJSON segments, for feeds whose object count would cost more than the data is worth.

A record belongs to the hour of its own mtime. Before the first record of an hour is held, the segments that the hour
has already are read, so that a record that comes again is known, whenever and by whomever it was stored. A name is
a digest of the records. The cursor waits until everything held is stored.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import google_crc32c
from meetupkit.archive import SEGMENT_ENDING, folder_of, hour_of
from meetupkit.feeds import Feed
from meetupkit.records import Record, reader_of
from meetupkit.stores.objects import NewObject

from meetup_stream.reading.intake import TimedLine
from meetup_stream.writing.account import Account, Tally
from meetup_stream.writing.damaged import SEGMENT_TYPE, DamagedObjects
from meetup_stream.writing.layout import Durable
from meetup_stream.writing.packing import Packer
from meetup_stream.writing.parsing import Rejected, read_or_reject
from meetup_stream.writing.rejected import RejectedLines
from meetup_stream.writing.uploader import Uploader

SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""Held, before compression, of all hours together: 11,000 rsvps. Most of it waits compressed, in a fifth of that."""
KNOWN_KEYS: Final = 100_000
"""Of the hours used last, about 10 MB: 20 hours of rsvps, and forty times the half hour that a server was seen to send
again. An hour beyond is read from the store when a record of it comes."""
_HOUR_COST: Final = 10
"""An hour takes the memory of about ten keys, which is what counts where each record has an hour of its own."""


@dataclass(slots=True)
class _Hour:
    """What is known of the records of one hour of mtimes."""

    known: set[int]
    """Keys of the records that are stored or held."""
    unannounced: set[int]
    """Those of them that this process has not read from the stream."""
    held: Packer | None = None


class SegmentsWriter:
    """Holds records for up to ``max_age`` seconds, then stores them by the hour."""

    def __init__(
        self,
        feed: Feed,
        label: str,
        damaged: DamagedObjects,
        uploader: Uploader,
        account: Account,
        *,
        max_age: float,
        known_keys: int = KNOWN_KEYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._feed = feed
        self._read = reader_of(feed)
        self._label = label
        self._damaged = damaged
        self._uploader = uploader
        self._rejected = RejectedLines(label, uploader, account, clock=clock)
        self._account = account
        self._max_age = max_age
        self._known_keys = known_keys
        self._clock = clock
        self._hours: OrderedDict[int, _Hour] = OrderedDict()
        self._latest = -1
        self._cost = 0
        self._held = Tally()
        self._held_since = 0.0
        self._batch = Durable()
        self.new_records = 0

    def is_stored(self, record: Record) -> bool:
        """By its bytes."""
        return _key(record.body) in self._hour(hour_of(record.mtime)).known

    def write(self, lines: Sequence[TimedLine]) -> Durable:
        """Hold the lines' records; durable is what the answer says."""
        new: list[tuple[Record, float]] = []
        try:
            for line, read_at in lines:
                record = read_or_reject(self._read, line)
                if isinstance(record, Rejected):
                    self._rejected.add(record)
                elif self._hold(record):
                    new.append((record, read_at))
        finally:  # those before one whose hour the store does not give are held all the same
            self._count(new)
        return self.idle()

    def idle(self) -> Durable:
        """Store what is held if it is large or old enough."""
        self._uploader.idle()
        self._rejected.store()
        if self._held and self._held.size < SEGMENT_BYTES and self._clock() - self._held_since < self._max_age:
            return Durable()
        return self._store_held()

    def finish(self) -> Durable:
        """Store what is held, one segment an hour."""
        self._rejected.finish()
        return self._store_held()

    def _store_held(self) -> Durable:
        if self._held:
            self._uploader.create_all(list(self._segments()))
            self._account.stored(self._held)
            self._held = Tally()
        self._forget()
        batch, self._batch = self._batch, Durable()
        return batch

    def _hold(self, record: Record) -> bool:
        """Whether it is new."""
        hour = self._hour(hour_of(record.mtime))
        key = _key(record.body)
        if key in hour.known:
            self._account.duplicate()
            if key in hour.unannounced:  # stored, but the process that did so may have died before it told the ids
                hour.unannounced.remove(key)
                self._batch.add([record])
            return False
        hour.known.add(key)
        if hour.held is None:
            hour.held = Packer()
        hour.held.add(record.body)
        return True

    def _count(self, new: Sequence[tuple[Record, float]]) -> None:
        """All lines together, which takes a third of the time that one after the other would."""
        if not new:
            return
        records = [record for record, _ in new]
        if not self._held:
            self._held_since = self._clock()
        self._cost += len(new)
        self.new_records += len(new)
        self._held.begin(self._account.counts)
        self._held.add(records, [read_at for _, read_at in new])
        self._batch.add(records)

    def _hour(self, number: int) -> _Hour:
        hour = self._hours.get(number)
        if hour is None:
            stored = self._damaged.stored_keys(number, _key)
            hour = self._hours[number] = _Hour(stored, stored.copy())
            self._cost += _HOUR_COST + len(stored)
        if number != self._latest:
            self._hours.move_to_end(number)
            self._latest = number
        return hour

    def _segments(self) -> Iterator[NewObject]:
        """What is held, as objects to create."""
        for number, hour in self._hours.items():
            if hour.held is None:
                continue
            records, (digest, body) = hour.held.records, hour.held.finish()
            hour.held = None
            yield NewObject(
                f"{folder_of(self._label, number)}{digest}{SEGMENT_ENDING}",
                body,
                google_crc32c.value(body),
                content_type=SEGMENT_TYPE,
                metadata={"feed": self._feed.name, "records": str(records)},
            )

    def _forget(self) -> None:
        """Only when nothing is held: the keys of what is held are all there is to know it by."""
        while len(self._hours) > 1 and self._cost > self._known_keys:
            _, forgotten = self._hours.popitem(last=False)
            self._cost -= _HOUR_COST + len(forgotten.known)


def _key(body: bytes) -> int:
    """96 bits of the body: records of one key have one body, and so one id and mtime, but for odds of one in 10^28.

    Python's own hash of bytes is keyed anew in each process, so nobody can make two bodies of one key.
    """
    crc32c: int = google_crc32c.value(body)
    return hash(body) << 32 | crc32c
