"""Stored objects that somebody cut, flipped, replaced or added: the feed goes on, and nothing is lost or doubled."""

import gzip
import logging
import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from meetup_testkit.hostile_objects import damaged_segments, foreign_names
from meetup_testkit.stored import Stored
from meetupkit.archive import Damage, read_feed
from meetupkit.segments import unpack

from services.stream.tests.segment_writing import T0, Writing, rsvp

CHANCE = random.Random(1)
RECORDS = [rsvp(number, T0 + number, name=f"Zoë {number}", text=CHANCE.randbytes(20).hex()) for number in range(200)]
FOLDER = "rsvps/2017-03-19/12"


def healthy(stored: Stored, records: Sequence[bytes] = RECORDS) -> Path:
    """The one segment of a feed that has stored these records."""
    writing = Writing(stored)
    writing.write(*records)
    writing.writer.finish()
    (name,) = writing.segments()
    return stored.directory / name


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR]


def kept_bodies(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in directory.rglob("*") if path.is_file()]


def test_a_damaged_segment_ends_no_feed_and_loses_and_doubles_no_record(
    stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    segment = healthy(stored)
    body = segment.read_bytes()
    kinds: Counter[str] = Counter()
    for kind, damaged in damaged_segments(body, each=20):
        kinds[kind] += 1
        for left in (stored.directory / "rsvps").rglob("*.gz"):
            left.unlink()
        segment.write_bytes(damaged)
        caplog.clear()
        writing = Writing(stored)
        writing.write(*RECORDS)
        writing.writer.finish()
        read = Counter(writing.records())
        assert {record: read[record] for record in RECORDS} == dict.fromkeys(RECORDS, 1), kind
        assert damaged in kept_bodies(stored.directory), kind
        assert len(errors(caplog)) == writing.metrics.objects_damaged._value.get() <= 1, kind
        caplog.clear()
        again = Writing(stored)
        again.write(*RECORDS)
        again.writer.finish()
        assert (errors(caplog), again.writer.new_records) == ([], 0), kind
    assert sum(kinds.values()) > 200


@pytest.mark.parametrize("records", [120, 200])
def test_what_is_read_of_a_damaged_segment_is_what_was_written(records: int, stored: Stored) -> None:
    body = healthy(stored, RECORDS[:records]).read_bytes()
    for seed in range(8):
        for kind, damaged in damaged_segments(body, seed=seed, each=60):
            if kind not in {"foreign lines", "bomb"}:
                assert not set(unpack(damaged).records) - set(RECORDS), kind


def test_lines_that_only_look_like_records_are_none(stored: Stored) -> None:
    segment = healthy(stored)
    lines = [b"{]}", b"{}}", b'{"a":\xff}', b"{" + b" " * 2_000_000 + b"}"]
    segment.write_bytes(gzip.compress(b"".join(line + b"\n" for line in [*lines, *RECORDS])))
    found = unpack(segment.read_bytes())
    assert (found.records, found.damage) == (RECORDS, "4 of its lines are no records")


@pytest.mark.parametrize("missing", [1, 8, 9, 500, 5000])
def test_of_a_segment_that_was_cut_all_lines_are_known_and_read_or_none(stored: Stored, missing: int) -> None:
    segment = healthy(stored)
    segment.write_bytes(segment.read_bytes()[:-missing])
    before = list(read_feed(Writing(stored).store, "rsvps"))
    assert before in ([], RECORDS)
    assert before or missing > len("checksum")  # all text is there, and the digest in the name confirms it
    writing = Writing(stored)
    writing.write(*RECORDS)
    writing.writer.finish()
    assert writing.writer.new_records == len(RECORDS) - len(before)
    assert writing.records() == sorted(RECORDS)


def test_a_segment_whose_trailer_alone_is_wrong_is_known_whole_by_the_digest_in_its_name(stored: Stored) -> None:
    segment = healthy(stored)
    segment.write_bytes(segment.read_bytes()[:-8] + b"\xff" * 8)
    writing = Writing(stored)
    writing.write(*RECORDS)
    assert writing.writer.new_records == 0
    assert writing.records() == sorted(RECORDS)


def test_a_segment_of_somebody_else_is_read_and_one_of_several_members_is_sound(stored: Stored) -> None:
    healthy(stored)
    own = [rsvp(1000 + number, T0) for number in range(3)]
    members = b"".join(gzip.compress(record + b"\n") for record in own)
    (stored.directory / FOLDER / "by hand.ndjson.gz").write_bytes(members)
    writing = Writing(stored)
    writing.write(*own)
    assert writing.writer.new_records == 0
    assert writing.records() == sorted([*RECORDS, *own])


def test_foreign_names_under_the_label_are_passed_over(stored: Stored, caplog: pytest.LogCaptureFixture) -> None:
    healthy(stored)
    written = 0
    for folder in ("rsvps", "rsvps/2017-03-19", FOLDER, "rsvps/2017-03-19/24h"):
        (stored.directory / folder).mkdir(exist_ok=True)
        for name in foreign_names():
            (stored.directory / folder / name).write_bytes(b"foreign")
            written += 1
    for odd in (b"\xff\xfe.ndjson.gz", b"a\nb.ndjson.gz", b"\x1b[2J.json", b".hidden.ndjson.gz"):
        Path(os.fsdecode(os.fsencode(stored.directory / FOLDER) + b"/" + odd)).write_bytes(b"foreign")
    os.mkfifo(stored.directory / FOLDER / "pipe.ndjson.gz")
    os.mkfifo(stored.directory / "rsvps" / "3_4.json")
    (stored.directory / FOLDER / "folder.ndjson.gz").mkdir()
    (stored.directory / FOLDER / "link.ndjson.gz").symlink_to("nowhere")
    (stored.directory / FOLDER / "circle.ndjson.gz").symlink_to("circle.ndjson.gz")
    (stored.directory / FOLDER / "up").symlink_to("..")
    writing = Writing(stored)
    writing.write(*RECORDS)
    writing.writer.finish()
    assert writing.writer.new_records == 0
    assert writing.records() == sorted(RECORDS)
    assert written > 400


def test_a_damaged_object_of_one_record_is_no_record_and_is_reported(stored: Stored) -> None:
    writing = Writing(stored)
    record = rsvp(1, T0)
    for number, body in enumerate([b"", record[:-1], b"[]", b"\0" * len(record), b"{" * 2_000_000]):
        path = stored.directory / "rsvps" / f"{number}_{T0}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
    damage: list[Damage] = []
    assert list(read_feed(writing.store, "rsvps", report=damage.append)) == []
    assert len(damage) == 5
