"""Loads the records of every feed: what is new since the last time, in batches that are whole or not there."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from meetup_insight.loading.extraction import Extracted, Extractor
from meetup_insight.loading.objects import Piece, Reader, What, what
from meetup_insight.loading.staging import Finished, changes
from meetup_insight.schema import FEED_TABLES, FeedTable
from meetup_insight.schema.tables import REJECTS, SOURCES
from meetup_insight.warehouse.protocol import Warehouse, counts, relation, rows

log = logging.getLogger(__name__)

_NAMES_AT_ONCE: Final = 50_000
"""Names compared with what is loaded: 5 MB."""
_ROWS_AT_ONCE: Final = 50_000
"""Of a batch: 150 MB in memory, and a transaction of a second."""
_BROKEN: Final = "broken_segment"
_AGGREGATED: Final = ""
"""What stands for all objects of one record in ``records_read``."""


@dataclass(slots=True)
class Loaded:
    """What a build has taken in."""

    objects: int = 0
    versions: int = 0

    def add(self, other: "Loaded") -> None:
        """Of another feed too."""
        self.objects += other.objects
        self.versions += other.versions


def load_records(
    warehouse: Warehouse,
    reader: Reader,
    labels: dict[str, str],
    member_hash: Callable[[int | None], str | None],
    forgotten: frozenset[str],
    moving: Callable[[], None],
) -> Loaded:
    """All feeds; ``labels`` says where a feed's objects lie if not below its own name."""
    loaded = Loaded()
    for feed_table in FEED_TABLES:
        label = labels.get(feed_table.feed.name, feed_table.feed.name)
        loader = _FeedLoader(warehouse, feed_table, Extractor(feed_table, member_hash, forgotten), moving)
        loaded.add(loader.load(reader, label))
    return loaded


class _FeedLoader:
    def __init__(
        self, warehouse: Warehouse, feed_table: FeedTable, extractor: Extractor, moving: Callable[[], None]
    ) -> None:
        self._warehouse = warehouse
        self._table = feed_table
        self._feed = feed_table.feed.name
        self._extractor = extractor
        self._moving = moving
        self._batch = Extracted()
        self._finished = Finished()
        self._days: Counter[int] = Counter()
        """Of objects of one record, in this batch."""
        self._broken: frozenset[str] = frozenset()
        """Segments that were broken at an earlier build: they may still have been being written."""
        self._loaded = Loaded()

    def load(self, reader: Reader, label: str) -> Loaded:
        before = self._count()
        self._broken = self._broken_before()
        names = reader.names(f"{label}/")
        while part := list(islice(names, _NAMES_AT_ONCE)):
            self._load_part(reader, label, self._new(part))
        self._flush()
        self._loaded.versions = self._count() - before
        return self._loaded

    def _count(self) -> int:
        return counts(self._warehouse, [self._table.versions])[self._table.versions.name]

    def _broken_before(self) -> frozenset[str]:
        rejects = relation(REJECTS)
        broken = rejects.filter((rejects.feed == self._feed) & (rejects.reason == _BROKEN))
        return frozenset(str(name) for (name,) in rows(self._warehouse, broken.select("object").distinct()))

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
        if len(self._finished.objects) >= _ROWS_AT_ONCE:
            self._flush()

    def _read(self, pieces: Iterator[Piece], kinds: dict[str, What]) -> None:
        for piece in pieces:
            for line in piece.lines:
                self._extractor.read(line, self._batch)
            if piece.last:
                self._end_object(piece, kinds[piece.name])
            if len(self._batch.rows) >= _ROWS_AT_ONCE or len(self._finished.objects) >= _ROWS_AT_ONCE:
                self._flush()

    def _end_object(self, piece: Piece, kind: What) -> None:
        """What was counted of its lines is written with the last of them, so that a kill counts none twice."""
        days, rejects = self._batch.days, self._batch.rejects
        if kind is What.RECORD:
            self._days.update(days)
        else:
            self._finished.read += [(self._feed, piece.name, day, count) for day, count in days.items()]
        self._finished.rejects += [
            (self._feed, reason, piece.name, digest, count) for (reason, digest), count in rejects.items()
        ]
        days.clear()
        rejects.clear()
        if piece.name in self._broken:
            self._finished.again.append((piece.name, self._feed))
        if piece.broken:
            self._finished.rejects.append((self._feed, _BROKEN, piece.name, "", 1))
        else:
            self._finished.objects.append((self._feed, piece.name))

    def _flush(self) -> None:
        self._finished.read += [(self._feed, _AGGREGATED, day, count) for day, count in self._days.items()]
        self._warehouse.write(list(changes(self._table, self._batch, self._finished)))
        self._loaded.objects += len(self._finished.objects)
        log.debug("%s: %d objects", self._feed, self._loaded.objects)
        days, rejects = self._batch.days, self._batch.rejects
        self._batch, self._finished, self._days = Extracted(days=days, rejects=rejects), Finished(), Counter()
        self._moving()
