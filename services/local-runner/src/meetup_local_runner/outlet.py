"""Standard output, which may be closed, in ASCII, or read by somebody who leaves early.

What cannot be encoded is escaped. Once nobody reads, writing does nothing, and ``is_closed`` says so: the run then ends
as at Ctrl-C, without a word.
"""

import contextlib
import io
import os
from typing import Final, TextIO

_STDOUT: Final = 1


class Outlet(io.TextIOBase):
    """A text stream over ``out`` that never raises; ``None`` is a standard output that was closed from the start."""

    def __init__(self, out: TextIO | None) -> None:
        super().__init__()
        self._out = out
        self.is_closed = False
        """Whether somebody read, and has left."""
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="backslashreplace")

    @property
    def encoding(self) -> str:  # type: ignore[override]  # TextIOBase's stub has an attribute
        """That of what is written to."""
        return (self._out.encoding if self._out else None) or "ascii"

    def isatty(self) -> bool:
        return bool(self._out and not self.is_closed and self._out.isatty())

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._out is None:
            raise OSError("standard output is closed")
        return self._out.fileno()

    def write(self, text: str) -> int:
        if self._out and not self.is_closed:
            try:
                self._out.write(text)
            except (OSError, ValueError):
                self._leave()
        return len(text)

    def flush(self) -> None:
        if self._out and not self.is_closed:
            try:
                self._out.flush()
            except (OSError, ValueError):
                self._leave()

    def _leave(self) -> None:
        """What is still buffered goes nowhere, so that the interpreter's own flush at the end does not complain."""
        self.is_closed = True
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._out.fileno() if self._out else _STDOUT)
            os.close(nowhere)
