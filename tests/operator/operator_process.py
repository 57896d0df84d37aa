"""The operator as a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from .cluster import Cluster, eventually


@dataclass
class Operator:
    """A running ``python -m meetup_feed_operator``."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    def page(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.page("/metrics").text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def wait_for_resyncs(self, count: int = 2) -> None:
        """Everything was listed this often since the call."""
        seen = {self.metric("meetup_operator_last_resync_timestamp_seconds")}

        def enough() -> bool:
            seen.add(self.metric("meetup_operator_last_resync_timestamp_seconds"))
            return len(seen) > count

        eventually(enough, f"{count} resyncs")

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(with_signal)
        return self.process.wait(timeout=30)

    def logged(self, event: str) -> list[dict[str, object]]:
        """The log lines of this event."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]

    def lines(self, severity: str) -> list[dict[str, object]]:
        """The log lines of this severity."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("severity") == severity]


@contextmanager
def an_operator(cluster: Cluster, directory: Path, name: str = "operator", **settings: str) -> Iterator[Operator]:
    """Start it with the operator's own rights; it is ready, unless the settings say ``wait="no"``."""
    wait = settings.pop("wait", "yes")
    kubeconfig, log = directory / f"{name}.kubeconfig", directory / f"{name}.log"
    kubeconfig.write_text(settings.pop("kubeconfig", "") or cluster.kubeconfig())
    defaults = {
        "PORT": "0",
        "NAMESPACE": cluster.namespace,
        "IMAGE": "registry.invalid/stream:test",
        "BUCKET": "records",
        "ENRICHER_URL": "http://enricher:8080",
        "ALLOWED_URLS": '["https://streams.example/"]',
        "RESYNC_SECONDS": "2",
        "STATUS_SECONDS": "1",
        "REQUEST_SECONDS": "5",
    }
    env = {f"FEED_OPERATOR_{key}": value for key, value in (defaults | settings).items()}
    command = [sys.executable, "-m", "meetup_feed_operator"]
    home = {"PATH": os.environ.get("PATH", ""), "HOME": str(directory), "KUBECONFIG": str(kubeconfig)}
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, env=home | env, stderr=stderr)
    try:
        operator = Operator(process, log, 0)
        listening = eventually(lambda: operator.logged("listening"), "the operator listens")
        operator.port = int(str(listening[0]["message"]).rpartition(":")[2])
        if wait == "yes":
            eventually(lambda: operator.page("/readyz").status_code == 200, "the operator is ready")
        yield operator
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
