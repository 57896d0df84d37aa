"""The one way in which tests and measurements start a program, wait for it and end it."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from meetup_testkit.warm_start import started

POLL_SECONDS: Final = 0.02
WAIT_SECONDS: Final = 120.0
"""For what must come: on a machine that others use too, what takes a second has taken half a minute."""
_LAZY_SECONDS: Final = 0.1
"""Between two looks at what takes seconds: a look is often a request and its answer, which cost both sides a few ms."""
_STOP_SECONDS: Final = 60.0
"""A stand-in ends within a second or two; a busy machine gets some more before the process is killed."""
_SHOWN: Final = 3000
"""Of a log, at its end: where a program that ends says why."""

T = TypeVar("T")


def until(
    condition: Callable[[], T | None], what: str, seconds: float = WAIT_SECONDS, *, poll: float = POLL_SECONDS
) -> T:
    """The condition's value as soon as it is true; raises ``TimeoutError`` that says what was waited for.

    Between two looks is as much time as the last one took, and a tenth of the time waited so far up to
    ``_LAZY_SECONDS``, so that looking leaves the machine to what is looked at.
    """
    first = began = time.monotonic()
    while not (value := condition()):
        if (ended := time.monotonic()) > first + seconds:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(max(poll, ended - began, min((ended - first) / 10, _LAZY_SECONDS)))
        began = time.monotonic()
    return value


class ChildProcess:
    """A program that has been started, with this environment or this process's own.

    What it writes is added to the file ``log``. At the end of a ``with`` it is gone.
    """

    def __init__(self, command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as sink:
            self.process = started(command, os.environ if environ is None else environ, sink)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def written(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace")

    def wait_for(
        self, condition: Callable[[], T | None], what: str, seconds: float = WAIT_SECONDS, *, poll: float = POLL_SECONDS
    ) -> T:
        """As ``until``; raises ``RuntimeError`` with the end of its log if it ends before."""

        def value() -> T | None:
            found = condition()
            if not found and not self.runs:
                raise RuntimeError(f"no {what}; exit code {self.process.returncode}:\n{self.written()[-_SHOWN:]}")
            return found

        return until(value, f"{what} ({self.log})", seconds, poll=poll)

    def announced(self, start: str) -> str:
        """The rest of the first whole line that starts so."""

        def rest() -> str:
            lines = self.written().split("\n")[:-1]
            return next((line.removeprefix(start) for line in lines if line.startswith(start)), "")

        return self.wait_for(rest, f"line that starts with {start!r}")

    def stop(self, seconds: float = _STOP_SECONDS, *, with_signal: int = signal.SIGTERM) -> int:
        """The signal, then the exit code; raises ``subprocess.TimeoutExpired`` if it does not end."""
        self.process.send_signal(with_signal)
        return self.process.wait(seconds)

    def end(self) -> int:
        """SIGTERM, or SIGKILL if that does not help; the exit code. A paused process is woken for it."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.stop(_STOP_SECONDS)
        self.kill()
        return self.process.wait()

    def kill(self) -> None:
        """SIGKILL, and gone."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.runs:
            self.kill()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it wrote."""

    code: int
    said: str


def run_to_end(command: Sequence[str], environ: Mapping[str, str]) -> Ended:
    """A program that ends by itself; raises ``subprocess.TimeoutExpired`` if it does not."""
    with tempfile.TemporaryDirectory() as folder, ChildProcess(command, Path(folder) / "log", environ) as child:
        return Ended(child.process.wait(WAIT_SECONDS), child.written())
