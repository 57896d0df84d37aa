"""Bodies as a server may end, cut, frame and pack them: every whole line is read, and nothing else is."""

import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator

import pytest

from .hostile import ONE, TWO, Ending, chunked, cut, read_answer, response_headers, spread

pytestmark = pytest.mark.faults

TEXT = ONE + b"\n" + TWO
LONG = b"".join(b'{"rsvp_id":%d,"mtime":%d,"text":"%b"}\n' % (n, n, b"x" * 40 * n) for n in range(1, 30))


def lines_of(text: bytes) -> list[bytes]:
    return [line for line in text.split(b"\n") if line]


def by_chunks(size: int) -> Callable[[bytes], bytes]:
    return lambda text: response_headers("Transfer-Encoding: chunked") + chunked(*cut(text, size))


def by_odd_chunks(text: bytes) -> bytes:
    """Extensions, leading zeros, capitals, trailers."""
    sizes = (b"%X", b"000%x", b"%x;name=value", b'%x ; q="a;b"', b"%x\t")
    pieces = [
        (size % len(piece)) + b"\r\n" + piece + b"\r\n"
        for size, piece in zip(itertools.cycle(sizes), cut(text, 11), strict=False)
    ]
    return response_headers("TRANSFER-ENCODING: Chunked") + b"".join(pieces) + b"000;last\r\nExpires: never\r\n\r\n"


def by_length(text: bytes) -> bytes:
    return response_headers(f"Content-Length: {len(text)}") + text


def by_closing(text: bytes) -> bytes:
    return response_headers("Connection: close") + text


def by_http_1_0(text: bytes) -> bytes:
    return response_headers(status="HTTP/1.0 200 OK") + text


FRAMINGS = {
    "chunks of 1": by_chunks(1),
    "chunks of 7": by_chunks(7),
    "one chunk": by_chunks(100_000),
    "odd chunks": by_odd_chunks,
    "length": by_length,
    "HTTP/1.0": by_http_1_0,
    "Connection: close": by_closing,
}
TAILS = {
    "whole": TEXT,
    "whole, CR": TEXT + b"\r",
    "ended by LF": TEXT + b"\n",
    "ended by CRLF": TEXT + b"\r\n",
    "blank behind": TEXT + b"\n \t\r\n \r",
    "one line": TWO,
    "nothing": b"",
    "blank": b" \r\n\t",
    "half": ONE + b"\n" + TWO[:9],
    "no JSON": ONE + b"\nend of stream",
    "long": LONG,
}


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_the_proper_end_of_a_body_ends_its_last_line(framing: str, tail: str) -> None:
    text = TAILS[tail]
    read = read_answer([FRAMINGS[framing](text)])
    assert read.lines == [line for line in map(bytes.strip, text.split(b"\n")) if line]
    assert (read.cause, read.truncated) == ("ended", 0)


def before_the_end(framing: str) -> bytes:
    """An answer without what ends it: the last chunk, or the last byte."""
    whole = FRAMINGS[framing](TEXT)
    last = b"\r\n000;" if framing == "odd chunks" else b"\r\n0\r\n"
    return whole[: whole.rindex(last) + 2 if "chunk" in framing else len(whole) - 1]


def cuts(framing: str) -> Iterator[int]:
    whole = before_the_end(framing)
    yield from range(whole.index(b"\r\n\r\n") + 4, len(whole) + 1, 3)


FRAMED = [name for name in FRAMINGS if name not in ("HTTP/1.0", "Connection: close")]
CUTS = [(framing, at) for framing in FRAMED for at in cuts(framing)]


@pytest.mark.parametrize(("framing", "at"), CUTS)
def test_a_line_that_a_closed_connection_cuts_is_not_read(framing: str, at: int) -> None:
    read = read_answer([FRAMINGS[framing](TEXT)[:at]])
    assert read.lines in ([], [ONE])
    assert read.cause == "broken"
    assert read.truncated in (0, 1)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_line_that_a_reset_cuts_is_not_read(framing: str) -> None:
    read = read_answer([before_the_end(framing)[:-8], b""], Ending.RST, pause=0.05)
    assert read.lines in ([], [ONE])
    assert read.cause in ("broken", "unreachable")


@pytest.mark.parametrize("at", list(spread(len(TEXT), 20)))
def test_a_closed_connection_ends_no_line_where_http_did_not_say_that_it_would(at: int) -> None:
    read = read_answer([response_headers() + TEXT[:at]])
    assert read.lines == lines_of(TEXT[: TEXT[:at].rfind(b"\n") + 1])
    assert (read.cause, read.truncated) == ("broken", int(at not in (0, len(ONE) + 1)))


@pytest.mark.parametrize("silent_after", [0, 5, len(ONE) + 1, len(TEXT)])
@pytest.mark.parametrize("framing", ["chunks of 7", "length", "Connection: close"])
def test_silence_ends_no_line(framing: str, silent_after: int) -> None:
    whole = FRAMINGS[framing](TEXT)
    begin = whole.index(b"\r\n\r\n") + 4
    read = read_answer([whole[: begin + silent_after]], Ending.HOLD, silence=0.15)
    assert read.lines in ([], [ONE], [ONE, TWO])
    assert read.cause in ("silent", "ended")


def deflate_raw(text: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(text) + packer.flush()


def flushed(wbits: int) -> Callable[[bytes], bytes]:
    """As a live stream packs: each line can be unpacked when it comes."""

    def pack(text: bytes) -> bytes:
        packer = zlib.compressobj(wbits=wbits)
        lines = [packer.compress(line) + packer.flush(zlib.Z_SYNC_FLUSH) for line in text.splitlines(keepends=True)]
        return b"".join([*lines, packer.flush()])

    return pack


def in_members(text: bytes) -> bytes:
    return b"".join(gzip.compress(piece) for piece in cut(text, 10)) or gzip.compress(b"")


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "identity, gzip": ("identity, gzip", gzip.compress),
    "gzip of members": ("gzip", in_members),
    "gzip, padded": ("gzip", lambda text: gzip.compress(text) + b"\0" * 100),
    "gzip, stored": ("gzip", lambda text: gzip.compress(text, 0)),
    "gzip, flushed": ("gzip", flushed(31)),
    "deflate of zlib": ("deflate", zlib.compress),
    "deflate, least": ("deflate", lambda text: zlib.compress(text, 1)),
    "deflate, flushed": ("deflate", flushed(15)),
    "raw deflate": ("deflate", deflate_raw),
    "raw deflate, flushed": ("deflate", flushed(-15)),
}


def packed(coding: str, framing: str, text: bytes) -> bytes:
    name, pack = PACKED[coding]
    whole = FRAMINGS[framing](pack(text))
    status_line, rest = whole.split(b"\r\n", 1)
    return status_line + f"\r\nContent-Encoding: {name}\r\n".encode() + rest


@pytest.mark.parametrize("text", [TEXT, LONG, b""], ids=["short", "long", "nothing"])
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("coding", PACKED)
def test_a_packed_body_is_read_as_it_was_before(coding: str, framing: str, text: bytes) -> None:
    read = read_answer([packed(coding, framing, text)])
    assert read.lines == lines_of(text)
    assert read.cause == "ended"


@pytest.mark.parametrize("coding", ["gzip, flushed", "deflate, flushed", "raw deflate, flushed"])
def test_a_packed_line_is_read_when_it_comes(coding: str) -> None:
    read = read_answer([packed(coding, "Connection: close", LONG)[:-2]], Ending.HOLD, silence=3)
    assert read.lines == lines_of(LONG)
    assert read.cause == "silent"


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("coding", PACKED)
def test_a_packed_body_may_come_byte_by_byte(coding: str, size: int) -> None:
    read = read_answer(cut(packed(coding, "length", TEXT), size))
    assert read.lines == lines_of(TEXT)


@pytest.mark.parametrize("share", range(0, 100, 9))
@pytest.mark.parametrize("framing", ["chunks of 7", "length", "HTTP/1.0"])
@pytest.mark.parametrize("coding", ["gzip", "deflate of zlib", "raw deflate", "gzip, flushed"])
def test_packed_data_that_are_cut_end_no_line_however_well_http_ends(coding: str, framing: str, share: int) -> None:
    name, pack = PACKED[coding]
    data = pack(LONG[:-1])
    whole = FRAMINGS[framing](data[: len(data) * share // 100])
    status_line, rest = whole.split(b"\r\n", 1)
    read = read_answer([status_line + f"\r\nContent-Encoding: {name}\r\n".encode() + rest])
    assert read.lines == lines_of(LONG)[: len(read.lines)]
    assert len(read.lines) < len(lines_of(LONG))
    assert read.cause == ("broken" if share else "ended")


@pytest.mark.parametrize("at", range(0, 60, 3))
@pytest.mark.parametrize("coding", ["gzip", "deflate of zlib"])
def test_damaged_packed_data_are_a_lost_connection(coding: str, at: int) -> None:
    name, pack = PACKED[coding]
    data = bytearray(pack(TEXT))
    data[at % len(data)] ^= 0x55
    read = read_answer([response_headers(f"Content-Encoding: {name}", f"Content-Length: {len(data)}") + bytes(data)])
    harmless = coding == "gzip" and 4 <= at < 10  # a gzip's time, flags of its maker: nothing depends on them
    assert read.cause == "broken" or harmless


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("behind", [b"x", b"\n" + ONE + b"\n", b"<html>" * 100])
def test_what_follows_packed_data_breaks_the_body(coding: str, behind: bytes) -> None:
    data = (gzip.compress if coding == "gzip" else zlib.compress)(TEXT + b"\n") + behind
    read = read_answer([response_headers(f"Content-Encoding: {coding}", f"Content-Length: {len(data)}") + data])
    assert read.cause == "broken"
    assert read.lines == [ONE, TWO]


@pytest.mark.parametrize("unit", [b"\n", b" ", b"x", b"\0", ONE + b"\n"], ids=["LF", "blank", "line", "NUL", "record"])
@pytest.mark.parametrize("coding", ["gzip", "deflate of zlib", "raw deflate"])
def test_a_bomb_is_a_lost_connection(coding: str, unit: bytes) -> None:
    name, pack = PACKED[coding]
    data = pack(unit * (16 * 1024 * 1024 // len(unit)))
    read = read_answer([response_headers(f"Content-Encoding: {name}", f"Content-Length: {len(data)}") + data])
    assert (read.cause, len(read.lines) <= 8 * 1024 * 1024 // len(ONE)) == ("broken", True)
    assert "times their size" in read.unavailable_reason


UNKNOWN = [
    "br", "zstd", "compress", "lzma", "aes128gcm", "gzip, br", "br, gzip", "gzip, gzip", "gzip,deflate", "*",
    "gzip;q=1, zstd", "\x1b[31mred\x1b[0m", "x" * 5000, "x-x-gzip", "null", '"gzip"', "g\xfczip",
]  # fmt: skip


@pytest.mark.parametrize("coding", UNKNOWN, ids=[ascii(coding[:20]) for coding in UNKNOWN])
@pytest.mark.parametrize("framing", ["one chunk", "length", "HTTP/1.0"])
def test_another_coding_is_not_connected_with_the_reason(coding: str, framing: str) -> None:
    status_line, rest = FRAMINGS[framing](b"\x1f\x8b" + TEXT).split(b"\r\n", 1)
    read = read_answer([status_line + b"\r\nContent-Encoding: " + coding.encode("latin-1") + b"\r\n" + rest])
    assert (read.opened, read.lines, read.cause) == (False, [], "unreadable")
    assert read.unavailable_reason.startswith("not connected: its Content-Encoding is ")
    assert read.unavailable_reason.isprintable()
    assert len(read.unavailable_reason) < 200


BAD_CHUNKS = {
    "negative": b"-5\r\nhello\r\n",
    "signed": b"+5\r\nhello\r\n",
    "0x": b"0x5\r\nhello\r\n",
    "underscore": b"1_0\r\nhello\r\n",
    "decimal point": b"5.0\r\nhello\r\n",
    "word": b"five\r\nhello\r\n",
    "empty": b"\r\n\r\nhello\r\n",
    "huge": b"f" * 16 + b"\r\nhello",
    "without end": b"5" * 3000,
    "extension without end": b"5;" + b"a=b;" * 600,
    "quoted without end": b'5;a="' + b"b" * 3000,
    "data too long": b"3\r\nhello\r\n",
    "LF alone": b"5\nhello\n",
    "no chunks": TEXT,
    "HTML": b"<html><body>Bad gateway</body></html>\r\n",
    "another answer": response_headers("Content-Length: 0"),
    "NUL": b"\0\0\0\0\r\n",
    "full width digit": "\uff15\r\nhello\r\n".encode(),
}


@pytest.mark.parametrize("before", [b"", chunked(ONE + b"\n", last=b"")], ids=["at once", "after a record"])
@pytest.mark.parametrize("bad", BAD_CHUNKS)
def test_what_is_no_chunk_is_a_lost_connection(bad: str, before: bytes) -> None:
    read = read_answer([response_headers("Transfer-Encoding: chunked") + before + BAD_CHUNKS[bad]])
    assert read.lines == ([ONE] if before else [])
    assert read.cause == "broken"
    assert read.unavailable_reason.isprintable()


LINE_ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CRCRLF": b"\r\r\n", "LFCR LF": b"\n\r\n", "blanks": b"\n \n\t\n\r\n"}
MARKS = {"no mark": b"", "a byte order mark": b"\xef\xbb\xbf", "mark and blank line": b"\xef\xbb\xbf\r\n"}


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("end", LINE_ENDS)
def test_line_ends_and_a_mark_at_the_start_are_no_part_of_a_record(end: str, mark: str, size: int) -> None:
    text = MARKS[mark] + LINE_ENDS[end].join([ONE, TWO, ONE, b""])
    read = read_answer([response_headers("Transfer-Encoding: chunked") + chunked(*cut(text, size))])
    assert read.lines == [ONE, TWO, ONE]
