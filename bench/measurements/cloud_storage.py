"""Layout ``records`` into a stub of Cloud Storage, beside the bare upload loop and the way of the original design."""

import socket
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from meetupkit.stores.objects.cloud_storage import CONCURRENCY

from bench.measurement import Row, spread
from bench.program import run_baseline, server
from bench.stream_run import MIB, replay_server, run_stream
from bench.workbench import Workbench


def cloud_storage(bench: Workbench) -> Iterable[Row]:
    """The stub first alone; then runs of ours and the baselines' take turns."""
    count = bench.scaled(4000)
    replay = bench.rsvps(count)
    ours, ratios, bare_ms = [], [], []
    for _ in range(bench.runs):
        with server("cloud_storage_stub.py") as storage:
            environ = {"STORAGE_EMULATOR_HOST": storage}
            run = run_stream(bench, replay, count, "gs://bench", environ)
            bare = run_baseline("bare_uploads.py", replay, count, CONCURRENCY, environ=environ)
        ours.append(run)
        ratios.append(run.cpu_seconds / bare.cpu_seconds)
        bare_ms.append(1000 * bare.cpu_seconds / count)
    yield Row(
        "one object per record, `gs://` (stub that answers at once): records/s of one process on one core",
        "",
        f"{spread([run.rate for run in ours])}; {spread([run.cpu_ms for run in ours], digits=2)} ms of processor time",
        f"google-cloud-storage and requests; the stub alone answers {_stub_alone(bench.scaled(10_000)):,.0f}/s.",
    )
    yield Row(
        f"the same: processor time against the bare upload loop with {CONCURRENCY} threads",
        "at most 1.3",
        f"{spread(ratios, digits=2)}; the loop takes {spread(bare_ms, digits=2)} ms",
        "Below 1 because requests reads the environment's proxies at each of the loop's calls, and here once.",
    )
    yield Row(
        "the same: resident memory at the end",
        "under 75 MiB",
        spread([run.resident / MIB for run in ours], " MiB"),
        "The imports, as at the start; then 32 threads with a connection each.",
    )
    for milliseconds in bench.delays_ms:
        yield _beside_the_original(bench, milliseconds)


def _beside_the_original(bench: Workbench, milliseconds: int) -> Row:
    count, few = bench.scaled(4000), bench.scaled(200)
    replay = bench.rsvps(count)
    with server("cloud_storage_stub.py", milliseconds) as storage:
        environ = {"STORAGE_EMULATOR_HOST": storage}
        run = run_stream(bench, replay, count, "gs://bench", environ)
        with replay_server(replay) as meetup, server("upload_function.py", environ=environ) as function:
            original = run_baseline("one_at_a_time.py", meetup.stream_url("rsvps"), function, few)
    rate = original.records / original.seconds
    return Row(
        f"throughput against one call per record to a function that uploads it, a write taking {milliseconds} ms",
        "5 times" if milliseconds else "",
        f"{run.rate / rate:.1f} times: {run.rate:,.0f}/s against {rate:,.0f}/s",
        "The original waits for each answer." if milliseconds else "Nobody waits here: one core against two.",
    )


def _stub_alone(count: int) -> float:
    """Uploads a second of the stub, asked by one raw connection, eight requests under way."""
    head = "POST /upload/storage/v1/b/bench/o?uploadType=multipart HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n"
    body = b'--x\r\n\r\n{"name": "alone/%d"}\r\n--x\r\n\r\n' + b"x" * 1100 + b"\r\n--x--"
    batch = 8
    with server("cloud_storage_stub.py") as storage:
        parts = urlsplit(storage)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
            began = time.monotonic()
            for start in range(0, count, batch):
                bodies = [body % number for number in range(start, start + batch)]
                connection.sendall(b"".join(head.format(len(each)).encode() + each for each in bodies))
                answers = b""
                while answers.count(b"HTTP/1.1 200") < batch or not answers.endswith(b"}"):
                    answers += connection.recv(65536)
            return count / (time.monotonic() - began)
