"""Reads what streams have stored, whichever layout they stored it in.

``records``: ``{label}/{data_id}_{mtime}.json``, one record each. ``batch``:
``{label}/{date}/{hour}/{digest}.ndjson.gz``, the records whose mtime lies in that hour (UTC), one per line.

Whatever else lies under the label is passed over, and what is damaged is reported and gives what of it is sound.
"""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from meetupkit.foreign_text import printable
from meetupkit.limited_log import LimitedLog
from meetupkit.segments import MAX_TEXT_BYTES, Unpacked, is_record, unpack
from meetupkit.stores.objects import ObjectStore, StoredObject
from meetupkit.stores.objects.read_ahead import Found, read_all

log = LimitedLog(logging.getLogger(__name__))

SEGMENT_ENDING: Final = ".ndjson.gz"
_DAMAGED: Final = "_damaged/"
_HOUR_MS: Final = 3_600_000
_is_record_name: Final = re.compile(r"[A-Za-z0-9_-]+_[0-9]+(?:_[0-9a-f]+)*\.json").fullmatch
_is_segment: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{2}/[^/]+\.ndjson\.gz").fullmatch


@dataclass(frozen=True, slots=True)
class Damage:
    """An object that is not what a stream wrote there, and how many records of it are sound."""

    name: str
    reason: str
    sound: int


Report = Callable[[Damage], None]


def hour_of(mtime: int) -> int:
    """The hour an mtime (milliseconds) lies in, counted from the epoch."""
    return mtime // _HOUR_MS


def folder_of(label: str, hour: int) -> str:
    """Where the segments of an hour lie, with its final slash."""
    return f"{label}/{datetime.fromtimestamp(hour * 3600, UTC):%Y-%m-%d/%H}/"


def set_aside_name(label: str, name: str) -> str:
    """Where the stream keeps a damaged object of its label, once what was sound of it is stored anew."""
    return f"{label}/{_DAMAGED}{name.removeprefix(f'{label}/')}"


def segment_names(store: ObjectStore, label: str, hour: int) -> list[str]:
    """The segments of an hour."""
    return [name for name in store.names(folder_of(label, hour)) if _is_segment(name.removeprefix(f"{label}/"))]


def reported(damage: Damage) -> None:
    """What is done with damage unless its reader says otherwise: the first at once, then a count a minute."""
    log.error(
        "damaged",
        "%s is damaged (%s): %d of its records are read",
        printable(damage.name),
        damage.reason,
        damage.sound,
        extra={"event": "object_damaged", "object": printable(damage.name)},
    )


def read_feed(store: ObjectStore, label: str, *, report: Report = reported) -> Iterator[bytes]:
    """Every record of the label, as received and without a newline, in the order of the objects' names.

    ``report`` is told of each damaged object. One that its stream has already moved to ``_damaged`` is skipped: its
    sound records are in another segment.
    """
    prefix = f"{label}/"
    wanted = (name for name in store.names(prefix) if _is_of_a_stream(name.removeprefix(prefix)))
    for name, found in read_all(store, wanted, most=MAX_TEXT_BYTES):
        unpacked = unpacked_segment(name, found) if name.endswith(SEGMENT_ENDING) else _record(found)
        if unpacked.damage:
            if store.read(set_aside_name(label, name), most=MAX_TEXT_BYTES):
                continue
            report(Damage(name, unpacked.damage, len(unpacked.records)))
        yield from unpacked.records


def unpacked_segment(name: str, found: Found) -> Unpacked:
    """The records of a segment, as it was found; none of one that is gone."""
    if isinstance(found, StoredObject):
        return unpack(found.body, digest=digest_in(name))
    return Unpacked([], printable(str(found)) if found else None)


def digest_in(name: str) -> str:
    """What a stream names a segment after: the digest of its lines. Of other names it is any text."""
    return name.rpartition("/")[2].partition(".")[0]


def _record(found: Found) -> Unpacked:
    if isinstance(found, StoredObject):
        sound = is_record(found.body)
        return Unpacked([found.body]) if sound else Unpacked([], "not a JSON object of a sane size")
    return Unpacked([], printable(str(found)) if found else None)


def _is_of_a_stream(rest: str) -> bool:
    return bool(_is_segment(rest) or _is_record_name(rest))
