import hashlib
import random

import pytest
from meetup_stream.reading.lines import KEPT_BYTES, LineSplitter, OversizedLine
from meetup_testkit.growth import growth
from meetupkit.records import MAX_LINE_BYTES


def split(*chunks: bytes) -> tuple[list[object], bool]:
    splitter = LineSplitter()
    return [line for chunk in chunks for line in splitter.lines(chunk)], splitter.truncated


def test_a_chunk_may_hold_a_line_a_part_of_one_or_many() -> None:
    assert split(b"one\n") == ([b"one"], False)
    assert split(b"on", b"e\ntwo\nth", b"ree\n") == ([b"one", b"two", b"three"], False)


def test_a_truncated_line_is_not_a_line() -> None:
    assert split(b"one\ntw") == ([b"one"], True)


def test_empty_lines_are_nothing() -> None:
    assert split(b"\n\none\n", b"\n") == ([b"one"], False)


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\r{", "\x0b", "\x0c", "\x1c"])
def test_only_a_newline_ends_a_line(separator: str) -> None:
    text = f'{{"a":"{separator}"}}'.encode()
    assert split(text + b"\n") == ([text], False)


def test_lines_are_the_same_wherever_the_chunks_are_cut() -> None:
    draw = random.Random(1)
    body = b"".join(bytes(draw.choices(b"abc\n", k=50)) for _ in range(50))
    expected = [line for line in body.split(b"\n")[:-1] if line]
    for _ in range(50):
        cuts = sorted(draw.sample(range(len(body)), 20))
        chunks = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        assert split(*chunks)[0] == expected


@pytest.mark.parametrize("chunk_bytes", [1000, 65_536, 4 * MAX_LINE_BYTES])
def test_an_oversized_line_is_kept_by_its_beginning_its_length_and_its_checksum(chunk_bytes: int) -> None:
    long = b"0123456789" * (MAX_LINE_BYTES // 10 + 10)
    body = b"before\n" + long + b"\nafter\n"
    lines, truncated = split(*(body[start : start + chunk_bytes] for start in range(0, len(body), chunk_bytes)))
    assert lines == [
        b"before",
        OversizedLine(long[:KEPT_BYTES], len(long), hashlib.sha256(long).hexdigest()),
        b"after",
    ]
    assert not truncated


def test_a_line_of_the_greatest_length_is_a_line() -> None:
    long = b"x" * MAX_LINE_BYTES
    assert split(long[:100], long[100:] + b"\n") == ([long], False)
    assert split(long + b"\n") == ([long], False)


END_OF_LINE = {"LF": b"\n", "CRLF": b"\r\n", "CRCRLF": b"\r\r\n"}


@pytest.mark.parametrize("end", END_OF_LINE.values(), ids=END_OF_LINE)
def test_a_line_is_the_same_by_whichever_line_end_and_wherever_it_is_cut(end: bytes) -> None:
    body = end.join([b"one", b"", b"two", b""])
    for cut in range(len(body) + 1):
        assert split(body[:cut], body[cut:]) == ([b"one", b"two"], False)


@pytest.mark.parametrize("blank", [b" ", b"\t", b"\r", b" \t \r", b"\x0b", b" " * (MAX_LINE_BYTES + 100)])
def test_white_space_alone_is_nothing(blank: bytes) -> None:
    assert split(blank + b"\none\n", blank + b"\n", blank) == ([b"one"], False)
    splitter = LineSplitter()
    assert splitter.lines(blank) == []
    assert splitter.finish() is None


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 100])
def test_a_byte_order_mark_is_nothing_at_the_start_of_a_body_and_nowhere_else(chunk_bytes: int) -> None:
    mark = "\N{BYTE ORDER MARK}".encode()
    body = mark + b"one\n" + mark + b"two\n"
    chunks = [body[start : start + chunk_bytes] for start in range(0, len(body), chunk_bytes)]
    assert split(*chunks) == ([b"one", mark + b"two"], False)


@pytest.mark.parametrize("chunks", [[b"one\ntwo"], [b"one\ntw", b"o"], [b"one\ntwo\r"]])
def test_the_end_of_a_body_ends_its_last_line(chunks: list[bytes]) -> None:
    splitter = LineSplitter()
    lines = [line for chunk in chunks for line in splitter.lines(chunk)]
    assert [*lines, splitter.finish()] == [b"one", b"two"]
    assert not splitter.truncated
    assert splitter.finish() is None


def test_a_long_line_that_comes_byte_by_byte_costs_time_in_proportion_to_its_length() -> None:
    def read(length: int) -> None:
        splitter = LineSplitter()
        for _ in range(length):
            splitter.lines(b"x")

    assert growth(read, small=20_000, large=320_000) < 4
