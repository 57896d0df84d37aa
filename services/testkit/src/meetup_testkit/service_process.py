"""A service of ours as a process of its own, for tests: started by its module, watched by its log and its pages."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import requests
from prometheus_client.parser import text_string_to_metric_families

_POLL_SECONDS: Final = 0.02
_PAGE_SECONDS: Final = 10.0

T = TypeVar("T")


def until(condition: Callable[[], T | None], what: str, seconds: float = 60.0, *, poll: float = _POLL_SECONDS) -> T:
    """The condition's value as soon as it is true; raises ``TimeoutError`` that says what was waited for."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(poll)
    return value


class ServiceProcess:
    """Runs ``python -m MODULE`` (or ``command``) with these variables and a few of this process's own.

    Its log goes to the file ``log``. ``port`` is what its event ``listening`` says. ``kept`` are the variables that it
    has besides, by default this process's own, settings of services apart.
    """

    def __init__(
        self,
        module: str,
        environ: Mapping[str, str],
        log: Path,
        *,
        command: Sequence[str] | None = None,
        kept: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        if kept is None:
            kept = {name: value for name, value in os.environ.items() if not name.startswith(("STREAM_", "ENRICHER_"))}
        with log.open("wb") as sink:
            self.process = subprocess.Popen(  # noqa: S603  (our own module)
                [sys.executable, *(command or ("-m", module))],
                env={**kept, **environ},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment has no business on loopback
        self._port = 0

    @property
    def port(self) -> int:
        """The port it took, as soon as it says so."""
        if not self._port:
            self._port = until(self._said_port, f"a port from {self.log}")
        return self._port

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What it logged, or only the events of this name."""
        return [entry for entry in self._entries() if name is None or entry.get("event") == name]

    def get(self, path: str) -> requests.Response:
        """One of its pages."""
        return self._session.get(self.url + path, timeout=_PAGE_SECONDS)

    def ready(self) -> bool:
        """Whether ``/readyz`` says so now."""
        return bool(self.get("/readyz").status_code == requests.codes.ok)

    def wait_ready(self, seconds: float = 60.0) -> Self:
        """Return when it is ready."""
        until(self.ready, f"readiness of {self.log.stem}", seconds)
        return self

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name and these labels; 0 if there are none."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.get("/metrics").text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def stop(self, seconds: float = 30.0, *, with_signal: int = signal.SIGTERM) -> int:
        """The signal, then the exit code."""
        self.process.send_signal(with_signal)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL, and gone."""
        self.process.kill()
        self.process.wait()

    def _said_port(self) -> int:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.log.stem} ended with {self.process.returncode}: {self.log.read_text()}")
        return next((int(entry["port"]) for entry in self.events("listening")), 0)

    def _entries(self) -> Iterator[dict[str, Any]]:
        for line in self.log.read_bytes().split(b"\n")[:-1]:
            if line.startswith(b"{"):
                yield json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        self._session.close()


class StartStream(Protocol):
    """Starts ``meetup-stream``, by default on rsvps into the test's directory."""

    def __call__(self, url: str, **settings: str) -> ServiceProcess:
        """Return at once; ``wait_ready`` waits."""
