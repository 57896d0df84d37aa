import threading

from meetup_stream.reading.intake import Closed, Event, Intake, Lines, Opened, TimedLine
from meetup_stream.reading.lines import Line, OversizedLine


def lines(lines: list[Line], read_at: float) -> Lines:
    return Lines([(line, read_at) for line in lines])


def taken(event: Event | None) -> list[TimedLine]:
    """The lines, if the event holds lines; none if there was none."""
    assert event is None or isinstance(event, Lines)
    return event.timed if event else []


def test_lines_come_out_in_the_order_they_went_in() -> None:
    intake = Intake()
    for number in range(5):
        assert intake.put(lines([b"%d" % number], float(number)), timeout=0)
    assert taken(intake.take(3, timeout=0)) == [(b"0", 0.0), (b"1", 1.0), (b"2", 2.0)]
    assert intake.waiting == 2


def test_a_full_intake_takes_nothing_more() -> None:
    intake = Intake(max_bytes=10)
    assert intake.put(lines([b"x" * 10], 0), timeout=0)
    assert not intake.put(lines([b"y"], 0), timeout=0)
    intake.take(1, timeout=0)
    assert intake.put(lines([b"y"], 0), timeout=0)


def test_many_tiny_lines_fill_it_too() -> None:
    intake = Intake(max_lines=2)
    assert [intake.put(lines([b""], 0), timeout=0) for _ in range(3)] == [True, True, False]


def test_an_oversized_line_counts_by_what_is_kept_of_it() -> None:
    intake = Intake(max_bytes=1000)
    assert intake.put(lines([OversizedLine(b"x" * 10, 10**9, "")], 0), timeout=0)
    assert intake.put(lines([b"y"], 0), timeout=0)


def full_with_a_reader() -> tuple[Intake, threading.Event]:
    """A full intake, and what is set when the reader that waits for room has gone on."""
    intake = Intake(max_lines=1)
    intake.put(lines([b"one"], 0), timeout=0)
    went_on = threading.Event()

    def read() -> None:
        intake.put(lines([b"two"], 0), timeout=30)
        went_on.set()

    threading.Thread(target=read).start()
    return intake, went_on


def test_a_waiting_reader_goes_on_as_soon_as_there_is_room() -> None:
    intake, went_on = full_with_a_reader()
    assert not went_on.is_set()
    intake.take(1, timeout=0)
    assert went_on.wait(60)


def test_a_full_intake_takes_more_when_half_of_it_is_taken() -> None:
    intake = Intake(max_lines=4)
    assert intake.put(lines([b""] * 4, 0), timeout=0)
    intake.take(1, timeout=0)
    assert not intake.put(lines([b""], 0), timeout=0)
    intake.take(1, timeout=0)
    assert intake.put(lines([b""], 0), timeout=0)
    assert intake.put(lines([b""], 0), timeout=0)


def test_a_waiting_reader_goes_on_when_the_intake_is_closed() -> None:
    intake, went_on = full_with_a_reader()
    intake.close()
    assert went_on.wait(60)
    assert taken(intake.take(9, timeout=0)) == [(b"one", 0)]


def test_a_closed_intake_still_gives_what_it_holds() -> None:
    intake = Intake()
    intake.put(lines([b"one"], 0), timeout=0)
    intake.close()
    assert intake.put(lines([b"two"], 0), timeout=0)
    assert taken(intake.take(9, timeout=30)) == [(b"one", 0)]
    assert taken(intake.take(9, timeout=30)) == []


def test_connections_begin_and_end_in_the_order_of_their_lines() -> None:
    intake = Intake()
    events: list[Event] = [Opened(1.0, whole=False), lines([b"one"], 1), lines([b"two"], 2), Closed(3.0, "ended")]
    events += [Opened(4.0, whole=True), Closed(5.0, "broken"), Opened(6.0, whole=False), lines([b"three"], 7)]
    for event in events:
        assert intake.put(event, timeout=0)
    together = [events[0], Lines([(b"one", 1), (b"two", 2)]), *events[3:]]
    assert [intake.take(9, timeout=0) for _ in together] == together
    assert intake.take(9, timeout=0) is None
    assert not intake.drained
    intake.close()
    assert intake.drained


def test_lines_are_taken_up_to_a_number_and_never_across_a_connection() -> None:
    intake = Intake()
    intake.put(lines([b"1", b"2", b"3"], 0), timeout=0)
    intake.put(Closed(0.0, "ended"), timeout=0)
    intake.put(lines([b"4"], 0), timeout=0)
    assert [len(taken(intake.take(2, timeout=0))) for _ in range(2)] == [2, 1]
    assert isinstance(intake.take(2, timeout=0), Closed)
    assert taken(intake.take(2, timeout=0)) == [(b"4", 0)]


def test_a_server_that_flaps_while_nothing_is_taken_fills_it_too() -> None:
    intake = Intake(max_marks=3)
    assert [intake.put(Closed(0.0, "ended"), timeout=0) for _ in range(4)] == [True, True, True, False]
