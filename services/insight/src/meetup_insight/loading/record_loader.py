"""Loads the records of every feed: what is new since the last time, in batches that are whole or not there."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from meetup_insight.loading.batch import Batch
from meetup_insight.loading.extraction import Extractor
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.loading.objects import Piece, Reader, What, what
from meetup_insight.loading.staging import Finished, changes
from meetup_insight.schema import FEED_TABLES, FeedTable
from meetup_insight.schema.tables import REJECTS, SOURCES
from meetup_insight.warehouse.protocol import Warehouse, counts, relation, rows

log = logging.getLogger(__name__)

_NAMES_AT_ONCE: Final = 50_000
"""Names compared with what is loaded: 5 MB."""
_ROWS_AT_ONCE: Final = 2 * 122_880
"""Of a batch: two of DuckDB's row groups, which go to the file at once and not by its log; 60 MB in memory."""
_OBJECTS_AT_ONCE: Final = 50_000
"""Of a batch, so that a kill costs little where each object is a file or a request."""
_LINES_AT_ONCE: Final = 800
"""Read together where each is an object of its own."""
_BROKEN: Final = "broken_segment"
_AGGREGATED: Final = ""
"""What stands for all objects of one record in ``records_read``."""


@dataclass(slots=True)
class Loaded:
    """What a build has taken in."""

    objects: int = 0
    versions: int = 0


def load_records(
    warehouse: Warehouse,
    reader: Reader,
    labels: dict[str, str],
    member_hash: MemberHash,
    forgotten: frozenset[str],
    moving: Callable[[], None],
) -> Loaded:
    """All feeds; ``labels`` says where a feed's objects lie if not below its own name."""
    before, broken, objects = _versions(warehouse), _broken_before(warehouse), 0
    for feed_table in FEED_TABLES:
        feed = feed_table.feed.name
        extractor = Extractor(feed_table, member_hash, forgotten)
        loader = _FeedLoader(warehouse, feed_table, extractor, broken.get(feed, frozenset()), moving)
        objects += loader.load(reader, labels.get(feed, feed))
    return Loaded(objects, _versions(warehouse) - before)


def _versions(warehouse: Warehouse) -> int:
    """How many there are, of all feeds."""
    return sum(counts(warehouse, [feed_table.versions for feed_table in FEED_TABLES]).values())


def _broken_before(warehouse: Warehouse) -> dict[str, frozenset[str]]:
    """By feed, segments that were broken at an earlier build: they may still have been being written."""
    rejects = relation(REJECTS)
    broken = rejects.filter(rejects.reason == _BROKEN).select("feed", "object").distinct()
    found: dict[str, set[str]] = {}
    for feed, name in rows(warehouse, broken):
        found.setdefault(feed, set()).add(name)
    return {feed: frozenset(names) for feed, names in found.items()}


class _FeedLoader:
    def __init__(
        self,
        warehouse: Warehouse,
        feed_table: FeedTable,
        extractor: Extractor,
        broken: frozenset[str],
        moving: Callable[[], None],
    ) -> None:
        self._warehouse = warehouse
        self._table = feed_table
        self._feed = feed_table.feed.name
        self._extractor = extractor
        self._moving = moving
        self._batch = Batch()
        self._finished = Finished()
        self._names: list[str] = []
        self._lines: list[bytes | None] = []
        """Of objects of one record, waiting to be read together; nothing of one that is there no more."""
        self._days: Counter[int] = Counter()
        """Of objects of one record, in this batch."""
        self._of_segment: tuple[Counter[int], Counter[tuple[str, str]]] = Counter(), Counter()
        """What was counted of the segment that is being read: days, and rejects by reason and digest."""
        self._broken = broken
        self._loaded = 0
        """Objects."""

    def load(self, reader: Reader, label: str) -> int:
        names = reader.names(f"{label}/")
        while part := list(islice(names, _NAMES_AT_ONCE)):
            self._load_part(reader, label, self._new(part))
        self._flush()
        return self._loaded

    def _new(self, names: list[str]) -> list[str]:
        """Those that are not loaded. Listings are in order, so that the names between the ends are as many."""
        sources = relation(SOURCES)
        between = sources.object.between(min(names), max(names))
        found = rows(self._warehouse, sources.filter((sources.feed == self._feed) & between).select("object"))
        return sorted(set(names) - {str(name) for (name,) in found})

    def _load_part(self, reader: Reader, label: str, names: Iterable[str]) -> None:
        readable: list[tuple[str, What]] = []
        for name in names:
            match what(label, name):
                case What.RECORD | What.SEGMENT as kind:
                    readable.append((name, kind))
                case What.REJECTED:
                    self._reject(name)
                case What.UNKNOWN:
                    self._finish(name, [(self._feed, "unknown_object", name, "", 1)])
                case _:
                    continue
        self._read(reader.pieces(readable), dict(readable))

    def _reject(self, name: str) -> None:
        """``{reason}_{sha256}.json``: the name says all that is counted."""
        reason, _, digest = name.rpartition("/")[2].removesuffix(".json").rpartition("_")
        self._finish(name, [(self._feed, reason or "unnamed", name, digest, 1)])

    def _finish(self, name: str, rejects: list[tuple[str, str, str, str, int]]) -> None:
        self._finished.objects.append((self._feed, name))
        self._finished.rejects += rejects
        if len(self._finished.objects) >= _OBJECTS_AT_ONCE:
            self._flush()

    def _read(self, pieces: Iterator[Piece], kinds: dict[str, What]) -> None:
        for piece in pieces:
            if kinds[piece.name] is What.SEGMENT:
                self._take_segment(piece)
            else:
                self._names.append(piece.name)
                self._lines += piece.lines or [None]
                if len(self._lines) >= _LINES_AT_ONCE:
                    self._take_records()
            full = self._batch.rows >= _ROWS_AT_ONCE or self._extractor.is_full
            if full or len(self._finished.objects) >= _OBJECTS_AT_ONCE:
                self._flush()

    def _take_records(self) -> None:
        """Objects of one record each."""
        names, lines = self._names, self._lines
        self._names, self._lines = [], []
        there = [(name, line) for name, line in zip(names, lines, strict=True) if line is not None]
        if there:
            taken = self._extractor.read([line for _, line in there], self._batch)
            self._days.update(taken.days)
            self._finished.rejects += [
                (self._feed, reason, there[at][0], digest, 1) for at, reason, digest in taken.rejects
            ]
        self._finished.objects += [(self._feed, name) for name in names]

    def _take_segment(self, piece: Piece) -> None:
        """What was counted of its lines is written with the last of them, so that a kill counts none twice."""
        days, rejects = self._of_segment
        if piece.lines:
            taken = self._extractor.read(piece.lines, self._batch)
            days.update(taken.days)
            rejects.update((reason, digest) for _, reason, digest in taken.rejects)
        if piece.last:
            self._end_segment(piece, days, rejects)
            days.clear()
            rejects.clear()

    def _end_segment(self, piece: Piece, days: Counter[int], rejects: Counter[tuple[str, str]]) -> None:
        self._finished.read += [(self._feed, piece.name, day, count) for day, count in days.items()]
        self._finished.rejects += [
            (self._feed, reason, piece.name, digest, count) for (reason, digest), count in rejects.items()
        ]
        if piece.name in self._broken:
            self._finished.again.append((piece.name, self._feed))
        if piece.broken:
            self._finished.rejects.append((self._feed, _BROKEN, piece.name, "", 1))
        else:
            self._finished.objects.append((self._feed, piece.name))

    def _flush(self) -> None:
        self._take_records()
        self._finished.read += [(self._feed, _AGGREGATED, day, count) for day, count in self._days.items()]
        self._warehouse.write(list(changes(self._table, self._extractor.ready(self._batch), self._finished)))
        self._loaded += len(self._finished.objects)
        log.debug("%s: %d objects", self._feed, self._loaded)
        self._batch, self._finished, self._days = Batch(), Finished(), Counter()
        self._moving()
