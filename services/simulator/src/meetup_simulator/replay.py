"""Lines of NDJSON files, plain or gzip, with their bytes and their order kept."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BLOCK_BYTES: Final = 1024 * 1024


def lines_of(files: Iterable[Path]) -> Iterator[bytes]:
    """The lines of the files, one file after the other, without their newlines and without empty lines.

    Split on ``\\n`` only: records hold raw U+2028, and a carriage return would be a byte of the record. A last line
    without a newline counts.
    """
    for file in files:
        rest = b""
        for block in _blocks(file):
            first, *others = block.split(b"\n")
            rest += first
            if others:
                yield from filter(None, [rest, *others[:-1]])
                rest = others[-1]
        if rest:
            yield rest


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as raw:
        zipped = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if zipped:
            with gzip.open(raw, "rb") as unzipped:
                yield from iter(lambda: unzipped.read(_BLOCK_BYTES), b"")
        else:
            yield from iter(lambda: raw.read(_BLOCK_BYTES), b"")
