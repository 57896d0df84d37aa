"""The layout ``records``: one object per record.

A record's name is made of itself, so a record that comes again names the same object, whoever writes it and whenever.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import google_crc32c
from meetupkit.errors import ObjectRefused
from meetupkit.feeds import Feed
from meetupkit.records import MAX_LINE_BYTES, Record, reader_of
from meetupkit.stores.objects import NewObject, ObjectStore

from meetup_stream.reading.intake import TimedLine
from meetup_stream.writing.account import Account, Tally
from meetup_stream.writing.layout import Durable
from meetup_stream.writing.parsing import Rejected, read_or_reject
from meetup_stream.writing.rejected import RejectedLines
from meetup_stream.writing.uploader import Outcome, Uploader

REMEMBERED: Final = 20_000
"""Names stored last, about 5 MB: four times the backlog that a reconnect brings again, so repeats cost no request."""


class RecordsWriter:
    """``{label}/{data_id}_{mtime}.json``, its body the record's bytes as received."""

    def __init__(self, feed: Feed, label: str, store: ObjectStore, uploader: Uploader, account: Account) -> None:
        self._feed = feed
        self._read = reader_of(feed)
        self._label = label
        self._store = store
        self._uploader = uploader
        self._account = account
        self._rejected = RejectedLines(label, uploader, account)
        self._catching_up: bool | None = None
        """Whether most of what came last was stored already; at first nobody knows."""
        self._seen: OrderedDict[str, int] = OrderedDict()
        """Name, and key of the body."""
        self.new_records = 0

    def is_stored(self, record: Record) -> bool:
        """By its name: another body of this id and mtime is the same happening."""
        name = self._name(record)
        return name in self._seen or self._uploader.with_retries(lambda: self._is_there(name))

    def write(self, lines: Sequence[TimedLine]) -> Durable:
        """Store the lines; all of their records are durable when this returns."""
        unseen = self._unseen(lines)
        batch, stored = Durable(), Tally()
        stored.begin(self._account.counts)
        outcomes = self._uploader.create_all(
            [new for new, _, _ in unseen],
            list_first=self._catching_up is not False,
            look_first=self._catching_up is True,
        )
        if unseen:
            self._catching_up = 2 * outcomes.count(Outcome.DUPLICATE) >= len(unseen)
        for (new, record, read_at), outcome in zip(unseen, outcomes, strict=True):
            batch.add([record])
            if outcome is Outcome.DUPLICATE:
                self._account.duplicate()
            else:
                stored.add([record], [read_at])
            if outcome is Outcome.COLLIDED:
                self._account.collided(new.name)
            self._remember(new)
        self._rejected.store()
        self.new_records += len(stored)
        self._account.stored(stored)
        return batch

    def idle(self) -> Durable:
        """No record is held back."""
        self._uploader.idle()
        self._rejected.store()
        return Durable()

    def finish(self) -> Durable:
        """No record is held back."""
        self._rejected.finish()
        return Durable()

    def _is_there(self, name: str) -> bool:
        try:
            return self._store.read(name, most=MAX_LINE_BYTES) is not None
        except ObjectRefused:  # too large to be a record, so somebody else's
            return False

    def _unseen(self, lines: Sequence[TimedLine]) -> list[tuple[NewObject, Record, float]]:
        """What is worth a request: the records that this process did not store lately, as the objects they become."""
        unseen: list[tuple[NewObject, Record, float]] = []
        here: dict[str, int] = {}
        for line, read_at in lines:
            record = read_or_reject(self._read, line)
            if isinstance(record, Rejected):
                self._rejected.add(record)
                continue
            new = self._object(record, read_at)
            key = _key(new)
            if self._seen.get(new.name) == key or here.get(new.name) == key:
                self._account.duplicate()
            else:
                here[new.name] = key
                unseen.append((new, record, read_at))
        return unseen

    def _object(self, record: Record, read_at: float) -> NewObject:
        received = datetime.fromtimestamp(time.time() - (time.monotonic() - read_at), UTC)
        return NewObject(
            self._name(record),
            record.body,
            google_crc32c.value(record.body),
            metadata={
                "feed": self._feed.name,
                "mtime": str(record.mtime),
                "received": received.isoformat(timespec="milliseconds"),
            },
        )

    def _name(self, record: Record) -> str:
        return f"{self._label}/{record.data_id}_{record.mtime}.json"

    def _remember(self, new: NewObject) -> None:
        self._seen[new.name] = _key(new)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def _key(new: NewObject) -> int:
    """96 bits of the body, as in ``segments``: nobody can make two bodies of one key, as they can of one CRC32C."""
    return hash(new.body) << 32 | new.crc32c
