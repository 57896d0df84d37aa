"""One child: started, watched, restarted as a pod's container would be, stopped. Linux.

A child has a process group of its own, so that a Ctrl-C at the terminal reaches only the runner, which then stops the
children in order; and the kernel kills it when the runner dies, however that happens.

The tests' own runner (``meetup_testkit.service_process``) starts a process once and holds no restarts; and what a
person runs imports nothing of the tests'.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from meetupkit.retry import doubled
from meetupkit.settings import EXIT_CODE

from meetup_local_runner.log_file import LogFile
from meetup_local_runner.plan import Process, arguments_of, environment_of

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_LIBC: Final = ctypes.CDLL(None)
"""Loaded here, because a child between fork and exec must not load anything."""

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 60.0
STABLE_SECONDS: Final = 60.0
"""The kubelet restarts at once, then after 10 s, 20 s, ... 5 minutes, and anew after 10 minutes without an end; here
a person watches, so all of it is faster by about ten."""


class State(StrEnum):
    """Where in its lives a child is."""

    WAITING = "waiting"
    """For the processes it needs; never started."""
    RUNNING = "running"
    DOWN = "down"
    """It ended, and will be started again."""
    STOPPED = "stopped"
    """It ended because it was told to."""


class Child:
    """A process of the plan through all its lives.

    To be used from the main thread only: the kernel's promise to kill a child is bound to the thread that made it.
    """

    def __init__(
        self, process: Process, *, logs: Path, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.process = process
        self.state = State.WAITING
        self.starts = 0
        self.exit_code: int | None = None
        """How the last life ended: negative for a signal."""
        self.killed = False
        """Whether it had to be killed because it did not stop in time."""
        self._environ = environ
        self._clock = clock
        self._log_path = logs / f"{process.name}.log"
        self._popen: subprocess.Popen[bytes] | None = None
        self._log = LogFile(self._log_path)
        self._address: str | None = None
        self._started_at = 0.0
        self._due = 0.0
        self._crashes = 0
        self._stopping = False

    @property
    def address(self) -> str | None:
        """Where it listens; stays through restarts."""
        return self._address

    @property
    def port(self) -> int:
        """The port of its address, 0 if it has none yet."""
        return int(self._address.rpartition(":")[2]) if self._address else 0

    @property
    def pid(self) -> int | None:
        """Of the life that is, or of the last one."""
        return self._popen.pid if self._popen else None

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return max(0, self.starts - 1)

    @property
    def restart_in(self) -> float:
        """Seconds until it is started again."""
        return max(0.0, self._due - self._clock())

    @property
    def running(self) -> bool:
        """Whether there is a process now."""
        return self.state is State.RUNNING

    @property
    def refused(self) -> str | None:
        """The child's own message, if it ended because operator action is required."""
        if self.exit_code != EXIT_CODE:
            return None
        return "\n".join(self._log.plain_lines or self._log.last_lines) or "it did not say why"

    @property
    def log(self) -> LogFile:
        """The log of the life that is, or of the last one."""
        return self._log

    def start(self, addresses: Mapping[str, str]) -> None:
        """Begin a life; ``addresses`` are those of the processes it needs."""
        command = Path(sys.executable).parent / self.process.command
        for file in self.process.files:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.touch(mode=0o600)
            file.path.write_text(file.render(addresses))
        environ = environment_of(self.process, addresses, self.port, self._environ)
        self._log = LogFile(self._log_path)
        with self._log_path.open("ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603  (our own commands)
                [command, *arguments_of(self.process, addresses, self.port)],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=_die_with(os.getpid()),  # safe: the runner has one thread
            )
        self.state, self.exit_code = State.RUNNING, None
        self.starts += 1
        self._started_at = self._clock()

    def look(self) -> bool:
        """Take in its log and its end; true if it ended just now."""
        if self._popen is None or not self.running:
            return False
        code = self._popen.poll()
        self._log.follow()  # after poll, so that nothing of the last words is missed
        self._address = self._log.address or self._address
        if code is None:
            return False
        self.exit_code = code
        if self._stopping:
            self.state = State.STOPPED
        else:
            self.state = State.DOWN
            self._plan_restart()
        return True

    def is_due(self) -> bool:
        """Whether it is time to start it again."""
        return self.state is State.DOWN and self._clock() >= self._due

    def ask_to_stop(self) -> None:
        """SIGTERM, as a pod gets it; no other life follows."""
        self._stopping = True
        if self.running:
            self._signal(signal.SIGTERM)
        else:
            self.state = State.STOPPED

    def kill(self) -> None:
        """The end without asking, of whatever it may have started too."""
        self.killed = self.killed or self.running
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.running and self._popen:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)

    def _plan_restart(self) -> None:
        stable = self._clock() - self._started_at >= STABLE_SECONDS
        self._crashes = 0 if stable else self._crashes
        wait = doubled(self._crashes, first=FIRST_WAIT_SECONDS, longest=LONGEST_WAIT_SECONDS)
        self._crashes += 1
        self._due = self._clock() + wait


def with_log(child: Child, what: str) -> str:
    """A sentence about the child, and the end of its log."""
    lines = "".join(f"\n  {line}" for line in child.log.last_lines) or "\n  (empty)"
    return f"{child.process.name} {what}; the end of {child.log.path}:{lines}"


def how_it_ended(code: int | None) -> str:
    """An exit code in words."""
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _die_with(runner: int) -> Callable[[], None]:
    """What the child does between fork and exec."""

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != runner:  # the runner died before the line above
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the runner blocks the signals it waits for

    return prepare
