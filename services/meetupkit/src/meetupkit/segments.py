"""What is sound in a segment: gzip NDJSON that a disk, a copy or a stranger may have damaged. No I/O.

Sound is what a checksum confirms: a whole member of gzip by the one at its end, or all lines by the digest in the
segment's name. Of a member without its end nothing is taken for a record: one changed bit can hide the end of a sound
one, and then it looks as if it was cut off, with changed bytes in lines that still read as JSON.
"""

import hashlib
from dataclasses import dataclass
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
class SoundText:
    """What a checksum confirms of a segment's text, in pieces; ``damage`` says what else there is."""

    pieces: list[bytes]
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The sound records, in order, and of a damaged one each once; ``damage`` says what else there is."""

    records: list[bytes]
    damage: str | None = None


def unpack(body: bytes, *, digest: str = "") -> Unpacked:
    """The records of a segment's body; ``digest`` is the one in its name. Never raises."""
    sound = sound_text(body, digest=digest)
    text = b"".join(sound.pieces)
    if not sound.damage and is_digest_of(digest, text):
        return Unpacked(text[:-1].split(b"\n"))  # as it was written, so every line is a record
    return _checked(text, sound.damage)


def sound_text(body: bytes, *, digest: str = "", piece_bytes: int = MAX_TEXT_BYTES) -> SoundText:
    """The text of a segment's body, whatever its lines are, in pieces of this size at most; never raises.

    ``digest`` is the one in the segment's name. Nothing is given before the checksum behind it is read.
    """
    members, damage = _members(body, piece_bytes)
    if damage and not members and is_digest_of(digest, whole := _without_trailer(body)):
        return SoundText([whole], damage)
    return SoundText(members, damage)


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


class _Unended(Exception):
    """A member that goes on for too long, or ends before its end."""


def _members(body: bytes, piece_bytes: int) -> tuple[list[bytes], str | None]:
    """The text of the members of gzip, one after the other, up to the first that is not sound; why it is not."""
    sound: list[bytes] = []
    rest, room, number = body, MAX_TEXT_BYTES, 0
    while rest or not number:
        number += 1
        try:
            pieces, rest = _member(rest, room, piece_bytes)
        except _UNSOUND as error:
            return sound, f"its part {number} is no gzip, or not as it was written ({error})"
        except _Unended as error:
            return sound, str(error) or (f"its part {number} ends before its end" if rest else "it is empty")
        sound += pieces
        room -= sum(map(len, pieces))
    return sound, None


def _member(body: bytes, room: int, piece_bytes: int) -> tuple[list[bytes], bytes]:
    """The text of the first member, with its checksum compared, and what is behind it."""
    gzip: Any = isal_zlib.decompressobj(_GZIP)
    pieces: list[bytes] = []
    while not gzip.eof:
        piece = gzip.decompress(body, min(piece_bytes, room + 1))
        body = gzip.unconsumed_tail
        room -= len(piece)
        if room < 0:
            raise _Unended(f"unpacked it has more than {MAX_TEXT_BYTES:,} bytes")
        if not piece and not body and not gzip.eof:
            raise _Unended
        pieces.append(piece)
    return pieces, gzip.unused_data


def _without_trailer(body: bytes) -> bytes:
    """The text of one member without regard to its header and trailer, as far as there is one: not confirmed."""
    try:
        text: bytes = isal_zlib.decompressobj(_RAW).decompress(body[_HEADER_BYTES:], MAX_TEXT_BYTES)
    except _UNSOUND:
        return b""
    return text


def is_digest_of(digest: str, text: bytes) -> bool:
    """Whether a segment of this text bears this digest in its name."""
    found = hashlib.sha256(text).hexdigest()[:DIGEST_CHARACTERS] if text else ""
    return len(digest) >= DIGEST_CHARACTERS and found == digest[:DIGEST_CHARACTERS]


def _checked(text: bytes, damage: str | None) -> Unpacked:
    """Line by line, because somebody else wrote it or it is damaged."""
    lines, tail, other = _split(text)
    records = [line for line in lines if is_record(line)]
    if len(records) != len(lines):
        other = other or f"{len(lines) - len(records)} of its lines are no records"
    if tail:
        other = other or "its last line has no end"
        records += [tail] if is_record(tail) else []
    damage = damage or other or (None if records else "it holds no record")
    return Unpacked(list(dict.fromkeys(records)) if damage else records, damage)


def _split(text: bytes) -> tuple[list[bytes], bytes, str | None]:
    """Lines, what is behind the last of them, and whether there were more than any segment has."""
    *lines, tail = text.split(b"\n", _MAX_LINES)
    return (lines, b"", f"it has more than {_MAX_LINES:,} lines") if b"\n" in tail else (lines, tail, None)
