import threading

from meetup_stream.intake import Intake
from meetup_stream.lines import OversizedLine


def test_lines_come_out_in_the_order_they_went_in() -> None:
    intake = Intake()
    for number in range(5):
        assert intake.put([b"%d" % number], float(number), timeout=0)
    assert intake.take(3, timeout=0) == [(b"0", 0.0), (b"1", 1.0), (b"2", 2.0)]
    assert intake.waiting == 2


def test_a_full_intake_takes_nothing_more() -> None:
    intake = Intake(max_bytes=10)
    assert intake.put([b"x" * 10], 0, timeout=0)
    assert not intake.put([b"y"], 0, timeout=0)
    intake.take(1, timeout=0)
    assert intake.put([b"y"], 0, timeout=0)


def test_many_tiny_lines_fill_it_too() -> None:
    intake = Intake(max_lines=2)
    assert [intake.put([b""], 0, timeout=0) for _ in range(3)] == [True, True, False]


def test_an_oversized_line_counts_by_what_is_kept_of_it() -> None:
    intake = Intake(max_bytes=1000)
    assert intake.put([OversizedLine(b"x" * 10, 10**9, "")], 0, timeout=0)
    assert intake.put([b"y"], 0, timeout=0)


def full_with_a_reader() -> tuple[Intake, threading.Event]:
    """A full intake, and what is set when the reader that waits for room has gone on."""
    intake = Intake(max_lines=1)
    intake.put([b"one"], 0, timeout=0)
    went_on = threading.Event()

    def read() -> None:
        intake.put([b"two"], 0, timeout=30)
        went_on.set()

    threading.Thread(target=read).start()
    return intake, went_on


def test_a_waiting_reader_goes_on_as_soon_as_there_is_room() -> None:
    intake, went_on = full_with_a_reader()
    assert not went_on.is_set()
    intake.take(1, timeout=0)
    assert went_on.wait(10)


def test_a_full_intake_takes_more_when_half_of_it_is_taken() -> None:
    intake = Intake(max_lines=4)
    assert intake.put([b""] * 4, 0, timeout=0)
    intake.take(1, timeout=0)
    assert not intake.put([b""], 0, timeout=0)
    intake.take(1, timeout=0)
    assert intake.put([b""], 0, timeout=0)
    assert intake.put([b""], 0, timeout=0)


def test_a_waiting_reader_goes_on_when_the_intake_is_closed() -> None:
    intake, went_on = full_with_a_reader()
    intake.close()
    assert went_on.wait(10)
    assert intake.take(9, timeout=0) == [(b"one", 0)]


def test_a_closed_intake_still_gives_what_it_holds() -> None:
    intake = Intake()
    intake.put([b"one"], 0, timeout=0)
    intake.close()
    assert intake.put([b"two"], 0, timeout=0)
    assert intake.take(9, timeout=30) == [(b"one", 0)]
    assert intake.take(9, timeout=30) == []
