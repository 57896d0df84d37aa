"""The body of an endless answer, many chunks at a time.

Meetup sends each record as a chunk of its own. http.client and urllib3 hand out one chunk a call, which costs a stream
that catches up a third of its processor time; here one read of the socket gives all the chunks that are in it.
"""

import re
from typing import Any, Final, Protocol

import requests

_READ_BYTES: Final = 64 * 1024
"""More than any one record; the bound of what one read brings in."""
_HEADER_BYTES: Final = 1024
"""A chunk's size and its extensions are some ten bytes; what is longer is no chunked body."""
_SIZE_LINE: Final = rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n"
_first_size: Final = re.compile(_SIZE_LINE).match
_next_size: Final = re.compile(rb"\r\n" + _SIZE_LINE).match
"""With the line end that closes the chunk before it."""


class BrokenBody(Exception):  # noqa: N818
    """The body is cut, or is not chunked as HTTP/1.1 says."""


class Body(Protocol):
    """Raises ``OSError`` (``TimeoutError``: silence), ``BrokenBody``, or what urllib3 raises."""

    def read(self) -> bytes:
        """What has come, at least a byte; nothing when the server ended the body as HTTP does."""


def body_of(response: requests.Response) -> Body:
    """The body of an answer that was asked for with ``stream=True`` and is not read yet."""
    raw: Any = response.raw
    if raw.chunked and "Content-Encoding" not in response.headers:
        return ChunkedBody(raw._fp.fp)  # the file of the socket, which urllib3 reads too and has no public name for
    return _PlainBody(raw)


class _PlainBody:
    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def read(self) -> bytes:
        read: bytes = self._raw.read1(_READ_BYTES)
        return read


class _File(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class ChunkedBody:
    """Reads a socket's file; ends at the chunk of length 0."""

    def __init__(self, file: _File) -> None:
        self._file = file
        self._decoder = ChunkDecoder()

    def read(self) -> bytes:
        """At least a byte, or nothing at the end."""
        while not self._decoder.ended:
            if not (block := self._file.read1(_READ_BYTES)):
                raise BrokenBody("the connection ended in the middle of the answer")
            if data := self._decoder.decode(block):
                return data
        return b""


class ChunkDecoder:
    """``Transfer-Encoding: chunked`` (RFC 9112, 7.1), undone. Pure. Holds no more than the line before a chunk."""

    def __init__(self) -> None:
        self._held = b""
        self._left = 0
        self._size = _first_size
        self.ended = False
        """Whether the last chunk came; what follows it (trailers) is not read."""

    def decode(self, block: bytes) -> bytes:
        """The data in the next bytes of the connection; raises ``BrokenBody``."""
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
        if not self.ended and (len(self._held) > _HEADER_BYTES or b"\n" in self._held[2:]):
            raise BrokenBody(f"not the size of a chunk: {self._held[:40]!r}")
        return b"".join(parts)
