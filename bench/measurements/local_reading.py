"""Reading back without a network: the names in a directory, and the records of a segment."""

import os
import resource
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from meetup_stream.writing.packing import Packer
from meetupkit.segments import DIGEST_CHARACTERS, unpack
from meetupkit.stores import open_objects

from bench.measurement import Row
from bench.records import recorded_rsvps
from bench.workbench import Workbench

_GZIP: Final = 31
_SIZES: Final = (1_000, 50_000, 500_000)
"""Of a label's folder: half a million rsvps are five days of them, and are made here in half a minute."""


def local_reading(bench: Workbench) -> Iterable[Row]:
    """A folder at two sizes; a segment of generated and of recorded records."""
    yield from _names(bench)
    count = bench.scaled(10_000)
    made = {"generated rsvps": bench.rsvps(count), "rsvps made from recorded ones": recorded_rsvps(bench, count)}
    for what, file in made.items():
        if file is not None:
            yield _segment(what, file.read_bytes().splitlines())


def _names(bench: Workbench) -> Iterator[Row]:
    """A label's days of segments: what the report on the ledger lists among them."""
    folder = bench.new_folder()
    store = open_objects(f"file://{folder}")
    store.check()
    here = folder / "rsvps"
    (here / "_ledger").mkdir(parents=True)
    (here / "_ledger" / "2026-11-17").touch()
    there = 0
    for objects in map(bench.scaled, _SIZES):
        for number in range(there, objects):
            os.mknod(f"{here}/{number}_1.json")
        there = objects
        began, before = time.perf_counter(), _resident()
        found = len(list(store.names("rsvps/_ledger/")))
        seconds, more = time.perf_counter() - began, _resident() - before
        yield Row(
            f"`file://` names of a day's ledger beside {objects:,} records",
            "flat",
            f"{1000 * seconds:.1f} ms for {found}, {more / 1024:.0f} MiB more; the label's folder read and sorted: "
            f"{_all_sorted(here)}",
            "Only the folder that the prefix names is read.",
        )


def _all_sorted(folder: Path) -> str:
    began, before = time.perf_counter(), _resident()
    with os.scandir(folder) as entries:
        sorted(entry.name for entry in entries)
    seconds, more = time.perf_counter() - began, _resident() - before
    return f"{1000 * seconds:.1f} ms, {more / 1024:.0f} MiB more"


def _segment(what: str, lines: Sequence[bytes]) -> Row:
    packer = Packer()
    for line in lines:
        packer.add(line)
    digest, body = packer.finish()
    ours = _cpu_us(lambda: unpack(body, digest=digest[:DIGEST_CHARACTERS]).records, len(lines))
    plain = _cpu_us(lambda: zlib.decompress(body, _GZIP).split(b"\n"), len(lines))
    return Row(
        f"records of a segment of {len(lines):,} {what}: processor time of a record",
        "",
        f"{ours:.2f} µs; with zlib, and nothing checked, {plain:.2f} µs",
        "Unpacking by ISA-L, and the digest that the name holds.",
    )


def _cpu_us(read: Callable[[], Sequence[bytes]], records: int) -> float:
    """The least of five: microseconds of a record."""
    took = []
    for _ in range(5):
        began = time.process_time()
        read()
        took.append(time.process_time() - began)
    return 1e6 * min(took) / records


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
