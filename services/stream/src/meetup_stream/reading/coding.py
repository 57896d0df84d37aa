"""gzip and deflate, undone as they come, from a server that packs what was asked for as it is. Pure."""

import zlib
from collections.abc import Sequence
from enum import Enum
from typing import Final, Self

from meetupkit.foreign_text import printable

PIECE_BYTES: Final = 64 * 1024
"""The most that one call unpacks, however small its input: as much as one read of the socket brings."""
_SHOWN: Final = 40
_GZIP: Final = zlib.MAX_WBITS | 16
_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_TELLING_BYTES: Final = 2
"""As many say whether zlib's header stands before deflated data."""


class CodingUnknown(Exception):
    """Nothing here can undo it; the text says what it is."""


class Corrupt(Exception):
    """The packed data are damaged or not whole."""


class Coding(Enum):
    """What can be undone."""

    GZIP = "gzip"
    DEFLATE = "deflate"
    """Of zlib, as RFC 9110 says, or raw, as some servers send it."""

    @classmethod
    def of(cls, names: Sequence[str]) -> Self | None:
        """The one coding among the names in the headers; ``None`` if the body is as it is. Raises ``CodingUnknown``."""
        applied = [name.removeprefix("x-") for name in names if name != "identity"]
        if not applied:
            return None
        if len(applied) == 1 and applied[0] in [coding.value for coding in cls]:
            return cls(applied[0])
        named = printable(", ".join(applied), _SHOWN)
        raise CodingUnknown(f"its Content-Encoding is {named}, unasked for: only gzip or deflate can be read")


class Inflater:
    """Unpacks one body."""

    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._stream: zlib._Decompress | None = None
        self._rest = b""
        self._streams = 0
        self.pending = False
        """Whether there is more to unpack before further input is needed."""

    def inflate(self, block: bytes = b"") -> bytes:
        """At most ``PIECE_BYTES`` of what the input so far holds; raises ``Corrupt``."""
        self._rest += block
        stream = self._stream = self._stream or self._next_stream()
        if stream is None:
            self.pending = False
            return b""
        try:
            data = stream.decompress(self._rest, PIECE_BYTES)
        except zlib.error as error:
            raise Corrupt(f"the packed data are damaged: {error}") from None
        self._rest = stream.unused_data if stream.eof else stream.unconsumed_tail
        self.pending = bool(self._rest) or (len(data) == PIECE_BYTES and not stream.eof)
        if stream.eof:
            self._stream = None
        return data

    def end(self) -> None:
        """No more input comes; raises ``Corrupt`` if that is too early."""
        if self._stream is not None or self._rest:
            raise Corrupt("the packed data are cut")

    def _next_stream(self) -> "zlib._Decompress | None":
        """The first, or the next of a gzip of several members; ``None`` while too little of it is there."""
        if self._streams:
            self._rest = self._rest.lstrip(b"\0")  # padding, which gzip allows behind its end
        if len(self._rest) < _TELLING_BYTES:
            return None
        if self._streams and self._coding is Coding.DEFLATE:
            raise Corrupt("something follows the end of the packed data")
        self._streams += 1
        return zlib.decompressobj(_GZIP if self._coding is Coding.GZIP else _deflate_bits(self._rest))


def _deflate_bits(begin: bytes) -> int:
    """By the two bytes of zlib's own header (RFC 1950, 2.2), which raw deflate does not have."""
    return _ZLIB if begin[0] & 0x0F == zlib.DEFLATED and int.from_bytes(begin[:2], "big") % 31 == 0 else _RAW
