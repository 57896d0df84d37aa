"""Pub/Sub's emulator, which comes with the Google Cloud CLI (Java), driven over the REST API on its one port.

Java is started directly, as for Firestore. What it cannot show: permissions, and the OIDC token of a push, which it
does not send.
"""

import base64
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import requests

from meetup_testkit.emulators.java import SHORT_LIFE
from meetup_testkit.emulators.process import EmulatorProcess, free_port

ABSENT: Final = (
    "part absent: the Pub/Sub emulator beside the Google Cloud CLI, and java; "
    "gcloud components install pubsub-emulator, or apt-get install google-cloud-cli-pubsub-emulator"
)
_JARS: Final = "platform/pubsub-emulator/lib"
_HEAP: Final = "-Xmx256m"
_TIMEOUT: Final = 30.0


def find_command() -> list[str] | None:
    """The beginning of the command that runs the emulator, or ``None`` when a part of it is absent."""
    gcloud, java = shutil.which("gcloud"), shutil.which("java")
    if gcloud is None or java is None:
        return None
    jars = sorted((Path(gcloud).resolve().parent.parent / _JARS).glob("cloud-pubsub-emulator-*-all.jar"))
    return [java, _HEAP, *SHORT_LIFE, "-jar", str(jars[-1])] if jars else None


class PubsubEmulator:
    """One server of one project; what it holds is in its memory."""

    project: Final = "meetup-test"

    def __init__(self, command: list[str]) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="pubsub-")
        port = free_port()
        self._url = f"http://127.0.0.1:{port}/v1/projects/{self.project}"
        self.process = EmulatorProcess(
            [*command, "--host=127.0.0.1", f"--port={port}"], port, Path(self._directory.name) / "log"
        )

    def create_topic(self, name: str) -> None:
        self._call("PUT", f"topics/{name}", {})

    def subscribe(self, name: str, topic: str, **fields: Any) -> None:
        """A subscription; ``fields`` are those of the REST resource (``pushConfig``, ``deadLetterPolicy``)."""
        self._call("PUT", f"subscriptions/{name}", {"topic": self._name("topics", topic), **fields})

    def dead_letters_to(self, topic: str, tries: int) -> dict[str, Any]:
        """The policy for ``deadLetterPolicy``; at least 5 tries."""
        return {"deadLetterTopic": self._name("topics", topic), "maxDeliveryAttempts": tries}

    def publish(self, topic: str, data: bytes, attributes: Mapping[str, str] | None = None) -> None:
        message = {"data": base64.b64encode(data).decode(), "attributes": dict(attributes or {})}
        self._call("POST", f"topics/{topic}:publish", {"messages": [message]})

    def pull(self, subscription: str, at_most: int = 10) -> list[bytes]:
        """What waits in the subscription now; it is acknowledged."""
        body = {"maxMessages": at_most, "returnImmediately": True}
        found = self._call("POST", f"subscriptions/{subscription}:pull", body).get("receivedMessages", [])
        if found:
            self._call(
                "POST", f"subscriptions/{subscription}:acknowledge", {"ackIds": [each["ackId"] for each in found]}
            )
        return [base64.b64decode(each["message"]["data"]) for each in found]

    def __enter__(self) -> Self:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()
        self._directory.cleanup()

    def _name(self, kind: str, name: str) -> str:
        return f"projects/{self.project}/{kind}/{name}"

    def _call(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = requests.request(method, f"{self._url}/{path}", json=body, timeout=_TIMEOUT)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
