"""Types of command-line arguments, for ``argparse``, which tells the person what they raise."""

import gzip
import json
import zlib
from argparse import ArgumentTypeError
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, Final

from meetupkit.feeds import FEEDS

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BLOCK_BYTES: Final = 1024 * 1024


def replay(text: str) -> tuple[str, Path]:
    """``FEED=FILE``: a feed of the table and a file that can be read."""
    feed, _, file = text.partition("=")
    if feed not in FEEDS:
        raise ArgumentTypeError(f"{feed!r} is none of {', '.join(FEEDS)}")
    return feed, whole_file(file)


def whole_file(text: str) -> Path:
    """A plain or gzip NDJSON file that can be read to its end."""
    file = readable_file(text)
    try:
        with file.open("rb") as raw:
            zipped = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if zipped else nullcontext(raw) as stream:
                last = _last_line(stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArgumentTypeError(f"{text}: the file is cut or damaged: {error}") from None
    except OSError as error:
        raise ArgumentTypeError(f"{text}: {error.strerror}") from None
    if last.startswith(b"{") and not _is_json(last):  # other lines are damaged on purpose
        raise ArgumentTypeError(f"{text}: the file is cut: its last line has no end and is no JSON")
    return file


def _last_line(stream: BinaryIO | gzip.GzipFile) -> bytes:
    """What follows the last newline, once all has been read."""
    rest = b""
    while block := stream.read(_BLOCK_BYTES):
        _, newline, after = block.rpartition(b"\n")
        rest = after if newline else rest + after
    return rest


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line, strict=False)  # a raw carriage return in a text is a record of its own kind
    except (ValueError, RecursionError):
        return False
    return True


def readable_file(text: str) -> Path:
    """A file that can be read now."""
    file = Path(text)
    try:
        with file.open("rb"):
            return file
    except OSError as error:
        raise ArgumentTypeError(f"{text or 'no file'}: {error.strerror}") from None


def number(text: str) -> float:
    """A finite number of 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value
