"""Starts the programs of ``bench/programs``: baselines that print their figures, servers that print their port."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from meetup_testkit.service_process import ServiceProcess

from bench.workbench import on_core

_FOLDER: Final = Path(__file__).with_name("programs")
_BASELINE_SECONDS: Final = 1_800.0
"""A whole build of insight takes the longest."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a baseline said of itself."""

    records: int
    seconds: float
    cpu_seconds: float
    resident: int = 0
    """Bytes at most, where it says so."""


def run_baseline(
    name: str, *arguments: object, environ: Mapping[str, str] | None = None, python: str = sys.executable
) -> Baseline:
    """Run it to its end on the measured core."""
    said = run_program(name, *arguments, environ=environ, python=python)
    return Baseline(said["records"], said["seconds"], said["cpu_seconds"], said.get("resident", 0))


def run_program(
    name: str, *arguments: object, environ: Mapping[str, str] | None = None, python: str = sys.executable
) -> dict[str, Any]:
    """What a program prints at its end, on the measured core."""
    with on_core("measured"):
        done = subprocess.run(
            [python, str(_FOLDER / name), *map(str, arguments)],
            env={**os.environ, **(environ or {})},
            stdout=subprocess.PIPE,
            timeout=_BASELINE_SECONDS,
            check=True,
        )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@contextmanager
def server(name: str, *arguments: object, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a server that runs on the servers' core."""
    with tempfile.TemporaryDirectory() as folder, _started(name, arguments, environ, Path(folder)) as process:
        yield process.url


def _started(name: str, arguments: Sequence[object], environ: Mapping[str, str] | None, folder: Path) -> ServiceProcess:
    command = [str(_FOLDER / name), *map(str, arguments)]
    with on_core("servers"):
        return ServiceProcess(name, environ or {}, folder / "log", command=command)
