"""Layout ``batch`` into a stub of Cloud Storage, beside Redpanda Connect where it can be had."""

from collections.abc import Iterable
from pathlib import Path

from bench.measurement import Row, spread
from bench.peer_environment import NotHere, connect_python
from bench.program import server
from bench.redpanda_connect import run_connect
from bench.stream_run import MIB, run_stream
from bench.workbench import Workbench


def batch(bench: Workbench) -> Iterable[Row]:
    """Records a second of processor time; runs of the two take turns."""
    count = bench.scaled(100_000)
    replay = bench.rsvps(count)
    peer = _peer()
    ours, theirs = [], []
    for _ in range(bench.runs):
        with server("cloud_storage_stub.py") as storage:
            environ = {"STORAGE_EMULATOR_HOST": storage, "STREAM_LAYOUT": "batch", "STREAM_SEGMENT_SECONDS": "1"}
            ours.append(run_stream(bench, replay, count, "gs://bench", environ))
        if isinstance(peer, Path):
            with server("cloud_storage_stub.py") as storage:
                theirs.append(run_connect(peer, bench, replay, count, storage))
    yield Row(
        "layout `batch`, `gs://`: records/s per core",
        "50,000",
        f"{spread([run.records / run.cpu_seconds for run in ours])}; "
        f"{spread([run.resident / MIB for run in ours])} MiB resident",
        "A fifth is reading the row's fields, a quarter lists and uploads for hours of a single late record.",
    )
    if isinstance(peer, NotHere):
        yield Row("the same by Redpanda Connect", "", f"not measured: {peer}", "")
        return
    yield Row(
        "the same by Redpanda Connect (mq-bridge-connect): HTTP lines, gzip, same stub",
        "ours ahead per processor second and in memory",
        f"{spread([run.records / run.cpu_seconds for run in theirs])}; "
        f"{spread([run.resident / MIB for run in theirs])} MiB resident",
        "It neither parses nor deduplicates; no cursor, no deterministic names.",
    )


def _peer() -> Path | NotHere:
    """The Python that has it, or why there is none."""
    try:
        return connect_python()
    except NotHere as why:
        return why
