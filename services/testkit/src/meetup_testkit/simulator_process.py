"""Starts ``meetup-simulator`` as a process of its own, and stops it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from meetup_simulator.flags import API_KEY_VARIABLE, DEVELOPMENT_KEY, READY_LINE

from meetup_testkit.simulator_client import SimulatorClient

_STOP_SECONDS: Final = 10.0
"""It ends within a second or two; a busy machine gets some more before the process is killed."""


class SimulatorProcess(SimulatorClient):
    """A running process. ``api_key`` is the key its REST API wants; it is handed over in the environment."""

    def __init__(self, *flags: str, api_key: str = DEVELOPMENT_KEY, environ: Mapping[str, str] = os.environ) -> None:
        self.api_key = api_key
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the process)
        self._process = subprocess.Popen(  # noqa: S603  (our own module)
            [sys.executable, "-m", "meetup_simulator", "--port", "0", *flags],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**environ, API_KEY_VARIABLE: api_key},
            text=True,
        )
        super().__init__(self._address())

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def port(self) -> int:
        """The port it took."""
        return int(self.base_url.rpartition(":")[2])

    def errors(self) -> str:
        """What it wrote to stderr so far."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def stop(self) -> int:
        """SIGTERM, then the exit code; a process that does not end is killed."""
        self.close()
        self._process.terminate()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            if self._process.stdout:
                self._process.stdout.close()

    def _address(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if line.startswith(READY_LINE):
            return line.removeprefix(READY_LINE).strip()
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        said = self.errors()
        self._errors.close()
        raise RuntimeError(f"the simulator did not start: {said}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._errors.close()
