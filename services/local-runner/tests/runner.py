"""``meetup-local-runner`` as a process, started, watched and ended by tests."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psutil
import requests
from meetup_testkit import child_process

COMMAND: Final = Path(sys.executable).with_name("meetup-local-runner")
WAIT_SECONDS: Final = 240.0
"""Twice as long as a runner waits for its processes to be ready."""
ARRIVED: Final = "every feed stored records, and profiles arrived"
STOP_SECONDS: Final = 10.0
"""What a person is promised."""
_WAITED_SECONDS: Final = 2.0
"""For a processor, in a few seconds: then what is stopped may well be killed at the end of its time."""


class Runner:
    """A running ``meetup-local-runner`` without a terminal."""

    def __init__(self, data: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.had_to_wait = False
        """Whether others had the processors while it ended."""
        self._out = data.with_suffix(".out")
        with self._out.open("wb") as out:
            self.process = psutil.Popen(
                [COMMAND, "--data", data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environ,
                cwd=Path(__file__).parents[3],
            )

    @property
    def out(self) -> str:
        """All it has printed."""
        return self._out.read_text()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed something like that."""
        until(lambda: re.search(pattern, self.out) is not None or self.process.poll() is not None, pattern)
        found = re.search(pattern, self.out)
        assert found, self.out
        return found

    def wait_until_running(self) -> None:
        """Wait until everything is ready."""
        self.wait_for(r"(?m)^0:\d\d  open_events ")

    def end(self, number: signal.Signals | None = None) -> int:
        """Its exit code, after that signal."""
        if number is not None:
            self.process.send_signal(number)
        try:
            return int(self.process.wait(timeout=WAIT_SECONDS))
        except psutil.TimeoutExpired:
            raise AssertionError(f"it has not ended:\n{self.out}") from None

    def end_in_time(self, number: signal.Signals) -> int:
        """Its exit code, after that signal, within what a person is promised.

        The seconds are a processor's: this process wants one all the time, and counts what it gets. On an idle machine
        that is the time that passes, on a busy one it is as much less as the runner's processes get less.
        """
        began, counted = time.monotonic(), time.process_time()
        self.process.send_signal(number)
        while self.process.poll() is None:
            assert time.process_time() - counted < STOP_SECONDS, self.out
        self.had_to_wait = (time.monotonic() - began) - (time.process_time() - counted) > _WAITED_SECONDS
        return int(self.process.wait())

    def kill(self) -> None:
        """End it now; its children go with it, which a test of its own shows."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def children(self) -> dict[str, psutil.Process]:
        """Its processes, by the name of their log."""
        return {Path(f"/proc/{child.pid}/fd/1").readlink().stem: child for child in self.process.children()}

    def published(self, feed: str) -> set[bytes]:
        """The records that the simulator has sent so far."""
        simulator = self.wait_for(r"(?m)^simulator: (http://[\d.:]+)/")[1]
        answer = requests.get(f"{simulator}/published?feed={feed}", timeout=30)
        assert answer.ok
        return set(filter(None, answer.content.split(b"\n")))

    def messages(self) -> str:
        """All that the stand-in for Slack holds, as JSON text."""
        slack = self.wait_for(r"(?m)^slack: (http://[\d.:]+)/")[1]
        return requests.get(f"{slack}/messages", timeout=30).text

    def stored(self, feed: str) -> dict[str, bytes]:
        """The feed's records on the disk, by name."""
        return {path.name: path.read_bytes() for path in (self.data / "objects" / feed).glob("[!_.]*.json")}

    def summary(self) -> dict[str, list[int]]:
        """The numbers of the table at the end, by feed: records, duplicates, rejected, restarts."""
        rows = re.findall(r"(?m)^([a-z_]+) +([\d, ]+?) *$", self.out.partition("\nAfter ")[2])
        return {feed: [int(cell.replace(",", "")) for cell in cells.split()] for feed, cells in rows}


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for what a pipeline of eight processes does."""
    child_process.until(condition, what, WAIT_SECONDS)
