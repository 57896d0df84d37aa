import gzip

from meetup_stream.writing.layout import Durable
from meetup_testkit.stored import Stored
from meetupkit.stores.objects import NewObject

from services.stream.tests.segment_writing import HOUR, T0, Writing, rsvp


def test_records_are_held_until_they_are_old_enough(stored: Stored) -> None:
    writing = Writing(stored)
    assert writing.write(rsvp(1, T0)) == Durable()
    writing.clock.now = 59
    assert writing.writer.idle() == Durable()
    assert writing.records() == []
    writing.clock.now = 60
    assert writing.writer.idle() == Durable(T0, {1}, set())
    assert writing.records() == [rsvp(1, T0)]


def test_records_are_stored_when_they_are_large_enough(stored: Stored) -> None:
    writing = Writing(stored)
    large = "x" * 1_000_000
    batches = [writing.write(rsvp(number, T0, event=large)) for number in range(20)]
    assert [bool(batch.mtime) for batch in batches].count(True) == 1
    assert len(writing.records()) == 17


def test_a_segment_lies_in_the_hour_of_its_records(stored: Stored) -> None:
    writing = Writing(stored)
    writing.write(rsvp(1, T0), rsvp(2, T0 + HOUR - 1), rsvp(3, T0 + HOUR), rsvp(4, T0 - 3 * 365 * 24 * HOUR))
    assert writing.writer.finish().mtime == T0 + HOUR
    assert [name.rpartition("/")[0] for name in writing.segments()] == [
        "rsvps/2014-03-20/12",
        "rsvps/2017-03-19/12",
        "rsvps/2017-03-19/13",
    ]


def test_a_segment_is_gzip_of_the_bytes_as_received(stored: Stored) -> None:
    writing = Writing(stored)
    lines = [rsvp(1, T0, event="\u2028 ünïcode"), rsvp(2, T0 + 1)]
    writing.write(*lines)
    writing.writer.finish()
    (name,) = writing.segments()
    segment = writing.store.read(name)
    assert segment is not None
    assert gzip.decompress(segment.body) == b"".join(line + b"\n" for line in lines)


def test_a_record_that_comes_again_is_stored_once_by_whomever_it_was_stored(stored: Stored) -> None:
    first = Writing(stored)
    first.write(rsvp(1, T0), rsvp(1, T0), rsvp(2, T0))
    first.writer.finish()
    first.write(rsvp(2, T0))
    assert first.writer.finish() == Durable()
    restarted = Writing(stored)
    assert restarted.write(rsvp(2, T0)) == Durable(T0, {2}, set())  # its ids may never have been told
    assert restarted.write(rsvp(2, T0)) == Durable()
    restarted.write(rsvp(3, T0))
    assert restarted.writer.finish() == Durable(T0, {3}, set())
    assert restarted.records() == [rsvp(1, T0), rsvp(2, T0), rsvp(3, T0)]
    assert restarted.metrics.registry.get_sample_value("meetup_stream_records_duplicate_total", {"feed": "rsvps"}) == 2


def test_an_hour_that_was_forgotten_is_read_from_the_store_when_a_record_of_it_comes(
    stored: Stored,
) -> None:
    writing = Writing(stored, known_keys=1)
    for number in range(3):
        writing.write(rsvp(number + 1, T0 + number * HOUR))
        writing.writer.finish()
    assert writing.write(rsvp(1, T0)) == Durable(T0, {1}, set())  # its ids are told once more, which is harmless
    assert writing.writer.new_records == 3
    assert len(writing.records()) == 3


def test_another_body_of_the_same_id_and_mtime_is_stored_too(stored: Stored) -> None:
    writing = Writing(stored)
    writing.write(rsvp(1, T0, guests=0), rsvp(1, T0, guests=1))
    writing.writer.finish()
    assert writing.records() == [rsvp(1, T0, guests=0), rsvp(1, T0, guests=1)]


def test_a_line_that_is_no_record_is_quarantined_at_once(stored: Stored) -> None:
    writing = Writing(stored)
    assert writing.write(b"not json") == Durable()
    assert len(stored.rejected()) == 1
    assert writing.segments() == []


def test_one_reader_reads_both_layouts_and_neither_cursor_nor_quarantine(stored: Stored) -> None:
    writing = Writing(stored)
    writing.write(rsvp(1, T0), b"not json")
    writing.writer.finish()
    body = rsvp(2, T0)
    writing.store.create(NewObject(f"rsvps/2_{T0}.json", body, 0))
    writing.store.create(NewObject(f"rsvps_too/3_{T0}.json", rsvp(3, T0), 0))
    writing.store.replace("rsvps/_cursor", b"{}", expected_version=0)
    assert writing.records() == [rsvp(1, T0), body]
