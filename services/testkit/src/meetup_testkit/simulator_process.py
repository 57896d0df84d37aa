"""Starts ``meetup-simulator`` as a process of its own, and stops it."""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from meetup_simulator.flags import API_KEY_VARIABLE, DEVELOPMENT_KEY, READY_LINE

from meetup_testkit.child_process import ChildProcess
from meetup_testkit.simulator_client import SimulatorClient


class SimulatorProcess(SimulatorClient):
    """A running process. ``api_key`` is the key its REST API wants; it is handed over in the environment."""

    def __init__(self, *flags: str, api_key: str = DEVELOPMENT_KEY, environ: Mapping[str, str] = os.environ) -> None:
        self.api_key = api_key
        self._folder = tempfile.TemporaryDirectory()
        self._process = ChildProcess(
            [sys.executable, "-m", "meetup_simulator", "--port", "0", *flags],
            Path(self._folder.name) / "log",
            {**environ, API_KEY_VARIABLE: api_key},
        )
        try:
            super().__init__(self._process.announced(READY_LINE).strip())
        except BaseException:
            self._process.kill()
            self._folder.cleanup()
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def port(self) -> int:
        """The port it took."""
        return int(self.base_url.rpartition(":")[2])

    def errors(self) -> str:
        """What it wrote so far, its address apart."""
        return "".join(
            line for line in self._process.written().splitlines(keepends=True) if not line.startswith(READY_LINE)
        )

    def stop(self) -> int:
        """SIGTERM, then the exit code; a process that does not end is killed."""
        self.close()
        return self._process.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()
