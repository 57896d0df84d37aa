"""Junk without end: what is kept of it, and how much of a store and of a log it takes."""

import gzip
import json
import logging
import random
from collections import Counter
from collections.abc import Iterable

import pytest
from meetup_stream.writing.rejected import BYTES_AN_HOUR, SAMPLE_BYTES, SINGLES_A_MINUTE
from meetup_testkit.stored import Stored

from services.stream.tests.segment_writing import T0, Writing, rsvp

FLOOD = 20_000


def flood(writing: Writing, lines: Iterable[bytes]) -> None:
    """As an intake hands lines over: some hundred at once."""
    held: list[bytes] = []
    for line in lines:
        held.append(line)
        if len(held) == 256:
            writing.write(*held)
            held = []
    writing.write(*held)
    writing.writer.finish()


def rejected(writing: Writing, reason: str) -> int:
    value = writing.metrics.registry.get_sample_value(
        "meetup_stream_records_rejected_total", {"feed": "rsvps", "reason": reason}
    )
    return int(value or 0)


def kept(stored: Stored) -> Counter[str]:
    """The kept documents' lines, alone or packed."""
    folder = stored.directory / "rsvps" / "_rejected"
    documents = [json.loads(path.read_bytes()) for path in folder.glob("*.json")]
    for path in folder.glob("*/*.ndjson.gz"):
        documents += [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    return Counter(document["text"] for document in documents)


def objects(stored: Stored) -> int:
    return sum(path.is_file() for path in (stored.directory / "rsvps" / "_rejected").rglob("*"))


def test_short_lines_without_end_are_some_objects_and_some_log_lines_and_none_is_lost(
    stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    writing = Writing(stored)
    lines = [f"{number:07}x".encode() for number in range(FLOOD)]
    flood(writing, lines)
    assert objects(stored) <= SINGLES_A_MINUTE + 6
    assert len(caplog.records) <= 4
    assert kept(stored) == Counter(line.decode() for line in lines)
    assert rejected(writing, "not_json") == FLOOD


def test_what_another_row_may_read_is_kept_without_a_bound_and_told_as_a_wrong_row(
    stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    writing = Writing(stored)
    filling = "x" * 20_000
    lines = [json.dumps({"id": number, "mtime": T0, "filling": filling}).encode() for number in range(4_000)]
    assert sum(map(len, lines)) > BYTES_AN_HOUR
    flood(writing, lines)
    assert len(kept(stored)) == rejected(writing, "no_id") == len(lines)
    assert any("does the feed's row fit this stream?" in line.getMessage() for line in caplog.records)


def test_one_record_among_them_and_it_is_not_the_row(stored: Stored, caplog: pytest.LogCaptureFixture) -> None:
    writing = Writing(stored)
    for number in range(300):
        writing.write(json.dumps({"id": number}).encode(), rsvp(number, T0))
        writing.writer.finish()
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR]


def test_beyond_an_hours_bound_junk_is_counted_and_sampled_and_records_go_on(
    stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    writing = Writing(stored)
    chance = random.Random(9)
    junk = [chance.randbytes(300_000).hex().encode() for _ in range(130)]
    flood(writing, [*junk, rsvp(1, T0)])
    discarded = writing.metrics.registry.get_sample_value("meetup_stream_lines_discarded_total", {"feed": "rsvps"})
    assert discarded
    assert rejected(writing, "not_json") == len(junk)
    texts = kept(stored)
    assert sum(map(len, texts)) <= BYTES_AN_HOUR + SAMPLE_BYTES
    assert len([text for text in texts if len(text) == SAMPLE_BYTES]) == 1
    assert len(texts) == len(junk) - discarded + 1
    assert writing.records() == [rsvp(1, T0)]
    assert len([line for line in caplog.records if line.levelno >= logging.ERROR]) == 1


def test_an_hour_later_as_much_is_kept_again(stored: Stored) -> None:
    writing = Writing(stored)
    line = b"x" * 1_000_000
    for hour in range(2):
        writing.clock.now = 3600.0 * hour
        flood(writing, [line + b"%d-%d" % (hour, number) for number in range(80)])
    discarded = writing.metrics.registry.get_sample_value("meetup_stream_lines_discarded_total", {"feed": "rsvps"})
    assert discarded == 2 * (80 - BYTES_AN_HOUR // 1_000_004)


def test_packed_lines_are_stored_after_a_minute_though_nothing_more_comes(stored: Stored) -> None:
    writing = Writing(stored)
    writing.write(*[f"{number}".encode() for number in range(100)])
    assert objects(stored) == SINGLES_A_MINUTE
    writing.clock.now = 59
    writing.writer.idle()
    assert objects(stored) == SINGLES_A_MINUTE
    writing.clock.now = 60
    writing.writer.idle()
    assert objects(stored) == SINGLES_A_MINUTE + 1
    assert len(kept(stored)) == 100


def test_a_packed_line_that_comes_again_is_kept_once(stored: Stored) -> None:
    writing = Writing(stored)
    lines = [f"{number}x".encode() for number in range(100)]
    flood(writing, [*lines, *lines])
    assert kept(stored) == Counter({line.decode(): 1 for line in lines})
    assert rejected(writing, "not_json") == 100
