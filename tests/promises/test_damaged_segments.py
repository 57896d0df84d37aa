"""A segment with any one bit changed, or cut anywhere: no reader takes for a record what no checksum confirms."""

import gzip
import hashlib
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from meetup_insight.loading.objects import Piece, Reader, What
from meetup_stream.writing.packing import Packer
from meetup_testkit.hostile_objects import every_change, flipped
from meetup_testkit.stored import Stored
from meetupkit.archive import Damage, read_feed
from meetupkit.segments import unpack
from meetupkit.stores import open_objects

from services.stream.tests.segment_writing import Writing, rsvp

RECORDS: Final = (b'{"rsvp_id":1,"mtime":19430}', b'{"rsvp_id":2,"mtime":971283}')
SEGMENT: Final = bytes.fromhex(
    "1f8b0800000000000203ab562a2a2e2b88cf4c51b232d451ca2dc9cc4d05b22c"
    "4d8c0d6ab9aa11724670394b7343230be35a2e00c67dccbc39000000"
)
"""``RECORDS``, packed by zlib."""
HIDDEN_END: Final = (40, 1)
"""Byte and bit: with it changed the codes behind it are read at other places, the last of them is no end any more,
and the text is the first record, ``{"rsvp_id":30}`` and a line end."""
DIGEST: Final = hashlib.sha256(b"".join(record + b"\n" for record in RECORDS)).hexdigest()[:32]
FOLDER: Final = "rsvps/1970-01-01/00"

Read = Callable[[Stored], tuple[set[bytes], set[str]]]
"""All lines that a reader takes for records, and the names of the objects that it says are damaged."""


def by_archive(stored: Stored) -> tuple[set[bytes], set[str]]:
    damage: list[Damage] = []
    found = set(read_feed(open_objects(stored.directory.as_uri()), "rsvps", report=damage.append))
    return found, {each.name for each in damage}


def by_insight(stored: Stored) -> tuple[set[bytes], set[str]]:
    pieces = pieces_of(stored)
    return {line for piece in pieces for line in piece.lines}, {piece.name for piece in pieces if piece.broken}


def by_stream(stored: Stored) -> tuple[set[bytes], set[str]]:
    """As its restart reads them: what it knows it does not store, and what is damaged it moves away."""
    writing = Writing(stored)
    writing.write(*RECORDS)
    writing.writer.finish()
    moved = (stored.directory / "rsvps/_damaged/1970-01-01/00").iterdir()
    return set(writing.records()), {f"{FOLDER}/{file.name}" for file in moved}


def pieces_of(stored: Stored) -> list[Piece]:
    reader = Reader(open_objects(stored.directory.as_uri()), threading.Event())
    return list(reader.pieces((name, What.SEGMENT) for name in reader.names("rsvps/")))


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    (tmp_path / FOLDER).mkdir(parents=True)
    return Stored(tmp_path, "rsvps")


def put(stored: Stored, name: str, body: bytes) -> str:
    (stored.directory / FOLDER / f"{name}.ndjson.gz").write_bytes(body)
    return f"{FOLDER}/{name}.ndjson.gz"


def is_whole(body: bytes) -> bool:
    """By another unpacker than ours."""
    try:
        return gzip.decompress(body).splitlines() == list(RECORDS)
    except (OSError, EOFError, zlib.error):
        return False


READERS: Final = (by_archive, by_insight, by_stream)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("named", ["by hand", DIGEST])
def test_a_changed_bit_that_hides_the_end_of_a_segment_makes_no_record(named: str, read: Read, stored: Stored) -> None:
    name = put(stored, named, flipped(SEGMENT, *HIDDEN_END))
    found, damaged = read(stored)
    assert found <= set(RECORDS)
    assert damaged == {name}


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("named", ["by hand", DIGEST])
def test_one_changed_bit_or_a_cut_makes_no_record_and_is_damage(named: str, read: Read, stored: Stored) -> None:
    bodies = {put(stored, f"{named}-{change}", body): body for change, body in every_change(SEGMENT)}
    found, damaged = read(stored)
    assert found == set(RECORDS)  # which others of these objects hold, and the stream stores
    assert damaged == {name for name, body in bodies.items() if not is_whole(body)}


@pytest.mark.parametrize("records", [1, 3, 40])
def test_of_a_changed_segment_of_a_stream_each_line_that_is_read_was_written(records: int) -> None:
    written = [rsvp(number, number, text=f"{number * 2654435761:x}" * 2) for number in range(records)]
    packer = Packer()
    for record in written:
        packer.add(record)
    digest, body = packer.finish()
    for change, damaged in every_change(body):
        for name in ("", digest):
            found = unpack(damaged, digest=name)
            assert set(found.records) <= set(written), change
            assert found.damage or found.records == written, change


def test_of_several_members_those_before_a_changed_one_are_read(stored: Stored) -> None:
    put(stored, "by hand", SEGMENT + flipped(SEGMENT, *HIDDEN_END))
    for read in (by_archive, by_insight):
        found, damaged = read(stored)
        assert (found, len(damaged)) == (set(RECORDS), 1)


def test_a_segment_without_its_checksum_is_read_by_the_digest_in_its_name(stored: Stored) -> None:
    put(stored, DIGEST, SEGMENT[:-8])
    for read in READERS:
        found, damaged = read(stored)
        assert (found, len(damaged)) == (set(RECORDS), 1)
