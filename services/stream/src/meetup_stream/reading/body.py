"""The body of an endless answer, many chunks at a time, to where HTTP says that it ends.

Meetup sends each record as its own chunk. http.client and urllib3 hand out one chunk per call, which costs a stream
that catches up a third of its processor time; here one read of the socket gives all the chunks that are in it.
"""

import re
import time
from collections.abc import Callable
from typing import Final, Protocol

from meetupkit.foreign_text import printable

from meetup_stream.reading.coding import Coding, CodingUnknown, Corrupt, Inflater
from meetup_stream.reading.response import Response

SIZE_LINE_SECONDS: Final = 30.0
"""For the line before a chunk, once it has begun: it is some ten bytes, which a server writes at once."""
_SIZE_LINE_BYTES: Final = 1024
"""A chunk's size and its extensions are some ten bytes; what is longer is no chunked body."""
_SHOWN: Final = 40
"""Characters of what is no size of a chunk."""
_MOST_EXPANSION: Final = 100
"""Recorded rsvps are 4.8 times smaller by gzip, lines that all look alike some fifty times."""
_FREE_EXPANSION_BYTES: Final = 8 * 1024 * 1024
"""Unpacked before that is asked: an idle stream's few bytes may well be a hundred times smaller."""
_SIZE_LINE: Final = rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n"
_first_size: Final = re.compile(_SIZE_LINE).match
_next_size: Final = re.compile(rb"\r\n" + _SIZE_LINE).match
"""With the line end that closes the chunk before it."""
_LENGTH: Final = re.compile(r"[0-9]{1,18}", re.ASCII)

Receive = Callable[[], bytes]
"""The connection's next bytes, at least one; none when the other side has closed it. Raises ``OSError``."""


class BrokenBody(Exception):
    """The body is cut, or is not what the headers announced."""


class BodyUnreadable(Exception):
    """The headers announce a body that cannot be read, however it goes on."""


class Body(Protocol):
    """Raises ``OSError`` (``TimeoutError``: silence) or ``BrokenBody``."""

    def read(self) -> bytes | None:
        """What has come: nothing if none of it were data, ``None`` where the body ends as HTTP says."""


def body_of(response: Response, receive: Receive) -> Body:
    """The body that follows the headers. Raises ``BodyUnreadable``."""
    transfer = [each for each in response.items("transfer-encoding") if each != "identity"]
    codings = [*transfer[:-1], *response.items("content-encoding")]
    try:
        coding = Coding.of(codings)
    except CodingUnknown as error:
        raise BodyUnreadable(str(error)) from None
    framed = _framed(response, transfer, receive)
    return DecodedBody(framed, coding) if coding else framed


def _framed(response: Response, transfer: list[str], receive: Receive) -> Body:
    """RFC 9112, section 6.3."""
    if transfer:
        if transfer[-1] != "chunked":
            raise BodyUnreadable(f"the Transfer-Encoding {printable(transfer[-1], _SHOWN)} is not known")
        return ChunkedBody(receive)
    if lengths := set(response.items("content-length")):
        length = lengths.pop()
        if lengths or not _LENGTH.fullmatch(length):
            raise BodyUnreadable("its Content-Length is no number, or says two")
        return SizedBody(receive, int(length))
    return UnsizedBody(receive, ends_by_closing=response.minor == 0 or "close" in response.items("connection"))


class SizedBody:
    """``Content-Length``."""

    def __init__(self, receive: Receive, length: int) -> None:
        self._receive = receive
        self._left = length

    def read(self) -> bytes | None:
        """See ``Body``; what comes beyond the length is not the body's."""
        if not self._left:
            return None
        if not (block := self._receive()):
            raise BrokenBody(f"the connection ended {self._left} bytes before the answer's end")
        data = block[: self._left]
        self._left -= len(data)
        return data


class UnsizedBody:
    """Neither chunks nor a length: it lasts until the connection closes, which is an end only if it was announced."""

    def __init__(self, receive: Receive, *, ends_by_closing: bool) -> None:
        self._receive = receive
        self._ends_by_closing = ends_by_closing

    def read(self) -> bytes | None:
        """See ``Body``."""
        if block := self._receive():
            return block
        if self._ends_by_closing:
            return None
        raise BrokenBody("the connection ended before the end of the answer")


class ChunkedBody:
    """``Transfer-Encoding: chunked``; ends at the chunk of length 0."""

    def __init__(self, receive: Receive, clock: Callable[[], float] = time.monotonic) -> None:
        self._receive = receive
        self._clock = clock
        self._decoder = ChunkDecoder()
        self._due: float | None = None

    def read(self) -> bytes | None:
        """See ``Body``."""
        if self._decoder.ended:
            return None
        if self._decoder.broken:
            raise BrokenBody(self._decoder.broken)
        if not (block := self._receive()):
            raise BrokenBody("the connection ended in the middle of the answer")
        data = self._decoder.decode(block)
        if data:
            self._due = None
        elif self._decoder.in_size_line:
            self._hurry()
        return data

    def _hurry(self) -> None:
        """A size line of a byte a minute would never meet the read timeout."""
        now = self._clock()
        if self._due is None:
            self._due = now + SIZE_LINE_SECONDS
        elif now > self._due:
            raise BrokenBody(f"the size of a chunk was not whole after {SIZE_LINE_SECONDS:g} s")


class ChunkDecoder:
    """``Transfer-Encoding: chunked`` (RFC 9112, 7.1), undone. Pure. Holds no more than the line before a chunk."""

    def __init__(self) -> None:
        self._held = b""
        self._left = 0
        self._size = _first_size
        self.ended = False
        """Whether the last chunk came; what follows it (trailers) is not read."""
        self.broken = ""
        """What came in place of a chunk; the data before it are good."""

    @property
    def in_size_line(self) -> bool:
        """Whether a chunk's size has begun and is not whole; the line end before it may come early."""
        return self._held not in (b"", b"\r", b"\r\n") and not self.ended

    def decode(self, block: bytes) -> bytes:
        """The data in the next bytes of the connection."""
        block, at, parts = self._held + block, 0, []
        while True:
            part = block[at : at + self._left]
            parts.append(part)
            at += len(part)
            self._left -= len(part)
            line = None if self._left else self._size(block, at)
            if line is None:
                break
            at, self._left, self._size = line.end(), int(line[1], 16), _next_size
            if not self._left:
                self.ended = True
                break
        self._held = block[at:]
        if not self.ended and (len(self._held) > _SIZE_LINE_BYTES or b"\n" in self._held[2:]):
            self.broken = f"not the size of a chunk: {printable(self._held, _SHOWN)!r}"
        return b"".join(parts)


class DecodedBody:
    """A body that came packed, though it was asked for as it is: unpacked as it comes, a bounded piece a read."""

    def __init__(self, body: Body, coding: Coding) -> None:
        self._body = body
        self._inflater = Inflater(coding)
        self._packed = 0
        self._unpacked = 0

    def read(self) -> bytes | None:
        """See ``Body``; packed data that are cut or damaged break the body, even where HTTP ended it well."""
        try:
            if self._inflater.pending:
                return self._counted(self._inflater.inflate())
            block = self._body.read()
            if block is None:
                self._inflater.end()
                return None
            self._packed += len(block)
            return self._counted(self._inflater.inflate(block)) if block else b""
        except Corrupt as error:
            raise BrokenBody(str(error)) from None

    def _counted(self, data: bytes) -> bytes:
        self._unpacked += len(data)
        if self._unpacked > max(_FREE_EXPANSION_BYTES, _MOST_EXPANSION * self._packed):
            raise BrokenBody(f"packed data that unpack to more than {_MOST_EXPANSION} times their size")
        return data
