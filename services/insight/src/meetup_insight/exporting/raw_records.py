"""Plain records, as they were received: NDJSON, or Parquet with a column of id, mtime and bytes.

These are the raw layer's own: they hold what Meetup sent, names and ids among it. Nothing of this is published.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from meetupkit.feeds import FEEDS
from meetupkit.records import Record, read_line
from meetupkit.stores import open_objects

from meetup_insight.errors import UnreadableFile
from meetup_insight.loading.objects import Reader, What, what
from meetup_insight.moments import from_iso
from meetup_insight.settings import InsightSettings

_SCHEMA: Final = pa.schema([("id", pa.string()), ("mtime", pa.timestamp("ms")), ("record", pa.string())])
_AT_ONCE: Final = 20_000


def export_records(settings: InsightSettings, feed: str, output: Path, *, start: str, end: str) -> int:
    """Each different record once, of mtimes from ``start`` up to ``end``; returns how many."""
    if feed not in FEEDS:
        raise UnreadableFile(f"no feed {feed}; there are {', '.join(FEEDS)}")
    since, until = _milliseconds(start, 0), _milliseconds(end, 1 << 62)
    store = open_objects(settings.objects)
    try:
        reader = Reader(store, threading.Event())
        label = settings.label_of.get(feed, feed)
        found = _records(reader, feed, label, since, until)
        beside = output.with_name(f".{output.name}.part")
        try:
            count = _writer(output)(beside, found)
            beside.replace(output)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise UnreadableFile(f"{output}: {error.strerror or error}") from None
    finally:
        store.close()
    return count


def _records(reader: Reader, feed: str, label: str, since: int, until: int) -> Iterator[Record]:
    kinds = ((name, what(label, name)) for name in reader.names(f"{label}/"))
    readable = ((name, kind) for name, kind in kinds if kind in {What.RECORD, What.SEGMENT})
    row = FEEDS[feed]
    seen: set[tuple[str, int, int]] = set()
    for piece in reader.pieces(readable):
        for line in piece.lines:
            record = read_line(row, line)
            if isinstance(record, Record) and since <= record.mtime < until:
                key = (record.data_id, record.mtime, hash(line))
                if key not in seen:
                    seen.add(key)
                    yield record


def _writer(output: Path) -> Callable[[Path, Iterator[Record]], int]:
    match output.suffix:
        case ".ndjson":
            return _write_lines
        case ".parquet":
            return _write_parquet
        case _:
            raise UnreadableFile(f"{output}: write a file that ends in .ndjson or .parquet")


def _write_lines(file: Path, records: Iterator[Record]) -> int:
    count = 0
    with file.open("wb") as lines:
        for record in records:
            lines.write(record.body + b"\n")
            count += 1
    return count


def _write_parquet(file: Path, records: Iterator[Record]) -> int:
    count = 0
    with pq.ParquetWriter(file, _SCHEMA) as writer:
        while rows := [record for record, _ in zip(records, range(_AT_ONCE), strict=False)]:
            ids, mtimes, bodies = zip(*((each.data_id, each.mtime, each.body.decode()) for each in rows), strict=True)
            columns = [pa.array(ids), pa.array(mtimes, pa.int64()).cast(pa.timestamp("ms")), pa.array(bodies)]
            writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))
            count += len(rows)
    return count


def _milliseconds(text: str, default: int) -> int:
    if not text:
        return default
    try:
        return int(from_iso(text))
    except ValueError:
        raise UnreadableFile(f"{text!r} is neither a day (2017-03-19) nor a time (2017-03-19T12:00:00)") from None
