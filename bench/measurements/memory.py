"""Resident memory of a stream over many records, in both layouts."""

from collections.abc import Iterable

from bench.measurement import Row
from bench.stream_run import MIB, run_stream
from bench.workbench import Workbench

_QUARTERS = 4


class Samples:
    """Notes what it is shown: records stored, bytes resident."""

    def __init__(self, samples: list[tuple[int, int]]) -> None:
        self._samples = samples

    def __call__(self, done: int, resident: int) -> None:
        self._samples.append((done, resident))


def memory(bench: Workbench) -> Iterable[Row]:
    """After each quarter of 100,000 records."""
    count = bench.scaled(100_000)
    replay = bench.rsvps(count)
    for layout, aim in (("records", "80 MiB after 100,000 records, and flat"), ("batch", "flat")):
        samples: list[tuple[int, int]] = []
        run = run_stream(
            bench,
            replay,
            count,
            f"file://{bench.new_folder()}/objects",
            {"STREAM_LAYOUT": layout, "STREAM_SEGMENT_SECONDS": "1"},
            look=Samples(samples),
        )
        samples.append((count, run.resident))
        marks = [count * part // _QUARTERS for part in range(1, _QUARTERS + 1)]
        at = [next(resident for done, resident in samples if done >= mark) for mark in marks]
        shown = ", ".join(f"{resident / MIB:.0f}" for resident in at)
        what = "The interpreter and its libraries (see the start); then 20,000 names seen lately, the intake's 8 MiB."
        segments = "The same; then a segment, compressed, the intake's 8 MiB, and the keys of the hours used last."
        yield Row(
            f"resident memory, layout `{layout}`, after {', '.join(f'{mark:,}' for mark in marks)} records",
            aim,
            f"{shown} MiB",
            what if layout == "records" else segments,
        )
