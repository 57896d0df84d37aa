"""Reads what streams have stored, in both layouts, piece by piece: whatever an object holds, it ends in a count."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Final

from meetupkit.archive import SEGMENT_ENDING, digest_in
from meetupkit.foreign_text import printable
from meetupkit.retry import call_policy
from meetupkit.segments import sound_text
from meetupkit.stores.objects.protocol import ObjectStore

log = logging.getLogger(__name__)

_RECORD_ENDING: Final = ".json"
_PIECE_BYTES: Final = 1 << 20
"""Unpacked and made into lines at once: 800 rsvps."""
_AHEAD: Final = 4
"""Reads under way per thread, so that a slow answer does not stop the others."""


class What(Enum):
    """What the name of an object says."""

    RECORD = "record"
    SEGMENT = "segment"
    REJECTED = "rejected"
    LEDGER = "ledger"
    OTHER = "other"
    """The cursor, and whatever else begins with an underscore."""
    UNKNOWN = "unknown"


def what(label: str, name: str) -> What:
    """By the name alone."""
    rest = name.removeprefix(f"{label}/")
    if rest.startswith("_rejected/"):
        return What.REJECTED
    if rest.startswith("_ledger/"):
        return What.LEDGER
    if rest.startswith("_"):
        return What.OTHER
    if rest.endswith(SEGMENT_ENDING):
        return What.SEGMENT
    return What.RECORD if rest.endswith(_RECORD_ENDING) else What.UNKNOWN


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of an object. ``last`` ends it; ``broken`` says that it ends where no object should."""

    name: str
    lines: list[bytes]
    last: bool = False
    broken: bool = False


class Reader:
    """Reads objects in order, several at once where each waits for a network."""

    def __init__(self, store: ObjectStore, stopping: threading.Event) -> None:
        self._store = store
        self._stopping = stopping

    def names(self, prefix: str) -> Iterator[str]:
        """The names that start with the prefix; an interrupted listing begins anew where it was."""
        yield from self._store.names(prefix)

    def read(self, name: str) -> bytes | None:
        """The body, tried again while the store is unavailable."""
        stored = call_policy("objects", stopping=self._stopping)(self._store.read, name)
        return stored.body if stored else None

    def pieces(self, names: Iterable[tuple[str, What]]) -> Iterator[Piece]:
        """The lines of records and segments; an object that is gone meanwhile has none."""
        for (name, kind), body in self._bodies(names):
            if body is None:
                yield Piece(name, [], last=True)
            elif kind is What.RECORD:
                yield Piece(name, [body.removesuffix(b"\n")], last=True)
            else:
                yield from unpacked(name, body)

    def _bodies(self, names: Iterable[tuple[str, What]]) -> Iterator[tuple[tuple[str, What], bytes | None]]:
        width = self._store.concurrency
        if width <= 1:
            for each in names:
                yield each, self.read(each[0])
            return
        with ThreadPoolExecutor(width, "reader") as pool:
            yield from _ahead(pool, width * _AHEAD, names, self.read)


def _ahead(
    pool: ThreadPoolExecutor, most: int, names: Iterable[tuple[str, What]], read: Callable[[str], bytes | None]
) -> Iterator[tuple[tuple[str, What], bytes | None]]:
    waiting: deque[tuple[tuple[str, What], Future[bytes | None]]] = deque()
    for each in names:
        waiting.append((each, pool.submit(read, each[0])))
        if len(waiting) >= most:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()


def unpacked(name: str, body: bytes) -> Iterator[Piece]:
    """A segment's lines. Of a broken one (half written, cut, changed, no gzip) those that a checksum confirms."""
    sound = sound_text(body, digest=digest_in(name), piece_bytes=_PIECE_BYTES)
    rest = b""
    for data in sound.pieces:
        *lines, rest = (rest + data).split(b"\n")
        yield Piece(name, lines)
    if damage := sound.damage or ("its last line has no end" if rest else None):
        log.warning("%s is broken: %s", printable(name), damage, extra={"event": "broken_segment", "object": name})
    yield Piece(name, [], last=True, broken=bool(damage))
