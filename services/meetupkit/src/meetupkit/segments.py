"""What is sound in a segment: gzip NDJSON that a disk, a copy or a stranger may have damaged. No I/O.

A member of gzip whose checksum holds is sound, and so is the beginning of one that was cut off. In one whose checksum
does not hold any byte may be another than was written, in lines that still read as JSON, so none of it is taken for a
record; unless the segment's name, a digest of its records, says that they are right.
"""

import hashlib
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
_ZEROS: Final = bytes(9)
"""More than a trailer of gzip ends with: its checksum and its length, which is not 0."""
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
    if texts.damage and body.endswith(_ZEROS):  # what a file has that grew and was not written before the power failed
        texts.sound.clear()
        texts.read(body.rstrip(b"\0"))
    text = b"".join(texts.sound)
    if not texts.damage and is_digest_of(digest, text):
        return Unpacked(text[:-1].split(b"\n"))  # as it was written, so every line is a record
    if texts.failed and not text and is_digest_of(digest, whole := _without_trailer(body)):
        return Unpacked(whole[:-1].split(b"\n"), texts.damage)
    return _checked(text, texts)


def is_record(line: bytes) -> bool:
    """Whether it is one JSON object of a sane size; what lies in it is checked and not made into Python objects."""
    if len(line) > MAX_LINE_BYTES:
        return False
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
    beginning: bytes = b""
    """Of a member that was cut off, or goes on for too long."""
    damage: str | None = None
    failed: bool = False
    """The last member's checksum does not hold, or it is no gzip."""

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
                self.beginning, self.damage = text[:room], _unended(rest, len(text) > room, number)
                return
            self.sound.append(text)
            rest, room = gzip.unused_data, room - len(text)


def _unended(rest: bytes, too_long: bool, number: int) -> str:
    if too_long:
        return f"unpacked it has more than {MAX_TEXT_BYTES:,} bytes"
    return f"its part {number} ends before its end" if rest else "it is empty"


def _without_trailer(body: bytes) -> bytes:
    """The text of one member without regard to its header and trailer."""
    try:
        text: bytes = isal_zlib.decompressobj(_RAW).decompress(body[_HEADER_BYTES:], MAX_TEXT_BYTES)
    except _UNSOUND:
        return b""
    return text


def is_digest_of(digest: str, text: bytes) -> bool:
    """Whether a segment of this text bears this digest in its name."""
    found = hashlib.sha256(text).hexdigest()[:DIGEST_CHARACTERS] if text else ""
    return len(digest) >= DIGEST_CHARACTERS and found == digest[:DIGEST_CHARACTERS]


def _checked(text: bytes, texts: _Texts) -> Unpacked:
    """Line by line, because somebody else wrote it or it is damaged."""
    lines, tail, damage = _split(text)
    records = [line for line in lines if is_record(line)]
    if len(records) != len(lines):
        damage = damage or f"{len(lines) - len(records)} of its lines are no records"
    if tail:
        damage = damage or "its last line has no end"
        records += [tail] if is_record(tail) else []
    begun, _, _ = _split(texts.beginning)
    if all(map(is_record, begun)):  # else something in it was changed, and nobody knows what
        records += begun
    damage = texts.damage or damage or (None if records else "it holds no record")
    return Unpacked(list(dict.fromkeys(records)) if damage else records, damage)


def _split(text: bytes) -> tuple[list[bytes], bytes, str | None]:
    """Lines, what is behind the last of them, and whether there were more than any segment has."""
    *lines, tail = text.split(b"\n", _MAX_LINES)
    return (lines, b"", f"it has more than {_MAX_LINES:,} lines") if b"\n" in tail else (lines, tail, None)
