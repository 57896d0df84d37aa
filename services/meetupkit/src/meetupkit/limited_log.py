"""Log lines that a stranger can cause without end: the first of a kind at once, then one per minute with the count."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

EVERY_SECONDS: Final = 60.0
"""One line per minute and kind: enough to see that it continues, too little to fill a disk."""
MOST_KINDS: Final = 64
"""Kinds are the program's words; should one ever hold foreign text, those beyond share one line."""
_OTHER: Final = "other"


@dataclass(slots=True)
class _Kind:
    next_at: float
    held_back: int = 0


class LimitedLog:
    """Wraps a logger for one module; thread-safe. ``clock`` gives monotonic seconds."""

    def __init__(
        self, log: logging.Logger, *, seconds: float = EVERY_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._seconds = seconds
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}
        self._lock = threading.Lock()

    def warning(self, kind: str, message: str, *args: object, extra: dict[str, Any] | None = None) -> None:
        """Log at WARNING, unless ``kind`` was logged within the last minute; then only count it."""
        self.line(logging.WARNING, kind, message, *args, extra=extra)

    def error(
        self,
        kind: str,
        message: str,
        *args: object,
        extra: dict[str, Any] | None = None,
        exc_info: BaseException | None = None,
    ) -> None:
        """The same at ERROR; with the traceback of ``exc_info``, if given."""
        self.line(logging.ERROR, kind, message, *args, extra=extra, exc_info=exc_info)

    def line(
        self,
        level: int,
        kind: str,
        message: str,
        *args: object,
        extra: dict[str, Any] | None = None,
        exc_info: BaseException | None = None,
    ) -> None:
        """The same at ``level``. Its text and ``repeated`` tell how many were held back before it."""
        held_back = self._turn(kind)
        if held_back is None:
            return
        if held_back:
            message, args = f"{message} (and %d more since the last such line)", (*args, held_back)
            extra = {**(extra or {}), "repeated": held_back}
        self._log.log(level, message, *args, extra=extra, exc_info=exc_info, stacklevel=3)

    def _turn(self, kind: str) -> int | None:
        """How many were held back before this one, which is to be logged; ``None``: it is held back itself."""
        now = self._clock()
        with self._lock:
            name = kind if kind in self._kinds or len(self._kinds) < MOST_KINDS else _OTHER
            state = self._kinds.setdefault(name, _Kind(next_at=now))
            if now < state.next_at:
                state.held_back += 1
                return None
            held_back, state.held_back, state.next_at = state.held_back, 0, now + self._seconds
            return held_back
