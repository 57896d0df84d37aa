"""Whether the head of a request is one that every reader reads alike. No I/O.

h11 reads the request afterwards; it takes some heads in which two readers may see two requests (RFC 9112, section 11.2:
two lengths, bare line feeds), or of which a program could read either half (two ``Authorization``). Those are refused.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 16 * 1024
"""Of a whole head. A token of Google has about 1 kB, and Pub/Sub sends ten headers."""
MAX_FIELDS: Final = 64
"""Header lines. A request that came through three proxies has about thirty."""
MAX_TARGET: Final = 2048
"""Characters of path and query; ours have at most forty."""
_MAX_LENGTH_DIGITS: Final = 18
"""Digits of a ``Content-Length``: 64 bits. How much is taken is the application's affair."""

_LINE: Final = re.compile(rb"([A-Za-z-]{1,32}) ([!-~]+) HTTP/1\.([01])")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)")
_PATH: Final = re.compile(rb"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")
_HOST: Final = re.compile(rb"[A-Za-z0-9._\[\]:-]{0,300}")
_ONCE: Final = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"transfer-encoding",
    }
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a request is answered without anyone being asked: the status, and why in a sentence."""

    status: int
    why: str


def refusal_of_begin(begun: bytes | bytearray) -> Refusal | None:
    """Why a head that has not ended yet can never be taken; ``None`` while it still can."""
    if len(begun) > MAX_BYTES:
        return Refusal(431, f"a request's head may have at most {MAX_BYTES} bytes")
    line, ended, _ = bytes(begun[: MAX_TARGET + 64]).partition(b"\n")
    if ended and not _LINE.fullmatch(line.removesuffix(b"\r")):
        return _of_line(line)
    if begun[:1] and not begun[:1].isalpha() and begun[:1] != b"\r":
        return Refusal(400, "this is not HTTP")
    return None


def refusal_of(head: bytes) -> Refusal | None:
    """Why the head, its empty line included, is not taken; ``None`` if it may be read."""
    if len(head) > MAX_BYTES:
        return Refusal(431, f"a request's head may have at most {MAX_BYTES} bytes")
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    line = _LINE.fullmatch(first)
    if not line:
        return _of_line(first)
    if refusal := _of_target(line[2]):
        return refusal
    if len(lines) > MAX_FIELDS:
        return Refusal(431, f"a request may have at most {MAX_FIELDS} header lines")
    fields = [_FIELD.fullmatch(each) for each in lines]
    if not all(fields):
        return Refusal(400, "a header line is malformed")
    return next(_of_fields([(each[1].lower(), each[2].strip()) for each in fields if each], line[3] == b"1"), None)


def _of_line(line: bytes) -> Refusal:
    if len(line) > MAX_TARGET:
        return Refusal(414, f"a target may have at most {MAX_TARGET} characters")
    if re.fullmatch(rb"[A-Za-z-]{1,32} [!-~]+ HTTP/[0-9.]{1,8}", line):
        return Refusal(505, "HTTP/1.1 and HTTP/1.0 are spoken here")
    return Refusal(400, "the request line is malformed")


def _of_target(target: bytes) -> Refusal | None:
    if len(target) > MAX_TARGET:
        return Refusal(414, f"a target may have at most {MAX_TARGET} characters")
    if not target.startswith(b"/"):
        return Refusal(400, "a target must be a path; this is no proxy")
    if b"#" in target or not _PATH.fullmatch(target.partition(b"?")[0]):
        return Refusal(400, "a path has letters, digits and plain punctuation, and nothing percent-encoded")
    return None


def _of_fields(fields: list[tuple[bytes, bytes]], is_1_1: bool) -> Iterator[Refusal]:
    counts = Counter(name for name, _ in fields)
    for name in sorted(_ONCE & counts.keys()):
        if counts[name] > 1:
            yield Refusal(400, f"more than one {name.decode()} header")
    values = dict(fields)
    if not _HOST.fullmatch(values.get(b"host", b"" if not is_1_1 else b"\0")):
        yield Refusal(400, "the Host header is missing or malformed")
    yield from _of_framing(values.get(b"content-length"), values.get(b"transfer-encoding"), is_1_1)
    if values.get(b"expect", b"100-continue").lower() != b"100-continue":
        yield Refusal(417, "of expectations only 100-continue is met")


def _of_framing(length: bytes | None, coding: bytes | None, is_1_1: bool) -> Iterator[Refusal]:
    """The body's length must be given once, and in one way."""
    if length is not None and coding is not None:
        yield Refusal(400, "Content-Length and Transfer-Encoding exclude each other")
    if length is not None and not (length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS):
        yield Refusal(400, "the Content-Length is not a number")
    if coding is None:
        return
    if not is_1_1:
        yield Refusal(400, "HTTP/1.0 has no Transfer-Encoding")
    if coding.lower() != b"chunked":
        yield Refusal(501, "the only Transfer-Encoding is chunked")
