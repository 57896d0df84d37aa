"""The operator as a process of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meetup_testkit.service_process import ServiceProcess

from .cluster import Cluster, eventually


class Operator(ServiceProcess):
    """A running ``python -m meetup_feed_operator``."""

    def wait_for_resyncs(self, count: int = 2) -> None:
        """Everything was listed this often since the call."""
        seen = {self.metric("meetup_operator_last_resync_timestamp_seconds")}

        def enough() -> bool:
            seen.add(self.metric("meetup_operator_last_resync_timestamp_seconds"))
            return len(seen) > count

        eventually(enough, f"{count} resyncs")

    def lines(self, severity: str) -> list[dict[str, Any]]:
        """The log lines of this severity."""
        return [line for line in self.events() if line.get("severity") == severity]


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
        "RESYNC_SECONDS": "1",
        "STATUS_SECONDS": "1",
    }
    env = {f"FEED_OPERATOR_{key}": value for key, value in (defaults | settings).items()}
    home = {"PATH": os.environ.get("PATH", ""), "HOME": str(directory), "KUBECONFIG": str(kubeconfig)}
    with Operator("meetup_feed_operator", env, log, kept=home) as operator:
        assert operator.port, "it listens"
        if wait == "yes":
            eventually(operator.ready, "the operator is ready")
        yield operator
