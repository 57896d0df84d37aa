"""Reads what streams have stored, whichever layout they stored it in.

``records``: ``{label}/{data_id}_{mtime}.json``, one record each. ``batch``:
``{label}/{date}/{hour}/{digest}.ndjson.gz``, the records whose mtime lies in that hour (UTC), one a line.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from meetupkit.errors import PermanentError
from meetupkit.stores.objects import ObjectStore

SEGMENT_ENDING: Final = ".ndjson.gz"
_RECORD_ENDING: Final = ".json"
_HOUR_MS: Final = 3_600_000


class BrokenSegment(PermanentError):  # noqa: N818
    """A segment is not gzip of whole lines: somebody else wrote or cut it."""


def hour_of(mtime: int) -> int:
    """The hour an mtime (milliseconds) lies in, counted from the epoch."""
    return mtime // _HOUR_MS


def folder_of(label: str, hour: int) -> str:
    """Where the segments of an hour lie, with its final slash."""
    return f"{label}/{datetime.fromtimestamp(hour * 3600, UTC):%Y-%m-%d/%H}/"


def read_feed(store: ObjectStore, label: str) -> Iterator[bytes]:
    """Every record of the label, as received and without a newline, in the order of the objects' names."""
    for name in store.names(f"{label}/"):
        rest = name.removeprefix(f"{label}/")
        if rest.startswith("_"):
            continue  # the cursor, the quarantine
        if rest.endswith(SEGMENT_ENDING):
            yield from read_segment(store, name)
        elif rest.endswith(_RECORD_ENDING) and (stored := store.read(name)):
            yield stored.body


def read_segment(store: ObjectStore, name: str) -> Iterator[bytes]:
    """The records of one segment, unpacked as they are asked for; raises ``BrokenSegment`` where it breaks."""
    stored = store.read(name)
    if stored is None:
        return
    try:
        with gzip.open(io.BytesIO(stored.body)) as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    raise BrokenSegment(f"{name} ends in the middle of a line")
                yield line[:-1]
    except (OSError, EOFError, zlib.error) as error:
        raise BrokenSegment(f"{name}: {error}") from error
