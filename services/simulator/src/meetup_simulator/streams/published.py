"""Every line a feed has published, in order: what a test compares the stored objects with.

It lies in an unnamed temporary file, so that a long run costs no memory, and is bounded: past its bound it says that it
is incomplete, and never answers with a part as if it were the whole.
"""

import tempfile
from collections.abc import Iterable, Iterator
from typing import Final

_BLOCK_BYTES: Final = 256 * 1024


class PublishedIncomplete(Exception):
    """More was published than is kept."""


class PublishedLines:
    """Lines in the order they were published. ``max_bytes`` 0 keeps none."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._complete = True
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the lines)

    def write(self, lines: Iterable[bytes]) -> None:
        """Append lines, each without its newline."""
        if not self._complete:
            return
        block = b"".join([line + b"\n" for line in lines])
        if self._bytes + len(block) > self._max_bytes:
            self._complete = False
            return
        try:
            self._file.seek(self._bytes)
            self._file.write(block)
            self._file.flush()
        except OSError:  # a full disk ends what is kept, not the feed
            self._complete = False
        else:
            self._bytes += len(block)

    def read(self) -> tuple[int, Iterator[bytes]]:
        """The length in bytes now, and the content in blocks; raises ``PublishedIncomplete``."""
        if not self._complete:
            raise PublishedIncomplete(f"more was published than the {self._max_bytes} bytes kept, or the disk is full")
        return self._bytes, self._blocks(self._bytes)

    def _blocks(self, length: int) -> Iterator[bytes]:
        at = 0
        while at < length:
            self._file.seek(at)
            block = self._file.read(min(_BLOCK_BYTES, length - at))
            at += len(block)
            yield block

    def close(self) -> None:
        """Free the file."""
        self._file.close()
