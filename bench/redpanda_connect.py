"""One run of Redpanda Connect over a replay, as ``stream_run`` does one of ours."""

import os
import signal
import time
from pathlib import Path
from typing import Final

import psutil
import requests
from meetup_testkit.child_process import ChildProcess, until

from bench.stream_run import Run, cpu_of, replay_server, until_idle
from bench.workbench import Workbench, on_core

_PROGRAM: Final = Path(__file__).parent / "programs/connect_lines.py"
_SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""As the stream's."""
_STORED_SECONDS: Final = 120.0


def run_connect(python: Path, bench: Workbench, replay: Path, records: int, storage: str) -> Run:
    """``python`` is of an environment that holds it; ``storage`` the address of the stub, which counts what arrives."""
    environ = {**os.environ, "STORAGE_EMULATOR_HOST": storage.removeprefix("http://")}
    log = bench.new_folder() / "connect.log"
    with replay_server(replay) as meetup:
        os.kill(meetup.pid, signal.SIGSTOP)
        command = [str(python), str(_PROGRAM), meetup.stream_url("rsvps"), str(_SEGMENT_BYTES)]
        with on_core("measured"):
            connect = ChildProcess(command, log, environ)
        try:
            process = psutil.Process(connect.pid)
            until(lambda: cpu_of(process) > 0.3, "the imports of Redpanda Connect")
            until_idle(process)
            cpu, began = cpu_of(process), time.time()
            os.kill(meetup.pid, signal.SIGCONT)
            until(
                lambda: _stored(storage) >= records,
                f"{records} records through Redpanda Connect",
                _STORED_SECONDS,
                poll=0.1,
            )
            return Run(records, time.time() - began, cpu_of(process) - cpu, process.memory_info().rss)
        finally:
            os.kill(meetup.pid, signal.SIGCONT)
            connect.kill()


def _stored(storage: str) -> int:
    return int(requests.get(f"{storage}/stats", timeout=10).json()["records"])
