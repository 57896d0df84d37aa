"""Cloud Firestore's emulator, which comes with the Google Cloud CLI (Java).

Java is started directly: the CLI's own ``gcloud emulators firestore start`` leaves it running when it is ended.

What it cannot show: permissions and credentials (everything is allowed), missing databases (each name is a new one),
missing composite indexes (it needs none), quotas and contention limits. A document beyond 1 MiB it refuses as the real
one does.
"""

import shutil
import tempfile
import urllib.request
from pathlib import Path
from typing import Final, Self

from meetup_testkit.emulators.java import SHORT_LIFE
from meetup_testkit.emulators.process import EmulatorProcess, free_port

NO_CLI: Final = (
    "emulator absent: the Google Cloud CLI, which holds the Firestore emulator; "
    "install it from https://cloud.google.com/sdk/docs/install"
)
NO_JAR: Final = (
    "emulator absent: the Firestore emulator beside the Google Cloud CLI; "
    "gcloud components install cloud-firestore-emulator, or apt-get install google-cloud-cli-firestore-emulator"
)
NO_JAVA: Final = (
    "emulator absent: java, which runs the Firestore emulator; "
    "install a Java runtime (apt-get install default-jre-headless)"
)
_JAR: Final = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
_MAIN_CLASS: Final = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_HEAP: Final = "-Xmx512m"
"""Everything is held in memory; tests hold little, and Java would take a quarter of the machine."""


def find_command() -> list[str] | str:
    """The beginning of the command that runs the emulator, or the reason to skip: what is missing and how to get it."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return NO_CLI
    jar = Path(gcloud).resolve().parent.parent / _JAR
    if not jar.is_file():
        return NO_JAR
    java = shutil.which("java")
    if java is None:
        return NO_JAVA
    return [java, _HEAP, *SHORT_LIFE, "-cp", str(jar), _MAIN_CLASS, "start"]


class FirestoreEmulator:
    """One server; its documents are in its memory, so that stopped and started it is empty. Paused, it keeps them."""

    def __init__(self, command: list[str]) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="firestore-")
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        self.process = EmulatorProcess(
            [*command, "--host=127.0.0.1", f"--port={port}"], port, Path(self._directory.name) / "log"
        )

    def start(self) -> None:
        """Start it and return when it answers."""
        self.process.start()
        with urllib.request.urlopen(f"http://{self.host}/", timeout=30) as answer:
            answer.read()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()
        self._directory.cleanup()
