from meetup_stream.writing.account import Tally, Uncounted
from meetupkit.records import Record

RECORD = Record("1", 1000, b"{}", (), ())


def test_what_is_held_beyond_the_end_of_its_connection_is_counted_there() -> None:
    tally, first, quiet, last = Tally(), Uncounted(), Uncounted(), Uncounted()
    for counts, records in ((first, 2), (quiet, 0), (last, 1), (last, 3)):
        tally.begin(counts)
        for _ in range(records):
            tally.add([RECORD], [0.0])
    assert first.stored == 0
    tally.count()
    assert (first.stored, quiet.stored, last.stored) == (2, 0, 4)
