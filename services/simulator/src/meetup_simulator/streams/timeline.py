"""A feed's one timeline: records are published once, for all connections.

A published record gets the next sequence number and belongs to a bounded backlog. Each reader is a place in that
timeline, not a queue of its own, so a hundred slow readers cost no more memory than one: whoever falls out of what is
kept is cut. With a rate the clock publishes. With rate 0 the readers do: a record is published when one of them takes
it, and publication waits for the slowest for as long as that one moves: ``patience`` seconds without a record, and it
is cut.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from meetupkit.feeds import Feed, Path

from meetup_simulator.streams.published import PublishedLines

WINDOW_RECORDS: Final = 1_000
"""A reader may always lag this far, however small the backlog: about 1.4 MB of rsvps."""
BATCH_RECORDS: Final = 64
"""Records taken at once: about 90 kB of rsvps, one write of a size that keeps a loopback socket busy."""


class Reader:
    """One connection's place in a timeline, and how often it has moved. ``cut`` is called when it has fallen out."""

    def __init__(self, at: int, cut: Callable[[], None]) -> None:
        self.next = at
        self.moves = 0
        self.cut = cut


class Timeline:
    """One feed. ``rate`` is in records per second, 0 means as fast as the readers read; ``patience`` is in seconds.

    ``former`` are the lines of a former start that a connection may still ask for; ``keep`` gets what is published.
    """

    def __init__(
        self,
        feed: Feed,
        source: Iterator[bytes],
        *,
        rate: float,
        backlog: int,
        published: PublishedLines,
        patience: float,
        former: Sequence[bytes] = (),
        keep: Callable[[list[bytes]], None] = lambda _: None,
    ) -> None:
        self.feed = feed
        self.rate = rate
        self.published = len(former)
        self.ended = False
        self.on_publish: Callable[[list[bytes]], None] | None = None
        self._source = source
        self._backlog = backlog
        self._kept: deque[bytes] = deque(former, maxlen=max(backlog, WINDOW_RECORDS))
        self._keep = keep
        self._published = published
        self._patience = patience
        self._readers: set[Reader] = set()
        self._changed = asyncio.Event()

    @property
    def backlog(self) -> list[bytes]:
        """The records a new connection may still ask for, oldest first."""
        return list(islice(self._kept, max(0, len(self._kept) - self._backlog), None))

    @property
    def readers(self) -> int:
        """How many connections read from here."""
        return len(self._readers)

    def since_mtime(self, mtime: int) -> list[bytes]:
        """Of the backlog, what was modified strictly later; a line that says no mtime is never later."""
        return [line for line in self.backlog if self._is_later(line, mtime)]

    def since_count(self, count: int) -> list[bytes]:
        """The newest so many of the backlog, oldest first."""
        backlog = self.backlog
        return backlog[max(0, len(backlog) - count) :]

    def join(self, cut: Callable[[], None]) -> Reader:
        """A new reader, who gets what is published from now on."""
        reader = Reader(self.published, cut)
        self._readers.add(reader)
        self._tell()
        return reader

    def leave(self, reader: Reader) -> None:
        """Nobody waits for this reader any more."""
        self._readers.discard(reader)
        self._tell()

    async def take(self, reader: Reader, most: int = BATCH_RECORDS) -> list[bytes]:
        """The reader's next records; waits for them. None come any more when the answer is empty."""
        while reader.next == self.published:
            if self.ended:
                return []
            if self.rate:
                await self._changed.wait()
            elif room := min(most, self._room()):
                self.publish(room)
            else:
                await self._slowest_moves()
        start = reader.next - (self.published - len(self._kept))
        lines = list(islice(self._kept, start, start + most))
        reader.next += len(lines)
        self.moved(reader)
        return lines

    def moved(self, reader: Reader) -> None:
        """The reader has taken something, be it of the past: whoever waits for it may go on waiting."""
        reader.moves += 1
        if not self.rate:
            self._tell()

    def publish(self, count: int) -> None:
        """Publish up to so many records of the source."""
        lines = list(islice(self._source, count))
        self.ended = len(lines) < count
        self._kept.extend(lines)
        self.published += len(lines)
        self._published.write(lines)
        self._keep(lines)
        if self.on_publish:
            self.on_publish(lines)
        oldest = self.published - len(self._kept)
        for reader in [reader for reader in self._readers if reader.next < oldest]:
            self._cut(reader)
        self._tell()

    def end(self) -> None:
        """Publish nothing more; readers stay connected, in silence."""
        self.ended = True
        self._tell()

    async def first_reader(self) -> None:
        """Return when somebody reads."""
        while not self._readers:
            await self._changed.wait()

    async def keep_pace(self) -> None:
        """Publish by the clock, one record every ``1 / rate`` seconds counted from now, until the source ends."""
        loop = asyncio.get_running_loop()
        started, before = loop.time(), self.published
        while not self.ended:
            due = int((loop.time() - started) * self.rate) - (self.published - before)
            if due > 0:
                self.publish(min(due, BATCH_RECORDS))
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(started + (self.published - before + 1) / self.rate - loop.time())

    def _is_later(self, line: bytes, mtime: int) -> bool:
        found = at_path(line, self.feed.mtime_path)
        return isinstance(found, int) and found > mtime

    def _room(self) -> int:
        """How many records may be published before the slowest reader falls out."""
        slowest = min((reader.next for reader in self._readers), default=self.published)
        return slowest + (self._kept.maxlen or 0) - self.published

    async def _slowest_moves(self) -> None:
        slowest = min(self._readers, key=lambda reader: reader.next)
        before = slowest.moves
        try:
            async with asyncio.timeout(self._patience):
                while slowest in self._readers and slowest.moves == before:
                    await self._changed.wait()
        except TimeoutError:
            self._cut(slowest)

    def _cut(self, reader: Reader) -> None:
        self.leave(reader)
        reader.cut()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def at_path(line: bytes, path: Path) -> Any:
    """What the line, read as JSON, holds at the path; ``None`` if it is no JSON or has nothing there."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
