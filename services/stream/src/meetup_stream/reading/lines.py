"""From the bytes of a body to lines. Pure: it reads nothing and waits for nothing.

A line is ended by ``\\n`` or ``\\r\\n``, or by the body's own end (``finish``). What stands behind the last line end
when a connection is cut is a truncated line, which the server will send again whole. Nothing else ends a line, because
texts may hold U+2028 and the like. White space alone is nothing, and so is a byte order mark at the start of the body.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from meetupkit.records import MAX_LINE_BYTES

KEPT_BYTES: Final = 64 * 1024
"""How much of an oversized line is kept: enough to see what it was."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class OversizedLine:
    """A line longer than any record: its beginning, its whole length, and the SHA-256 of all of it in hexadecimal."""

    beginning: bytes
    length: int
    sha256: str


Line = bytes | OversizedLine


class LineSplitter:
    """The lines of one body. Holds at most ``MAX_LINE_BYTES`` and a chunk, however long a line the server sends."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._oversized: _Oversized | None = None
        self._started = False

    @property
    def truncated(self) -> bool:
        """Whether the beginning of a line is left."""
        if self._oversized:
            return not self._oversized.blank
        return bool(self._held) and not self._held.isspace()

    def lines(self, chunk: bytes) -> list[Line]:
        """The lines that the chunk ends, without their line ends."""
        parts = chunk.split(b"\n")
        rest = parts.pop()
        if not parts:
            self._hold(rest)
            return []
        if b"\r" in chunk:
            parts = [part.rstrip(b"\r") for part in parts]
        first = self._end(parts[0])
        others: list[Line] = [part for part in parts[1:] if part and not part.isspace()]
        if len(chunk) > MAX_LINE_BYTES:  # more than one read of a socket brings
            others = [_bounded(line) for line in others if isinstance(line, bytes)]
        self._hold(rest)
        return others if first is None else [first, *others]

    def finish(self) -> Line | None:
        """The line that the body's end has ended, if it holds one."""
        return self._end(b"")

    def _end(self, part: bytes) -> Line | None:
        """What is held, with its last part; ``None`` if it is white space alone."""
        if self._held or self._oversized:
            self._hold(part)
            part = bytes(self._held).rstrip(b"\r")
            self._held.clear()
        if not self._started:
            part, self._started = part.removeprefix(_BYTE_ORDER_MARK), True
        if oversized := self._oversized:
            self._oversized = None
            return None if oversized.blank else oversized.line()
        return _bounded(part) if part and not part.isspace() else None

    def _hold(self, part: bytes) -> None:
        if self._oversized:
            self._oversized.add(part)
            return
        self._held += part
        if len(self._held) > MAX_LINE_BYTES + len(b"\r"):
            self._oversized = _Oversized(bytes(self._held))
            self._held.clear()


def _bounded(line: bytes) -> Line:
    return line if len(line) <= MAX_LINE_BYTES else _Oversized(line).line()


class _Oversized:
    def __init__(self, beginning: bytes) -> None:
        self._beginning = beginning[:KEPT_BYTES]
        self._length = len(beginning)
        self._sha256 = hashlib.sha256(beginning)
        self.blank = beginning.isspace()
        """Whether it is white space alone, so far."""

    def add(self, part: bytes) -> None:
        self._length += len(part)
        self._sha256.update(part)
        self.blank = self.blank and (not part or part.isspace())

    def line(self) -> OversizedLine:
        return OversizedLine(self._beginning, self._length, self._sha256.hexdigest())
