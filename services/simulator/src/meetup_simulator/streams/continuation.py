"""What a world that goes on after a stop keeps on disk: when it began, and the last lines of each feed.

A stand-in that began anew at each start would have forgotten what it sent before, and every stream would rightly report
a gap. With these lines it still has what it sent, and what happened meanwhile is made up before anybody connects.
"""

import json
import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_ABOUT: Final = "world.json"
_REWRITE_AT: Final = 3
"""Times the backlog: a feed's file is then cut to its backlog, so that it stays small however long a run is."""


class Continuation:
    """A folder of one world. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None, *, seed: int, epoch: int, backlog: int) -> None:
        self._folder = folder
        self._backlog = backlog
        self._counts: dict[str, int] = {}
        self.epoch = epoch
        """When the world began, in milliseconds; of a world that goes on, when it first did."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self.epoch = self._begun(folder, seed, epoch)

    def _begun(self, folder: Path, seed: int, epoch: int) -> int:
        """The epoch of the world of this seed; of another seed is another world, whose lines go."""
        about = folder / _ABOUT
        try:
            kept = json.loads(about.read_bytes())
            if kept["seed"] == seed:
                return int(kept["epoch"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        for lines in folder.glob("*.ndjson"):
            lines.unlink()
        about.write_text(json.dumps({"seed": seed, "epoch": epoch}) + "\n")
        return epoch

    def lines(self, feed: str) -> list[bytes]:
        """The last lines the feed has sent; one that was cut by a kill is none."""
        file = self._file(feed)
        if file is None or not file.exists():
            return []
        whole = file.read_bytes().rpartition(b"\n")[0]
        kept = list(deque(filter(None, whole.split(b"\n")), maxlen=self._backlog))
        self._rewrite(file, kept)
        self._counts[feed] = len(kept)
        return kept

    def write(self, feed: str, lines: Sequence[bytes]) -> None:
        """The feed sends these."""
        file = self._file(feed)
        if file is None:
            return
        try:
            with file.open("ab") as out:
                out.write(b"".join(line + b"\n" for line in lines))
            self._counts[feed] = self._counts.get(feed, 0) + len(lines)
            if self._counts[feed] > _REWRITE_AT * self._backlog:
                self.lines(feed)
        except OSError as error:  # a full disk ends the keeping, not the feed
            log.warning("the world is kept no longer: %s", error.strerror, extra={"event": "world_not_kept"})
            self._folder = None

    def _file(self, feed: str) -> Path | None:
        return self._folder / f"{feed}.ndjson" if self._folder else None

    @staticmethod
    def _rewrite(file: Path, lines: Sequence[bytes]) -> None:
        new = file.with_suffix(".new")
        new.write_bytes(b"".join(line + b"\n" for line in lines))
        new.replace(file)
