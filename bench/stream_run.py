"""One run of ``meetup-stream`` over a replay, as fast as it reads; processor time without its start."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psutil
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_process import SimulatorProcess

from bench.workbench import Workbench, on_core

MIB: Final = 1024 * 1024
_POLL_SECONDS: Final = 1.0
"""Each look at /metrics costs the measured process about 2 ms, a thousandth of it so."""
_LOOK_SECONDS: Final = 0.25
"""Where memory is followed, which nobody's processor time is read from."""
_IDLE_SECONDS: Final = 0.3
"""Longer than any pause between two steps of a start."""
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_RUN_SECONDS: Final = 300.0
AS_IN_THE_IMAGE: Final[Mapping[str, str]] = MappingProxyType(
    {"PYTHONPATH": str(Path(__file__).with_name("programs") / "as_in_the_image")}
)
"""Variables of a stream that is to have no more packages than its image."""


@dataclass(frozen=True, slots=True)
class Run:
    """``seconds`` from the first byte that can be read to the last record stored; ``resident`` in bytes, at the end."""

    records: int
    seconds: float
    cpu_seconds: float
    resident: int

    @property
    def cpu_ms(self) -> float:
        """Processor time of a record, in milliseconds."""
        return 1000 * self.cpu_seconds / self.records

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


Look = Callable[[int, int], None]
"""Called with the records stored so far and the resident bytes."""


def replay_server(replay: Path) -> SimulatorProcess:
    """A simulator that gives the file as fast as it is read, on the servers' core."""
    with on_core("servers"):
        return SimulatorProcess(
            "--rate=0",
            f"--replay=rsvps={replay}",
            "--only-replay",
            "--backlog=1",
            "--published-bytes=0",
            "--rate-limit=0/1",
        )


def run_stream(
    bench: Workbench,
    replay: Path,
    records: int,
    objects: str,
    environ: Mapping[str, str] = _NOTHING,
    *,
    look: Look | None = None,
) -> Run:
    """Replay the file into the store; ``environ`` are more variables of the stream.

    The server is paused until the stream has started and asked, so that start-up is no part of the figures.
    """
    folder = bench.new_folder()
    with replay_server(replay) as meetup:
        os.kill(meetup.pid, signal.SIGSTOP)
        variables = {
            "STREAM_FEED": "rsvps",
            "STREAM_URL": meetup.stream_url("rsvps"),
            "STREAM_OBJECTS": objects,
            "STREAM_PORT": "0",
            **AS_IN_THE_IMAGE,
            **environ,
        }
        try:
            with on_core("measured"):
                stream = ServiceProcess("meetup_stream", variables, folder / "stream.log")
            with stream:
                process = psutil.Process(stream.pid)
                until(lambda: stream.port, "the stream's port")
                until_idle(process)
                cpu, began = cpu_of(process), time.time()
                os.kill(meetup.pid, signal.SIGCONT)

                def stored() -> bool:
                    done = int(stream.metric("meetup_stream_records_stored_total"))
                    if look:
                        look(done, process.memory_info().rss)
                    return done >= records

                until(stored, f"{records} records", _RUN_SECONDS, poll=_LOOK_SECONDS if look else _POLL_SECONDS)
                run = Run(
                    records,
                    stream.metric("meetup_stream_last_stored_timestamp_seconds") - began,
                    cpu_of(process) - cpu,
                    process.memory_info().rss,
                )
                stream.stop()
                return run
        finally:
            os.kill(meetup.pid, signal.SIGCONT)  # a stopped process would not take its SIGTERM


def cpu_of(process: psutil.Process) -> float:
    """Processor time that the process has used, in seconds."""
    used = process.cpu_times()
    return float(used.user + used.system)


def until_idle(process: psutil.Process) -> None:
    """Return when the process has used no processor time for a while: it waits for somebody."""
    seen, since = cpu_of(process), time.monotonic()

    def idle() -> bool:
        nonlocal seen, since
        if (now := cpu_of(process)) != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > _IDLE_SECONDS

    until(idle, f"rest of process {process.pid}", poll=0.05)
