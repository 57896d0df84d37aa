"""Imports of the services; and from the start of a stream's process to its first ``/readyz`` that says ready."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import psutil
from meetup_testkit.service_process import ServiceProcess, until

from bench.measurement import Row, spread
from bench.program import server
from bench.stream_run import AS_IN_THE_IMAGE, MIB, replay_server
from bench.workbench import Workbench, on_core

_IMPORTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stream, `file://`": "meetup_stream.__main__, meetupkit.stores.objects.directory",
        "stream, `gs://`": "meetup_stream.__main__, meetupkit.stores.objects.cloud_storage",
        "enricher": "meetup_enricher.__main__",
        "alert webhook": "meetup_alert_webhook.__main__",
        "feed operator": "meetup_feed_operator.__main__",
        "gateway": "meetup_gateway.__main__",
    }
)
_TIMED: Final = "import time; import {}; print(time.process_time())"
"""The interpreter's own start is in it, some 15 ms."""


def start(bench: Workbench) -> Iterable[Row]:
    """The imports alone; then the start, with a directory and with Google's client."""
    for what, modules in _IMPORTS.items():
        yield Row(
            f"imports of {what}: processor time",
            "500 ms" if what.startswith("stream") else "",
            spread(
                [_import_ms(modules, AS_IN_THE_IMAGE if "stream" in what else {}) for _ in range(bench.runs)], " ms"
            ),
            "Others' modules, from the bytecode that `make` writes; without it they take twice as long.",
        )
    yield from _stream_starts(bench)


def _import_ms(modules: str, environ: Mapping[str, str]) -> float:
    command, variables = [sys.executable, "-c", _TIMED.format(modules)], {**os.environ, **environ}
    with on_core("measured"):
        said = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=variables)
    return 1000 * float(said.stdout)


def _stream_starts(bench: Workbench) -> Iterable[Row]:
    replay = bench.rsvps(bench.scaled(1000))
    with replay_server(replay) as meetup, server("cloud_storage_stub.py") as storage:
        for store, aims in (("file", ("1.5 s", "")), ("gs", ("2 s (cold container)", "under 110 MiB"))):
            seconds, resident = [], []
            for _ in range(bench.runs):
                folder = bench.new_folder()
                objects = f"file://{folder}/objects" if store == "file" else "gs://bench"
                environ = {"STREAM_FEED": "rsvps", "STREAM_URL": meetup.stream_url("rsvps"), "STREAM_PORT": "0"}
                environ |= {"STREAM_OBJECTS": objects, "STORAGE_EMULATOR_HOST": storage, **AS_IN_THE_IMAGE}
                began = time.monotonic()
                with on_core("measured"):
                    stream = ServiceProcess("meetup_stream", environ, folder / "stream.log")
                with stream:
                    until(stream.ready, "readiness", poll=0.005)
                    seconds.append(time.monotonic() - began)
                    resident.append(psutil.Process(stream.pid).memory_info().rss / MIB)
                    stream.stop()
            yield Row(
                f"start of `meetup-stream` to ready, `{store}://`",
                aims[0],
                spread(seconds, " s", 2),
                "Imports: requests, pydantic, prometheus-client" + (", and Google's client." if store == "gs" else "."),
            )
            yield Row(
                f"the same: resident memory at ready, `{store}://`",
                aims[1],
                spread(resident, " MiB"),
                "The interpreter and the imports; nothing is read yet to speak of.",
            )
