"""An emulator is a process on a loopback port: it is started, stopped and started again, paused, and waited for."""

import os
import secrets
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from meetup_testkit.child_process import ChildProcess

START_SECONDS: Final = 90.0
"""A Java emulator needs 2 to 4 s on an idle machine; a busy one took 30. Less than the time of a test."""
_PORTS: Final = range(20_000, 32_768)
"""Below Linux' ``ip_local_port_range`` (``ip(7)``), above the ports that programs have by habit."""
_SHOWN: Final = 2000
"""Of what it wrote, at the end, where the reason stands."""


class EmulatorError(Exception):
    """An emulator did not start; holds the end of what it wrote."""


class EmulatorProcess:
    """Runs ``command`` until it takes connections on the port. What it writes goes to ``log``."""

    def __init__(self, command: Sequence[str], port: int, log: Path, *, start_seconds: float = START_SECONDS) -> None:
        self.port = port
        self._start_seconds = start_seconds
        self._command = command
        self._log = log
        self._process: ChildProcess | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        if self._process is None:
            raise EmulatorError("the emulator is stopped")
        return self._process.pid

    def start(self) -> None:
        """Start it and return when it takes connections; nothing is done if it runs."""
        if self._process is not None and self._process.runs:
            return
        self._process = ChildProcess(self._command, self._log)
        try:
            self._process.wait_for(self._answers, f"connection to {self._command[0]}", self._start_seconds)
        except (RuntimeError, TimeoutError) as error:
            written = self._process.written()
            self.stop()
            raise EmulatorError(f"{self._command[0]} did not start:\n{written[-_SHOWN:]}") from error

    def stop(self) -> None:
        """End it; who connects now is refused. Its data stay."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def pause(self) -> None:
        """Stop its clock, every thread of it: the kernel still takes connections, but nobody answers."""
        self._signal(signal.SIGSTOP)
        if self._process is not None:
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on where it was paused."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.process.send_signal(number)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
        except OSError:
            return False
        return True


def free_port() -> int:
    """A loopback port that nobody listens on now, for programs that cannot say which one they took.

    A program takes seconds until it listens. No server on port 0 and no outgoing connection gets the port meanwhile,
    because the kernel takes theirs from 32768 upwards.
    """
    while True:
        port = _PORTS[secrets.randbelow(len(_PORTS))]  # not random: hypothesis gives every process the same seed
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
