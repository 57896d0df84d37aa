"""Status and headers of an HTTP/1.x answer, from a server that may send anything. Pure: it does no I/O.

Only what is needed must be right: the status, and how the body ends and is coded. A reason phrase full of escape
sequences, or a header that is no header, says nothing about the records behind it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from meetupkit.foreign_text import printable

MAX_HEADERS_BYTES: Final = 64 * 1024
"""Of one answer, those of interim answers (1xx) included. Recorded ones have 400 bytes, and servers
bound them to 8 KiB or so."""
_SHOWN: Final = 80
"""Characters of what is no HTTP, to see what answered."""
_SWITCHING: Final = 101
"""The one interim status after which no other comes."""
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.(\d)[ \t]+(\d{3})(?:[ \t]+(.*))?", re.DOTALL)
_BEGIN: Final = b"HTTP/"
_END: Final = re.compile(rb"\r?\n\r?\n")
_LONGEST_END: Final = 4


class BadResponse(Exception):
    """What came is no HTTP/1.x answer, or its headers have no end; the text is printable."""


@dataclass(frozen=True, slots=True)
class Response:
    """``minor`` is 0 for HTTP/1.0. Names of ``headers`` are in lower case, repeated ones joined by commas."""

    minor: int
    status: int
    reason: str
    headers: Mapping[str, str]

    def items(self, name: str) -> list[str]:
        """The members of a header that is a list, in lower case, without parameters."""
        members = (each.partition(";")[0].strip().lower() for each in self.headers.get(name, "").split(","))
        return [each for each in members if each]


class ResponseReader:
    """Takes the bytes as they come; interim answers are passed over."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        self._passed = 0

    def feed(self, data: bytes) -> tuple[Response, bytes] | None:
        """Status and headers, and what came after them; ``None`` until they are complete. Raises ``BadResponse``."""
        self._held += data
        while True:
            self._skip_blank_lines()
            if not _BEGIN.startswith(self._held[: len(_BEGIN)]):
                raise BadResponse(f"no HTTP answer, but {printable(bytes(self._held[:_SHOWN]), _SHOWN)}")
            end = _END.search(self._held, self._searched)
            if end is None or self._passed + end.end() > MAX_HEADERS_BYTES:
                self._wait()
                return None
            response, behind = _parse(bytes(self._held[: end.start()])), bytes(self._held[end.end() :])
            if response.status >= 200 or response.status == _SWITCHING:
                return response, behind
            self._passed += end.end()
            self._held, self._searched = bytearray(behind), 0

    def _skip_blank_lines(self) -> None:
        blank = len(self._held) - len(self._held.lstrip(b"\r\n"))
        if blank:
            self._passed += blank
            del self._held[:blank]

    def _wait(self) -> None:
        if self._passed + len(self._held) > MAX_HEADERS_BYTES:
            raise BadResponse(f"headers of more than {MAX_HEADERS_BYTES} bytes")
        self._searched = max(0, len(self._held) - _LONGEST_END)


def _parse(text: bytes) -> Response:
    status_line, *lines = (line.rstrip(b"\r") for line in text.split(b"\n"))
    found = _STATUS_LINE.fullmatch(status_line)
    if found is None:
        raise BadResponse(f"no HTTP/1 answer, but {printable(status_line, _SHOWN)}")
    minor, status, reason = found.groups()
    return Response(int(minor), int(status), printable(reason or b"", _SHOWN), _headers(lines))


def _headers(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    last = ""
    for line in lines:
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t"):  # folded: it goes on with the header before it
            value = line
        elif colon:
            last = name.strip().decode("latin-1").lower()
        else:
            continue
        text = value.strip().decode("latin-1")
        separator = " " if line[:1] in (b" ", b"\t") else ", "
        headers[last] = f"{headers[last]}{separator}{text}" if last in headers else text
    return headers
