"""BigQuery's emulator and Google's analyzer: programs with environments of their own, by ``make .venv/bigquery``."""

import os
from pathlib import Path
from typing import Final

import pytest
from meetup_testkit.emulators.process import EmulatorProcess, free_port

_MADE: Final = Path(__file__).parents[4] / ".venv" / "bigquery"
ANALYZER: Final = _MADE / "analyzer" / "bin" / "python"
_EMULATOR: Final = _MADE / "emulator" / "bin" / "bqemulator"
_START_SECONDS: Final = 240.0
"""It imports a hundred modules: 5 s on an idle machine."""
PROJECT: Final = "project"


def require(program: Path) -> None:
    """Skip where the program was not made."""
    if not program.exists():
        pytest.skip("part absent: `make .venv/bigquery` makes BigQuery's emulator and Google's analyzer")


def emulator(folder: Path) -> EmulatorProcess:
    """One with its data in the folder, not started; it looks for DuckDB's extensions in its home."""
    require(_EMULATOR)
    port = free_port()
    options = {"rest-port": port, "grpc-port": free_port(), "data-dir": folder / "data", "log-level": "error"}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    environment = ["env", f"HOME={_MADE}", str(_EMULATOR), "start", "--persistent", *arguments]
    return EmulatorProcess(environment, port, folder / "emulator.log", start_seconds=_START_SECONDS)


def environ(port: int) -> dict[str, str]:
    """For a process that talks to the emulator."""
    return {**os.environ, "BIGQUERY_EMULATOR_HOST": f"http://127.0.0.1:{port}"}
