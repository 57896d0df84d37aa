"""Rsvps made from recorded ones, where the recordings lie beside the project; the project itself ships none."""

import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from meetupkit.feeds import FEEDS
from meetupkit.records import Record, read_line

from bench.workbench import Workbench

RECORDED: Final = "../shared/data/recorded"
FOLDER: Final = Path(__file__).parents[2] / "shared/data/recorded"
_APART: Final = 10**10
"""More than any recorded id: each round of the recordings has ids of its own."""


def recorded_rsvps(bench: Workbench, count: int) -> Path | None:
    """A file of so many, in their order, each round with other ids; ``None`` without recordings. Made once."""
    files = sorted(FOLDER.glob("rsvps_*.ndjson.gz"))
    if not files:
        return None
    made = bench.folder / f"recorded-rsvps-{count}.ndjson"
    if not made.exists():
        lines = [line for file in files for line in gzip.decompress(file.read_bytes()).split(b"\n") if line]
        made.write_bytes(b"".join(line + b"\n" for line in itertools.islice(_renumbered(lines), count)))
    return made


def _renumbered(lines: list[bytes]) -> Iterator[bytes]:
    """Each id and mtime once in each round."""
    read = (read_line(FEEDS["rsvps"], line) for line in lines)
    once = {(record.data_id, record.mtime): record for record in read if isinstance(record, Record)}
    for number in itertools.count():
        for record in once.values():
            renumbered = str(int(record.data_id) + number * _APART)
            yield record.body.replace(record.data_id.encode(), renumbered.encode(), 1)
