"""Damaged objects: what is sound of them is stored anew, they themselves are kept under ``{label}/_damaged/``.

The order makes a kill at any moment harmless. The sound records get a segment of their own, then the object a copy,
and only then it is removed from its place; a reader passes over a damaged object of which there is a copy.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import google_crc32c
from meetupkit.archive import SEGMENT_ENDING, segment_names, set_aside_name, unpacked_segment
from meetupkit.errors import Conflict, ObjectRefused, StoreRefused
from meetupkit.foreign_text import printable
from meetupkit.segments import MAX_TEXT_BYTES, Unpacked
from meetupkit.stores.objects import NewObject, ObjectStore, StoredObject
from meetupkit.stores.objects.read_ahead import read_all

from meetup_stream.metrics import Metrics
from meetup_stream.writing.packing import Packer
from meetup_stream.writing.uploader import Uploader

log = logging.getLogger(__name__)

SEGMENT_TYPE: Final = "application/gzip"


class DamagedObjects:
    """The one place where a stream moves what it did not write, or what is not any more what it wrote."""

    def __init__(self, label: str, store: ObjectStore, uploader: Uploader, metrics: Metrics) -> None:
        self._label = label
        self._store = store
        self._uploader = uploader
        self._metrics = metrics

    def stored_keys(self, hour: int, key: Callable[[bytes], int]) -> set[int]:
        """The key of every sound record of an hour's segments; the damaged ones move to ``_damaged``."""
        known: set[int] = set()
        damaged: list[str] = []
        names = self._uploader.with_retries(lambda: segment_names(self._store, self._label, hour))

        def read_on() -> None:
            """From where an outage of the store has ended the last try."""
            for name, found in read_all(self._store, names[:], most=MAX_TEXT_BYTES):
                segment = unpacked_segment(name, found)
                if segment.damage:
                    damaged.append(name)  # last, so that what it shares with the others is not stored twice
                else:
                    known.update(map(key, segment.records))
                del names[0]

        self._uploader.with_retries(read_on)
        for name in damaged:
            segment = self._uploader.with_retries(partial(self._read_segment, name))
            self._set_aside(name, segment, [record for record in segment.records if key(record) not in known])
            known.update(map(key, segment.records))
        return known

    def _read_segment(self, name: str) -> Unpacked:
        ((_, found),) = read_all(self._store, [name], most=MAX_TEXT_BYTES)
        return unpacked_segment(name, found)

    def _set_aside(self, name: str, segment: Unpacked, to_store: Sequence[bytes]) -> None:
        self._metrics.objects_damaged.inc()
        stored = self._uploader.with_retries(lambda: self._read(name))
        if stored is None:
            self._tell(name, segment, "it stays where it is")
            return
        if to_store:
            self._uploader.create_all([_segment_of(name, to_store)])
        copy = set_aside_name(self._label, name)
        self._uploader.create_all([_copy(copy, stored.body)])
        where = f"it is kept as {copy}"
        try:
            self._uploader.with_retries(lambda: self._store.delete(name, expected_version=stored.version))
        except (Conflict, StoreRefused) as error:  # a bucket's retention policy, another process: it is copied anyway
            where = f"{where}, and could not be removed ({error})"
        self._tell(name, segment, where)

    def _read(self, name: str) -> StoredObject | None:
        """Not if it is larger than any segment: then nothing of it is sound."""
        try:
            return self._store.read(name, most=MAX_TEXT_BYTES)
        except ObjectRefused:
            return None

    @staticmethod
    def _tell(name: str, segment: Unpacked, where: str) -> None:
        log.error(
            "%s is damaged (%s): %d of its records are sound; %s",
            printable(name),
            segment.damage,
            len(segment.records),
            printable(where, limit=600),
            extra={"event": "object_damaged", "object": printable(name), "sound": len(segment.records)},
        )


def keep_copy(store: ObjectStore, label: str, name: str, body: bytes) -> str:
    """Keep what is going to be written over under ``_damaged/``, named after its bytes; returns the name. One try."""
    copy = f"{set_aside_name(label, name)}_{hashlib.sha256(body).hexdigest()[:16]}"
    store.create(_copy(copy, body))
    return copy


def _segment_of(name: str, records: Sequence[bytes]) -> NewObject:
    """What is sound, as a segment of the same hour."""
    packer = Packer()
    for record in records:
        packer.add(record)
    digest, body = packer.finish()
    folder = name.rpartition("/")[0]
    return NewObject(
        f"{folder}/{digest}{SEGMENT_ENDING}",
        body,
        google_crc32c.value(body),
        content_type=SEGMENT_TYPE,
        metadata={"records": str(len(records)), "salvaged_from": name.rpartition("/")[2]},
    )


def _copy(name: str, body: bytes) -> NewObject:
    return NewObject(
        name,
        body,
        google_crc32c.value(body),
        content_type="application/octet-stream",
        sha256=hashlib.sha256(body).hexdigest(),
    )
