"""Services in a hurry: started by ``prefork.py``, with their upstreams, for tests that end them at any moment."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from meetup_testkit.service_process import ServiceProcess, until

MODULES: Final = (
    "meetup_alert_webhook",
    "meetup_enricher",
    "meetup_feed_operator",
    "meetup_gateway",
    "meetup_insight",
    "meetup_stream",
)
PREFORK: Final = Path(__file__).with_name("prefork.py")
LONGEST_SECONDS: Final = 60.0
"""A pod has thirty; a busy machine is given twice as long. What hangs, hangs for ever."""
_KEPT: Final = ("PATH", "HOME", "TMPDIR", "LANG")


@dataclass(frozen=True, slots=True)
class Service:
    """A service with what it needs; ``work`` gives a listening one something to do."""

    module: str
    environ: Callable[[Path], Mapping[str, str]]
    work: Callable[[str], object]
    arguments: tuple[str, ...] = ()


@dataclass
class Child:
    """A service's process in one trial."""

    pid: int
    log: Path
    code: int | None = None
    _answers: Iterator[str] = field(default_factory=lambda: iter(()))

    def events(self, name: str) -> list[dict[str, Any]]:
        """What it logged under this name so far."""
        lines = self.log.read_bytes().split(b"\n")[:-1] if self.log.exists() else []
        entries = [json.loads(line) for line in lines if line.startswith(b"{")]
        return [entry for entry in entries if entry.get("event") == name]

    def listening(self) -> int:
        """Its port, 0 if it does not listen yet."""
        return next((int(entry["port"]) for entry in self.events("listening")), 0)

    def is_caught(self, number: int) -> bool:
        """Whether it has a handler for the signal now, as the kernel says."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
        return bool(int(mask, 16) >> (number - 1) & 1)

    def is_signalled_or_listens(self) -> bool:
        """Whether it has sent itself its signal, or has come so far that it would have."""
        return bool(self.events("signalled") or self.events("listening")) or self.has_ended()

    def has_ended(self) -> bool:
        """Whether its code can be had without waiting: a child that ended and is not waited for has no memory."""
        status = Path(f"/proc/{self.pid}/status")
        return not status.exists() or "VmSize" not in status.read_text()


class Prefork:
    """A running ``prefork.py``."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self._folder = folder
        path = folder / "orders"
        command = [str(PREFORK), str(path), service.module, *service.arguments]
        self._process = ServiceProcess(service.module, {}, folder / "prefork.log", command=command)
        self._socket = socket.socket(socket.AF_UNIX)
        until(path.exists, f"the imports of {service.module}")
        until(lambda: self._socket.connect_ex(str(path)) == 0, "prefork's socket")
        self._socket.settimeout(LONGEST_SECONDS)
        self._orders = self._socket.makefile("rw")

    @contextmanager
    def child(self, name: str, **order: Any) -> Iterator[Child]:
        """A child with a folder of its own; it is gone at the end."""
        folder = self._folder / name
        folder.mkdir()
        kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
        environ = kept | dict(self._service.environ(folder))
        order |= {"environ": environ, "log": str(folder / "log")}
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        child = Child(json.loads(self._orders.readline())["pid"], folder / "log")
        try:
            yield child
        finally:
            if child.code is None:
                os.kill(child.pid, signal.SIGKILL)

    def wait(self, child: Child) -> int | None:
        """Its exit code, or ``None`` if it does not end."""
        try:
            child.code = int(json.loads(self._orders.readline())["code"])
        except TimeoutError:
            return None
        return child.code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._orders.close()
        self._socket.close()
        self._process.kill()
