"""Keeps lines that are no records, in bounds: whoever sends a stream must not fill a store and a log with junk.

Some lines per minute become an object each, so that the first is there to be looked at. More are packed, many into one
object. Lines that are JSON objects but lack an id or an mtime where the feed's row looks for them are all kept: another
row may read them. Of other lines, which no row reads, some megabytes an hour are kept; beyond these they are counted,
and one per minute is kept as a sample.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import google_crc32c
from meetupkit.archive import SEGMENT_ENDING
from meetupkit.records import Reason
from meetupkit.stores.objects import NewObject

from meetup_stream.writing.account import Account, Counts
from meetup_stream.writing.packing import Packer
from meetup_stream.writing.parsing import Rejected
from meetup_stream.writing.uploader import Outcome, Uploader

SINGLES_A_MINUTE: Final = 60
"""Objects of one line: what a person looks through one by one. The feeds send none in a normal week."""
BYTES_AN_HOUR: Final = 64 * 1024 * 1024
"""Of junk, before compression: as much as an hour of a feed ten times as busy as rsvps."""
SAMPLE_BYTES: Final = 4096
"""Of a line that is kept as a sample only: enough to see what it was."""
PACK_BYTES: Final = 1024 * 1024
PACK_SECONDS: Final = 60.0
"""What a kill forgets of packed lines, if the server does not send them again."""
REMEMBERED: Final = 20_000
"""Lines rejected last, about 2 MB: as many as records, for a feed whose row is wrong rejects all of them."""
_MAY_BE_RECORDS: Final = frozenset({Reason.NO_ID, Reason.BAD_ID, Reason.NO_MTIME, Reason.BAD_MTIME})


@dataclass(slots=True)
class _Allowance:
    """So much in so many seconds, counted from the first that is taken."""

    most: int
    seconds: float
    left: int = 0
    until: float = float("-inf")

    def take(self, amount: int, now: float) -> bool:
        """Whether there was so much left of it."""
        if now >= self.until:
            self.left, self.until = self.most, now + self.seconds
        if amount > self.left:
            return False
        self.left -= amount
        return True


class RejectedLines:
    """What becomes of a writer's rejected lines: ``store`` what was added, ``finish`` also what is held."""

    def __init__(
        self, label: str, uploader: Uploader, account: Account, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._label = label
        self._uploader = uploader
        self._account = account
        self._clock = clock
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._singles = _Allowance(SINGLES_A_MINUTE, 60.0)
        self._junk = _Allowance(BYTES_AN_HOUR, 3600.0)
        self._samples = _Allowance(1, 60.0)
        self._new: list[Rejected] = []
        self._pack = Packer()
        self._packed: list[tuple[Reason, Counts]] = []
        self._packed_bytes = 0
        self._packed_since = 0.0

    def add(self, line: Rejected) -> None:
        """One more line; nothing is stored yet."""
        if line.sha256 in self._seen:
            self._account.duplicate(record=False)
            return
        now = self._clock()
        if line.reason not in _MAY_BE_RECORDS and not self._junk.take(len(line.kept), now):
            self._account.discarded(line)
            if self._samples.take(1, now):
                self._hold(line.document(SAMPLE_BYTES), None, now)
            return
        self._seen[line.sha256] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if self._singles.take(1, now):
            self._new.append(line)
        else:
            self._hold(line.document(), line.reason, now)

    def store(self) -> None:
        """Store the new lines that get an object each, and what is held if it is large or old enough."""
        new, self._new = self._new, []
        if new:
            objects = [line.object(self._label) for line in new]
            for line, made, outcome in zip(new, objects, self._uploader.create_all(objects), strict=True):
                if outcome is Outcome.DUPLICATE:
                    self._account.duplicate(record=False)
                else:
                    self._account.rejected(line, made.name)
        old = self._clock() - self._packed_since >= PACK_SECONDS
        if self._pack.records and (old or self._packed_bytes >= PACK_BYTES):
            self.finish()

    def finish(self) -> None:
        """Store what is held."""
        if not self._pack.records:
            return
        pack, packed = self._pack, self._packed
        self._pack, self._packed, self._packed_bytes = Packer(), [], 0
        new = _object_of(self._label, pack)
        self._uploader.create_all([new])
        self._account.rejected_together(packed, new.name)

    def _hold(self, document: bytes, reason: Reason | None, now: float) -> None:
        if not self._pack.records:
            self._packed_since = now
        self._pack.add(document)
        self._packed_bytes += len(document)
        if reason:
            self._packed.append((reason, self._account.counts))


def _object_of(label: str, pack: Packer) -> NewObject:
    records, (digest, body) = pack.records, pack.finish()
    return NewObject(
        f"{label}/_rejected/{datetime.now(UTC):%Y-%m-%d}/{digest}{SEGMENT_ENDING}",
        body,
        google_crc32c.value(body),
        content_type="application/gzip",
        metadata={"lines": str(records)},
    )
