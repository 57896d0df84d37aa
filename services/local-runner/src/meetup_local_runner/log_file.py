"""What a process writes about itself: its address, its last words, its totals."""

import json
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_LAST_LINES: Final = 12
"""As many as explain an end and still leave the sentence above them on the screen."""
_READ_BYTES: Final = 1024 * 1024
_KEPT_LINE: Final = 2_000
"""Characters of a line that are kept to be shown."""
_ANNOUNCED: Final = re.compile(r"listening on http://(\S+)|Listening on\" address=(\S+)")
"""How the simulator says on stdout where it is, and how Prometheus and Alertmanager do."""


class LogFile:
    """Follows the log of one life of a process, from where the file ended when that life began."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.address: str | None = None
        """Where the process listens, once it has logged it."""
        self.totals: dict[str, int] | None = None
        """What it counted over its life, if it logged it at its end (event ``stopped``)."""
        self._offset = path.stat().st_size if path.exists() else 0
        self._half = b""
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._plain: deque[str] = deque(maxlen=_LAST_LINES)

    @property
    def last_lines(self) -> list[str]:
        """The end of the log, events as their severity and message."""
        return list(self._last)

    @property
    def plain_lines(self) -> list[str]:
        """The lines that are no events: what a process says to a person who started it wrongly."""
        return list(self._plain)

    def follow(self) -> None:
        """Take in what was written since the last time."""
        for line in self._new_lines():
            text = line.decode(errors="replace").rstrip()[:_KEPT_LINE]
            event = _event(line)
            if event is None:
                self._plain.append(text)
                self._last.append(text)
                if found := _ANNOUNCED.search(text):
                    self.address = f"http://{found[1] or found[2]}"
                continue
            self._last.append(f"{event.get('severity', '')} {event.get('message', '')}"[:_KEPT_LINE])
            match event.get("event"):
                case "listening":
                    self.address = f"http://127.0.0.1:{event['port']}"
                case "stopped":
                    self.totals = {name: count for name, count in event.items() if type(count) is int}

    def _new_lines(self) -> Iterator[bytes]:
        if not self.path.exists():  # not yet, or removed by somebody who wanted the room
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            while block := file.read(_READ_BYTES):
                self._offset += len(block)
                *lines, self._half = (self._half + block).split(b"\n")
                yield from filter(None, lines)


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
