"""From the bytes of a connection to lines. Pure: it reads nothing and waits for nothing.

Only a line that its newline ended is a line: what stands behind the last one when a connection ends is a torn tail,
which the server will send again whole. Lines are split on ``\\n`` alone, because texts may hold U+2028 and the like.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from meetupkit.records import MAX_LINE_BYTES

KEPT_BYTES: Final = 64 * 1024
"""How much of an oversized line is kept: enough to see what it was."""


@dataclass(frozen=True, slots=True)
class OversizedLine:
    """A line longer than any record: its beginning, its whole length, and the SHA-256 of all of it in hexadecimal."""

    beginning: bytes
    length: int
    sha256: str


Line = bytes | OversizedLine


class LineSplitter:
    """Holds at most ``MAX_LINE_BYTES`` and a chunk, however long a line the server sends."""

    def __init__(self) -> None:
        self._held = b""
        self._oversized: _Oversized | None = None

    @property
    def torn(self) -> bool:
        """Whether bytes without a newline are left."""
        return bool(self._held or self._oversized)

    def lines(self, chunk: bytes) -> Iterator[Line]:
        """The lines that the chunk ends, without their newlines; empty lines are nothing."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            if line := self._end(part):
                yield line
        self._hold(rest)

    def _end(self, part: bytes) -> Line:
        if not self._held and not self._oversized:
            return part if len(part) <= MAX_LINE_BYTES else _Oversized(part).line()
        self._hold(part)
        held, oversized, self._held, self._oversized = self._held, self._oversized, b"", None
        return oversized.line() if oversized else held

    def _hold(self, part: bytes) -> None:
        if self._oversized:
            self._oversized.add(part)
        elif len(self._held) + len(part) > MAX_LINE_BYTES:
            self._oversized, self._held = _Oversized(self._held + part), b""
        else:
            self._held += part


class _Oversized:
    def __init__(self, beginning: bytes) -> None:
        self._beginning = beginning[:KEPT_BYTES]
        self._length = len(beginning)
        self._sha256 = hashlib.sha256(beginning)

    def add(self, part: bytes) -> None:
        self._length += len(part)
        self._sha256.update(part)

    def line(self) -> OversizedLine:
        return OversizedLine(self._beginning, self._length, self._sha256.hexdigest())
