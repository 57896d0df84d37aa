import hashlib
import random

import pytest
from meetup_stream.lines import KEPT_BYTES, LineSplitter, OversizedLine
from meetupkit.records import MAX_LINE_BYTES


def split(*chunks: bytes) -> tuple[list[object], bool]:
    splitter = LineSplitter()
    return [line for chunk in chunks for line in splitter.lines(chunk)], splitter.torn


def test_a_chunk_may_hold_a_line_a_part_of_one_or_many() -> None:
    assert split(b"one\n") == ([b"one"], False)
    assert split(b"on", b"e\ntwo\nth", b"ree\n") == ([b"one", b"two", b"three"], False)


def test_a_torn_tail_is_not_a_line() -> None:
    assert split(b"one\ntw") == ([b"one"], True)


def test_empty_lines_are_nothing() -> None:
    assert split(b"\n\none\n", b"\n") == ([b"one"], False)


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\r", "\x0b", "\x0c", "\x1c"])
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
    lines, torn = split(*(body[start : start + chunk_bytes] for start in range(0, len(body), chunk_bytes)))
    assert lines == [
        b"before",
        OversizedLine(long[:KEPT_BYTES], len(long), hashlib.sha256(long).hexdigest()),
        b"after",
    ]
    assert not torn


def test_a_line_of_the_greatest_length_is_a_line() -> None:
    long = b"x" * MAX_LINE_BYTES
    assert split(long[:100], long[100:] + b"\n") == ([long], False)
    assert split(long + b"\n") == ([long], False)
