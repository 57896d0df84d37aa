"""From the start of a process to its first ``/readyz`` that says ready."""

import time
from collections.abc import Iterable

import psutil
from meetup_testkit.service_process import ServiceProcess, until

from bench.measurement import Row, spread
from bench.program import server
from bench.stream_run import MIB, replay_server
from bench.workbench import Workbench, on_core


def start(bench: Workbench) -> Iterable[Row]:
    """With a directory, and with Google's client."""
    replay = bench.rsvps(bench.scaled(1000))
    with replay_server(replay) as meetup, server("cloud_storage_stub.py") as storage:
        for store, aims in (("file", ("1.5 s", "")), ("gs", ("2 s (cold container)", "under 110 MiB"))):
            seconds, resident = [], []
            for _ in range(bench.runs):
                folder = bench.new_folder()
                objects = f"file://{folder}/objects" if store == "file" else "gs://bench"
                environ = {"STREAM_FEED": "rsvps", "STREAM_URL": meetup.stream_url("rsvps"), "STREAM_PORT": "0"}
                environ |= {"STREAM_OBJECTS": objects, "STORAGE_EMULATOR_HOST": storage}
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
