"""What is sound in a segment: gzip NDJSON that a disk, a copy or a stranger may have damaged. No I/O.

A member of gzip whose checksum holds is sound, and so is the beginning of one that was cut off. In one whose checksum
does not hold any byte may be another than was written, in lines that still read as JSON, so none of it is taken for a
record; unless the segment's name, a digest of its records, says that they are right.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec
from isal import isal_zlib

from meetupkit.records import MAX_LINE_BYTES

MAX_TEXT_BYTES: Final = 32 * 1024 * 1024
"""Of a segment, before compression: a stream holds 16 MiB and what its intake adds at once, at most 9 more."""
_MAX_LINES: Final = 1 << 20
"""A record has 24 bytes at least; 32 MiB of line ends would be a list of a quarter of a gigabyte."""
DIGEST_CHARACTERS: Final = 32
"""Of the SHA-256 of a segment's lines, in its name."""
_GZIP: Final = 31
"""The greatest window (15), and 16 for gzip's header and trailer, whose checksum and length are compared."""
_RAW: Final = -15
_HEADER_BYTES: Final = 10
"""Of gzip as the streams write it: without a name, a comment or more fields."""
_UNSOUND: Final = cast(type[Exception], isal_zlib.error)
"""Whose type isal's stubs call a value."""
_is_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The sound records, in order, and of a damaged one each once; ``damage`` says what else there is."""

    records: list[bytes]
    damage: str | None = None


def unpack(body: bytes, *, digest: str = "") -> Unpacked:
    """The records of a segment's body; ``digest`` is the one in its name. Never raises."""
    texts = _Texts()
    texts.read(body)
    if not texts.damage:
        return _lines(b"".join(texts.sound), None)
    if texts.failed and (whole := _vouched_for(body, digest)):
        return _lines(whole, texts.damage)
    return _lines(b"".join(texts.sound), texts.damage, cut=texts.cut)


def is_json_object(line: bytes) -> bool:
    """Whether it is one JSON object; what lies in it is checked as JSON and not made into Python objects."""
    try:
        if not line.isascii():
            line.decode()
        _is_object(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


@dataclass(slots=True)
class _Texts:
    """The texts of the members of gzip, one after the other, up to the first that is not sound."""

    sound: list[bytes] = field(default_factory=list)
    damage: str | None = None
    failed: bool = False
    """The last member's checksum does not hold, or it is no gzip."""
    cut: bool = False
    """The last of them is the beginning of a member."""

    def read(self, body: bytes) -> None:
        rest, room, number = body, MAX_TEXT_BYTES, 0
        while rest or not number:
            number += 1
            gzip: Any = isal_zlib.decompressobj(_GZIP)
            try:
                text = gzip.decompress(rest, room + 1)
            except _UNSOUND as error:
                self.failed = True
                self.damage = f"its part {number} is no gzip, or not as it was written ({error})"
                return
            if not gzip.eof or len(text) > room:
                self.cut, self.damage = True, _unended(rest, len(text) > room, number)
                self.sound.append(text[:room])
                return
            self.sound.append(text)
            rest, room = gzip.unused_data, room - len(text)


def _unended(rest: bytes, too_long: bool, number: int) -> str:
    if too_long:
        return f"unpacked it has more than {MAX_TEXT_BYTES:,} bytes"
    return f"its part {number} ends before its end" if rest else "it is empty"


def _vouched_for(body: bytes, digest: str) -> bytes:
    """The text of one member without regard to its header and trailer, if the name says that it is right."""
    try:
        text: bytes = isal_zlib.decompressobj(_RAW).decompress(body[_HEADER_BYTES:], MAX_TEXT_BYTES)
    except _UNSOUND:
        return b""
    return text if len(digest) >= DIGEST_CHARACTERS and digest_of([text]) == digest[:DIGEST_CHARACTERS] else b""


def digest_of(parts: Iterable[bytes]) -> str:
    """What a segment of these lines is called."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:DIGEST_CHARACTERS]


def _lines(text: bytes, damage: str | None, *, cut: bool = False) -> Unpacked:
    *lines, tail = text.split(b"\n", _MAX_LINES)
    if b"\n" in tail:
        tail, damage = b"", damage or f"it has more than {_MAX_LINES:,} lines"
    if damage:  # so nothing about it is certain
        records = [line for line in lines if len(line) <= MAX_LINE_BYTES and is_json_object(line)]
    else:
        records = [line for line in lines if line[:1] == b"{" and line[-1:] == b"}"]
        if len(records) != len(lines):
            records = [line for line in lines if is_json_object(line)]
    if len(records) != len(lines):
        damage = damage or f"{len(lines) - len(records)} of its lines are no records"
    if tail and not cut:
        damage = damage or "its last line has no end"
        if is_json_object(tail):
            records.append(tail)
    damage = damage or (None if records else "it holds no record")
    return Unpacked(list(dict.fromkeys(records)) if damage else records, damage)
