"""Layout ``batch`` into a stub of Cloud Storage, beside Redpanda Connect where it can be had."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from bench.measurement import Row, spread
from bench.peer_environment import NotHere, connect_python
from bench.program import server
from bench.records import RECORDED, recorded_rsvps
from bench.redpanda_connect import run_connect
from bench.stream_run import MIB, Look, Run, run_stream
from bench.workbench import Workbench

_COUNT: Final = 100_000
_MINUTE_COUNT: Final = 60_000
"""More than five times what a stream holds before it stores a segment."""


def batch(bench: Workbench) -> Iterable[Row]:
    """Records per second of processor time; runs of the two take turns. Then the memory of segments of a minute."""
    count = bench.scaled(_COUNT)
    yield from _beside_connect(bench, "", bench.rsvps(count), count)
    count = bench.scaled(_MINUTE_COUNT)
    replay = recorded_rsvps(bench, count)
    if replay is None:
        yield Row("layout `batch`, `gs://`, recorded rsvps", "", "not measured", f"{RECORDED} is absent.")
        return
    yield from _beside_connect(bench, f", {count:,} rsvps made from recorded ones", replay, count)
    yield _minutes(bench, replay, count)


def _beside_connect(bench: Workbench, records: str, replay: Path, count: int) -> Iterator[Row]:
    peer = _peer()
    ours, theirs = [], []
    for _ in range(bench.runs):
        ours.append(_run(bench, replay, count, 1))
        if isinstance(peer, Path):
            with server("cloud_storage_stub.py") as storage:
                theirs.append(run_connect(peer, bench, replay, count, storage))
    yield Row(
        f"layout `batch`, `gs://`{records}: records/s per core",
        "50,000",
        _figures(ours),
        "A fifth is reading the row's fields, a quarter lists and uploads for hours of a single late record.",
    )
    if isinstance(peer, NotHere):
        yield Row("the same by Redpanda Connect", "", f"not measured: {peer}", "")
        return
    ratios = [_per_core(one) / _per_core(other) for one, other in zip(ours, theirs, strict=True)]
    yield Row(
        "the same by Redpanda Connect (mq-bridge-connect): HTTP lines, gzip, same stub",
        "ours 3 times as fast per processor second, in less memory",
        f"{_figures(theirs)}; ours is {spread(ratios, digits=2)} times as fast",
        "It neither parses nor deduplicates; no cursor, no deterministic names.",
    )


def _minutes(bench: Workbench, replay: Path, count: int) -> Row:
    """All but what is held at the end becomes segments by its size, as 60 s are longer than the run."""
    most = 0

    def look(_: int, resident: int) -> None:
        nonlocal most
        most = max(most, resident)

    stored = count * 3 // 5
    run = _run(bench, replay, stored, 60, look)
    return Row(
        f"layout `batch`, `gs://`, segments of 60 s, {stored:,} rsvps made from recorded ones: resident memory",
        "under 110 MiB",
        f"{run.resident / MIB:.0f} MiB at the end, {most / MIB:.0f} MiB at most",
        "70 MiB are the imports; then the intake's 8 MiB, a segment, compressed, and its copies on the way out, the "
        "keys of the hours used last, 32 threads.",
    )


def _run(bench: Workbench, replay: Path, count: int, seconds: int, look: Look | None = None) -> Run:
    with server("cloud_storage_stub.py") as storage:
        environ = {"STORAGE_EMULATOR_HOST": storage, "STREAM_LAYOUT": "batch", "STREAM_SEGMENT_SECONDS": str(seconds)}
        return run_stream(bench, replay, count, "gs://bench", environ, look=look)


def _per_core(run: Run) -> float:
    return run.records / run.cpu_seconds


def _figures(runs: list[Run]) -> str:
    resident = spread([run.resident / MIB for run in runs])
    return f"{spread([_per_core(run) for run in runs])}; {resident} MiB resident"


def _peer() -> Path | NotHere:
    """The Python that has it, or why there is none."""
    try:
        return connect_python()
    except NotHere as why:
        return why
