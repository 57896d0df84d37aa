"""Starts of our commands without their imports, which are most of what a start costs.

Where ``warm`` was called, as in ``make test``, ``python -m meetup_...`` is a child of a ``fork_server`` that has
imported the module and run nothing of it: a process of its own, with its own environment, log and end. An interpreter
that is told something else than this one starts anew, and so does everything where ``warm`` was not called: in
``make test ALL=1``, as CI runs it, and in measurements.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

_OURS: Final = "meetup_"
_INTERPRETER: Final = ("PYTHON", "LC_", "LANG", "LD_", "TZ")
"""What the variables begin with that an interpreter, or the loader, reads before it imports anything."""
_BACK_ENDS: Final = {
    "file:": "meetupkit.stores.objects.directory",
    "gs:": "meetupkit.stores.objects.cloud_storage",
    "sqlite:": "meetupkit.stores.documents.sqlite.documents",
    "firestore:": "meetupkit.stores.documents.firestore.documents",
}
"""What a service imports when a setting names such a store; of another one, each child imports it for itself. gRPC may
be imported before a fork, and used after it."""
_servers: Final[dict[str, "ForkServer"]] = {}
_warm: Final = threading.Event()


def warm() -> None:
    """From now on, starts are warm in this process."""
    _warm.set()


def started(
    command: Sequence[str], environ: Mapping[str, str], log: IO[bytes]
) -> "subprocess.Popen[bytes] | ForkedProcess":
    """The program, whose output goes to the log."""
    if _warm.is_set() and _is_ours(command) and _says_nothing_new(environ):
        module = command[2]
        if module not in _servers:
            _servers[module] = ForkServer(module)
            atexit.register(_servers[module].close)
        return _servers[module].started(command, environ, log)
    return subprocess.Popen(  # noqa: S603  (what a test starts, it has chosen)
        command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )


def _is_ours(command: Sequence[str]) -> bool:
    return list(command[:2]) == [sys.executable, "-m"] and command[2].startswith(_OURS)


def _says_nothing_new(environ: Mapping[str, str]) -> bool:
    """Whether an interpreter is told nothing that this one was not told."""
    told = {name: value for name, value in environ.items() if name.startswith(_INTERPRETER)}
    return told.items() <= os.environ.items()


class ForkServer:
    """A running ``fork_server`` for one module."""

    def __init__(self, module: str) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "meetup_testkit.fork_server", str(theirs.fileno()), module]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  (our own)
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )

    def started(self, command: Sequence[str], environ: Mapping[str, str], log: IO[bytes]) -> "ForkedProcess":
        """A child that is what the command, ``python -m`` and this module, would be."""
        stores = [
            module
            for scheme, module in _BACK_ENDS.items()
            if any(value.startswith(scheme) for value in environ.values())
        ]
        order = {"environ": dict(environ), "arguments": command[3:], "folder": str(Path.cwd()), "imports": stores}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._orders, [json.dumps(order).encode()], [log.fileno(), theirs.fileno()])
        return ForkedProcess(command, ours)

    def close(self) -> None:
        """No more starts. Children go on."""
        self._orders.close()
        self._process.wait()


class ForkedProcess:
    """What ``subprocess.Popen`` is for a program that was started, as far as it is used here."""

    def __init__(self, command: Sequence[str], answers: socket.socket) -> None:
        self.returncode: int | None = None
        self._command = command
        self._answers = answers
        self._asking = threading.Lock()
        self.pid = self._told()["pid"]

    def poll(self) -> int | None:
        """Its exit code if it has ended."""
        return self._code(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; raises ``subprocess.TimeoutExpired``."""
        code = self._code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self._command, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _code(self, seconds: float | None) -> int | None:
        if not self._asking.acquire(timeout=-1 if seconds is None else seconds):
            return None  # another thread waits for it
        try:
            if self.returncode is None:
                self._answers.settimeout(seconds)
                self.returncode = self._told()["code"]
                self._answers.close()
        except (BlockingIOError, TimeoutError):
            return None
        finally:
            self._asking.release()
        return self.returncode

    def _told(self) -> dict[str, int]:
        text = self._answers.recv(1024)
        if not text:
            self._answers.close()
            raise RuntimeError(f"no fork server for {' '.join(self._command)}: its imports failed, or it is gone")
        told: dict[str, int] = json.loads(text)
        return told
