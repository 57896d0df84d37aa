"""The head of an HTTP answer, read as RFC 9112 says and http.client does not.

http.client takes a head that broke off for a whole one, so that a length it did not get to read seems never to have
been there; and it takes every interim answer but ``100 Continue`` for the final one.
"""

import http.client
from http import HTTPStatus
from typing import Any, Final

_MOST_INTERIM: Final = 16
"""Interim answers (RFC 9110, section 15.2) before the final one; a server sends one or two."""
_ENDS: Final = (b"\r\n", b"\n")


class BrokenHead(http.client.HTTPException):
    """The answer's head ended before its empty line, or never became a final one."""


class _LastLine:
    """A file that remembers the last line read from it."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._file.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class WholeHead(http.client.HTTPResponse):
    """The response class for connections of http.client and urllib3."""

    def begin(self) -> None:
        """Read the head up to the final answer's; raises ``BrokenHead``."""
        for _ in range(_MOST_INTERIM):
            self._begin_whole()
            if not HTTPStatus.CONTINUE <= self.status < HTTPStatus.OK or self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                return
            self.headers = self.msg = None  # type: ignore[assignment]  # what tells http.client that it has not begun
        raise BrokenHead(f"{_MOST_INTERIM} interim answers and no final one")

    def _begin_whole(self) -> None:
        file: Any = self.fp
        watched: Any = _LastLine(file)
        self.fp = watched
        super().begin()
        if self.fp is watched:
            self.fp = file
        if watched.last not in _ENDS:
            raise BrokenHead("the answer broke off in its head")
        if self.headers.defects:  # the parser stops there: what follows would be no header
            raise BrokenHead("the answer's head has a line that is no header")
