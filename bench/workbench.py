"""What measurements share: a folder, inputs, and which core does what."""

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from meetup_simulator.made_up.generators import generated
from meetup_simulator.made_up.world import World
from meetupkit.feeds import FEEDS
from meetupkit.records import Record, read_line

_EPOCH: Final = 1_760_000_000_000
"""The first mtime of what is generated; any would do, the same one makes runs comparable."""

DELAYS_MS: Final = (0, 30)
"""The processor alone; and an answer of Cloud Storage in the same region: published measurements are 20 to 80 ms."""


class Workbench:
    """``scale`` makes every count smaller (tests use 0.01), ``runs`` is how often a figure is taken, ``delays_ms`` are
    how long a stub of Cloud Storage takes for an answer, one after the other."""

    def __init__(
        self, folder: Path, *, runs: int = 3, scale: float = 1.0, delays_ms: Sequence[int] = DELAYS_MS
    ) -> None:
        self.folder = folder
        self.runs = runs
        self.delays_ms = delays_ms
        self._scale = scale
        self._fresh = itertools.count()

    def scaled(self, count: int) -> int:
        """So many, at full scale."""
        return max(1, int(count * self._scale))

    def new_folder(self) -> Path:
        """An empty folder."""
        folder = self.folder / f"run-{next(self._fresh)}"
        folder.mkdir()
        return folder

    def rsvps(self, count: int) -> Path:
        """A file of so many generated rsvps, no two with the same id and mtime; made once."""
        file = self.folder / f"rsvps-{count}.ndjson"
        if not file.exists():
            file.write_bytes(b"".join(line + b"\n" for line in itertools.islice(_distinct_rsvps(), count)))
        return file


def _distinct_rsvps() -> Iterator[bytes]:
    names = set()
    for line in generated("rsvps", World(1), start=_EPOCH, rate=0):
        match read_line(FEEDS["rsvps"], line):
            case Record(data_id, mtime) if (data_id, mtime) not in names:
                names.add((data_id, mtime))
                yield line


@contextmanager
def on_core(which: str) -> Iterator[None]:
    """What is started inside runs on one core: the ``measured`` program on the last, its ``servers`` on the first."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed) if which == "measured" else min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
