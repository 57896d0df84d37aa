"""A service of ours as a process of its own, for tests: started by its module, watched by its log and its pages."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import requests
from prometheus_client.parser import text_string_to_metric_families

from meetup_testkit.child_process import WAIT_SECONDS, ChildProcess, until

__all__ = ["ServiceProcess", "StartStream", "until"]

_PAGE_SECONDS: Final = 60.0


class ServiceProcess(ChildProcess):
    """Runs ``python -m MODULE`` (or ``command``) with these variables and a few of this process's own.

    ``prefix`` is a program that runs it. Its log goes to the file ``log``. ``port`` is what its event ``listening``
    says. ``kept`` are the variables that it has besides, by default this process's own, settings of services apart.
    """

    def __init__(
        self,
        module: str,
        environ: Mapping[str, str],
        log: Path,
        *,
        command: Sequence[str] | None = None,
        prefix: Sequence[str] = (),
        kept: Mapping[str, str] | None = None,
    ) -> None:
        if kept is None:
            kept = {name: value for name, value in os.environ.items() if not name.startswith(("STREAM_", "ENRICHER_"))}
        log.unlink(missing_ok=True)
        super().__init__([*prefix, sys.executable, *(command or ("-m", module))], log, {**kept, **environ})
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment has no business on loopback
        self._port = 0

    @property
    def port(self) -> int:
        """The port it took, as soon as it says so."""
        if not self._port:
            self._port = self.wait_for(self._said_port, "port")
        return self._port

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What it logged, or only the events of this name."""
        return [entry for entry in self._entries() if name is None or entry.get("event") == name]

    def get(self, path: str) -> requests.Response:
        """One of its pages."""
        return self._session.get(self.url + path, timeout=_PAGE_SECONDS)

    def ready(self) -> bool:
        """Whether ``/readyz`` says so now."""
        return bool(self.get("/readyz").status_code == requests.codes.ok)

    def wait_ready(self, seconds: float = WAIT_SECONDS) -> Self:
        """Return when it is ready."""
        until(self.ready, f"readiness of {self.log.stem}", seconds)
        return self

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name and these labels; 0 if there are none.

        A page that took the service too long, on a machine that stood still, is asked for again.
        """
        page = until(lambda: self._page_of("/metrics"), "the metrics' page")
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def _page_of(self, path: str) -> str | None:
        answer = self.get(path)
        return answer.text if answer.status_code == requests.codes.ok else None

    def _said_port(self) -> int:
        return next((int(entry["port"]) for entry in self.events("listening")), 0)

    def _entries(self) -> Iterator[dict[str, Any]]:
        for line in self.log.read_bytes().split(b"\n")[:-1]:
            if line.startswith(b"{"):
                yield json.loads(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        self._session.close()


class StartStream(Protocol):
    """Starts ``meetup-stream``, by default on rsvps into the test's directory."""

    def __call__(self, url: str, **settings: str) -> ServiceProcess:
        """Return at once; ``wait_ready`` waits."""
