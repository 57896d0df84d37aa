"""What disks, copies and strangers make of stored objects: generated, by kind, the same for the same seed."""

import bz2
import gzip
import itertools
import json
import random
import re
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import Final

import google_crc32c

_MEBI: Final = 1 << 20
_HEADER: Final = 10
_TRAILER: Final = 8


def damaged_segments(body: bytes, *, seed: int = 9, each: int = 20) -> Iterator[tuple[str, bytes]]:
    """The kind of damage and the damaged body, of a healthy segment; ``each``: of the kinds that take a position."""
    chance = random.Random(seed)
    middle = range(_HEADER, len(body) - _TRAILER)
    for at in (*range(1, 12), *chance.sample(middle, each), *range(len(body) - 9, len(body))):
        yield "cut", body[:at]
    for at in (*range(_HEADER), *chance.sample(middle, 2 * each), *range(len(body) - _TRAILER, len(body))):
        yield "bit flipped", flipped(body, at, chance.randrange(8))
    for at in chance.sample(middle, each):
        yield "sector of zeros", body[:at] + bytes(min(512, len(body) - at)) + body[at + 512 :]
        yield "zeros to the end", body[:at] + bytes(len(body) - at)
        yield "cut out of the middle", body[:at] + body[at + chance.randrange(1, 64) :]
    text = gzip.decompress(body)
    for size in (1, 7, 8, 512, 4096):
        yield "zeros behind it", body + bytes(size)
        yield "noise behind it", body + chance.randbytes(size)
        yield "noise before it", chance.randbytes(size) + body
        yield "noise", chance.randbytes(size)
    yield "cut member behind it", body + body[: len(body) // 2]
    yield "text behind it", body + text
    yield "plain text", text
    yield "plain text", text[:-1]
    yield "no end of the last line", gzip.compress(text[:-1])
    yield "no end of the last line", gzip.compress(text + b'{"rsvp_id":1,"mt')
    yield "empty", b""
    yield from foreign_lines(text)
    yield from bombs(body)
    yield from other_formats(text)


def every_change(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What changed and the changed body: each bit alone, and cut at each byte."""
    for at, bit in itertools.product(range(len(body)), range(8)):
        yield f"bit-{at}-{bit}", flipped(body, at, bit)
    for at in range(len(body)):
        yield f"cut-{at}", body[:at]


def damaged_json(body: bytes, *, seed: int = 9) -> Iterator[tuple[str, bytes]]:
    """The kind of damage and the damaged body, of a JSON object of ours."""
    chance = random.Random(seed)
    for at in range(len(body)):
        yield "cut", body[:at]
        yield "bit flipped", flipped(body, at, chance.randrange(8))
        yield "zeros to the end", body[:at] + bytes(len(body) - at)
    for value in (b"", b"null", b"[]", b"{}", b"3", b'"x"', b"\xff", b"\xef\xbb\xbf" + body, body * 2, b"[" * 200_000):
        yield "another value", value
    numbers = (
        b"-1",
        b"1e400",
        b"NaN",
        b"Infinity",
        b"9" * 25,
        b"9" * 5000,
        b"1.5",
        b"true",
        b"null",
        b'"1"',
        b"[]",
        b"{}",
    )
    for number in numbers:
        for match in re.finditer(rb"[0-9.]+", body):
            yield "another number", body[: match.start()] + number + body[match.end() :]
    for text in (b'""', b'"9999-12-31T23:59:59"', b'"\\ud800"', b'"' + b"x" * 100_000 + b'"', b"[" * 900, b"7"):
        for match in re.finditer(rb'"[^"]*"', body):
            yield "another text", body[: match.start()] + text + body[match.end() :]


def flipped(body: bytes, at: int, bit: int) -> bytes:
    """One bit of it is another."""
    return body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :]


def foreign_lines(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Sound gzip whose lines are not all records."""
    first, rest = text.split(b"\n", 1)
    for line in (b"", b"hello", b"[1]", b"null", b"{", b"}{", b"{]}", b"\xff\xfe", b"\0" * 9, b'{"a":1}{', first[:-1]):
        yield "foreign lines", gzip.compress(first + b"\n" + line + b"\n" + rest)
    yield "foreign lines", gzip.compress(text.replace(b"\n", b"\r"))
    yield "foreign lines", gzip.compress(text.decode().encode("utf-16"))
    yield "foreign lines", gzip.compress(first + b"\n" + b"[" * 100_000 + b"\n" + rest)
    yield "foreign lines", gzip.compress(first + b"\n{" + b'"a":{' * 100_000 + b"\n" + rest)


def bombs(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Little that unpacks to more than any segment holds: in a line, in lines, behind what is sound, in each other."""
    for filling in (b"\0", b"\n", b"{}\n", b"[" * 64):
        bomb = _bomb(filling, 48)
        yield "bomb", bomb
        yield "bomb", body + bomb
    yield "bomb", gzip.compress(_bomb(b"\0", 48))
    yield "bomb", gzip.compress(b"") * 20_000


@cache  # each takes longer to make than to refuse, and all seeds have the same
def _bomb(filling: bytes, mebibytes: int) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    block = filling * (_MEBI // len(filling))
    return b"".join([*(packer.compress(block) for _ in range(mebibytes)), packer.flush()])


def other_formats(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The same lines, packed by another program."""
    yield "another format", bz2.compress(text)
    yield "another format", zlib.compress(text)
    yield "another format", zlib.compress(text)[2:-4]
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("records", text)
    yield "another format", archive.getvalue()


def same_checksum(**fields: object) -> tuple[bytes, bytes]:
    """Two records of these fields with one length and one CRC32C: found among some 100,000, as anybody could."""
    seen: dict[int, bytes] = {}
    for number in itertools.count():
        body = json.dumps({**fields, "filling": f"{number * 2654435761 % 2**32:010}"}).encode()
        other = seen.setdefault(google_crc32c.value(body), body)
        if other != body:
            return other, body
    raise AssertionError("not reached")


def foreign_names() -> Iterator[str]:
    """Names below a label, and below an hour of it, that no stream makes."""
    endings = ("", ".json", ".ndjson.gz", ".json.tmp", ".ndjson", "~", ".gz", " (copy).json", ".JSON")
    stems = (
        "notes",
        "1",
        "1_",
        "_1",
        "1_2_",
        "é",
        "%2e%2e",
        "a b",
        "x" * 200,
        "CON",
        "-rf",
        "$(id)",
        "\u202egnp",
        "1_x",
    )
    for stem, ending in itertools.product(stems, endings):
        yield f"{stem}{ending}"
