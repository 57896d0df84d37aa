"""Starts the programs of ``bench/programs``: baselines that print their figures, servers that print their port."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.workbench import on_core

_FOLDER: Final = Path(__file__).with_name("programs")
_BASELINE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a baseline said of itself."""

    records: int
    seconds: float
    cpu_seconds: float


def run_baseline(
    name: str, *arguments: object, environ: Mapping[str, str] | None = None, python: str = sys.executable
) -> Baseline:
    """Run it to its end on the measured core."""
    with on_core("measured"):
        done = subprocess.run(  # noqa: S603  (our own program)
            [python, str(_FOLDER / name), *map(str, arguments)],
            env={**os.environ, **(environ or {})},
            stdout=subprocess.PIPE,
            timeout=_BASELINE_SECONDS,
            check=True,
        )
    said = json.loads(done.stdout)
    return Baseline(said["records"], said["seconds"], said["cpu_seconds"])


@contextmanager
def server(name: str, *arguments: object, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a server that runs on the servers' core."""
    with on_core("servers"):
        process = subprocess.Popen(  # noqa: S603  (our own program)
            [sys.executable, str(_FOLDER / name), *map(str, arguments)],
            env={**os.environ, **(environ or {})},
            stdout=subprocess.PIPE,
        )
    try:
        line = process.stdout.readline() if process.stdout else b""
        yield f"http://127.0.0.1:{json.loads(line)['port']}"
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
