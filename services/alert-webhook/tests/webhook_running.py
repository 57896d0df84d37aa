"""The webhook while a test runs it, in this process or in its own, and bodies to send to it."""

import base64
import json
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import requests
from faulty_store import FaultyStore
from meetup_alert_webhook.digest.outbox import DIGESTS, ITEMS
from meetup_alert_webhook.service import Service
from meetup_alert_webhook.settings import AlertWebhookSettings
from meetup_simulator.slack.workspace import Posted
from meetup_testkit.patient import open_patiently
from meetup_testkit.service_process import ServiceProcess
from meetup_testkit.slack_plugin import SlackStandIn
from meetupkit.http.server import HttpServer
from meetupkit.stores.documents import DocumentStore, Put

TOKEN: Final = "a-bearer-token"
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
QUEUES: Final = {
    "SECONDS_PER_MESSAGE": "600",
    "DIRECT_WAIT_SECONDS": "0",
    "DIGEST_SECONDS": "600",
    "DIGEST_MAX_SECONDS": "600",
}
"""Of a replica that sends one message and puts the rest into a digest, which another replica sends when this is gone:
however long the test takes, nothing is sent before."""
_CALL_SECONDS: Final = 60.0
"""An alert may take 50 s by these settings."""
_MORE: Final = re.compile(r"· ([\d,]+) more alerts")


def environ(slack: SlackStandIn, state: Path, **changes: str) -> dict[str, str]:
    """Settings for a fast test: a bot token, no pace; ``changes`` are named without the prefix, empty ones unset."""
    settings = {
        "PORT": "0",
        "SLACK_TOKEN": slack.token,
        "SLACK_API_URL": slack.api_url,
        "SLACK_CHANNEL": slack.channel,
        "SLACK_TIMEOUT_SECONDS": "20",  # a busy machine may be slow; nothing here waits for its end
        "TOKEN": TOKEN,
        "ALLOW_UNAUTHENTICATED": "true",
        "STATE": f"sqlite:///{state}",
        "SECONDS_PER_MESSAGE": "0",
        "SILENCE_SECONDS": "0",
        **changes,
    }
    return {f"ALERT_WEBHOOK_{name}": value for name, value in settings.items()}


class Webhook:
    """Sends to the service at ``url``, as Alertmanager and Pub/Sub do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()

    def alertmanager(self, body: Any, headers: Mapping[str, str] = BEARER) -> requests.Response:
        return self._http.post(f"{self.url}/v1/alertmanager", json=body, headers=headers, timeout=_CALL_SECONDS)

    def log_export(self, body: Any, headers: Mapping[str, str] | None = None) -> requests.Response:
        return self._http.post(f"{self.url}/v1/log-export", json=body, headers=headers, timeout=_CALL_SECONDS)

    def page(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=_CALL_SECONDS)

    def metric(self, name: str, **labels: str) -> float:
        """The value of ``meetup_alert_webhook_<name>``, 0 if it is not there."""
        inner = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        wanted = f"meetup_alert_webhook_{name}" + (f"{{{inner}}}" if inner else "")
        for line in self.page("/metrics").text.splitlines():
            if line.startswith(f"{wanted} "):
                return float(line.rpartition(" ")[2])
        return 0.0


class InProcess(Webhook):
    """The service in threads of the test's process."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        settings = AlertWebhookSettings.from_environ(variables)
        self.store = FaultyStore(open_patiently(settings.state))
        self.service = Service(settings, self.store, version="test")
        self._server = HttpServer(
            self.service.app,
            host="127.0.0.1",
            port=0,
            connections=512,
            idle_seconds=65,
            drain_seconds=15,
            head_seconds=settings.body_seconds,
        )
        super().__init__(f"http://127.0.0.1:{self._server.port}")

    def __enter__(self) -> Self:
        self.service.start()
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """As at SIGTERM."""
        self._http.close()
        self.service.stopping.set()
        self._server.stop()
        self._server.join()
        self.service.stop()
        self.store.close()


class WebhookProcess(Webhook):
    """The command, as a pod would run it: with the settings alone."""

    def __init__(self, variables: Mapping[str, str], log: Path) -> None:
        self.log = log
        with ExitStack() as running:
            kept = {"PATH": os.environ["PATH"]}
            self._service = running.enter_context(ServiceProcess("meetup_alert_webhook", variables, log, kept=kept))
            super().__init__(self._service.url)
            self._running = running.pop_all()

    @property
    def pid(self) -> int:
        return self._service.pid

    def stop(self) -> int:
        """SIGTERM, then the exit code."""
        return self._service.stop()

    def kill(self) -> None:
        """SIGKILL: what a node that dies does."""
        self._service.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        self._http.close()


def alerts_in(posted: Posted) -> int:
    """How many alerts a message stands for."""
    found = _MORE.search(posted.text)
    return int(found[1].replace(",", "")) if found else 1


def wait_for_alerts(slack: SlackStandIn, count: int) -> None:
    """Return when its messages stand for so many alerts, in however many digests; fail if they come to more."""

    def told() -> int:
        return sum(map(alerts_in, slack.messages()))

    slack.wait_until(lambda: told() >= count)
    assert told() == count


def wait_until_folded(slack: SlackStandIn, store: DocumentStore) -> None:
    """Return when everything that was queued is in a digest."""
    slack.wait_until(lambda: store.count(ITEMS) == 0)


def end_leases(store: DocumentStore) -> None:
    """As if a lease had gone by since the replicas that hold the digests died."""
    for each in store.page(DIGESTS, limit=100):
        store.commit([Put(DIGESTS, each.name, {**each.fields, "until": 0.0})])


def firing(name: str = "FeedSilent", *, since: str = "2026-11-23T20:00:00Z", **labels: str) -> dict[str, Any]:
    """One alert of a group."""
    return {
        "status": "firing",
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"summary": f"{name} of {labels.get('feed', 'all')}"},
        "startsAt": since,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
        "fingerprint": "-".join([name, *labels.values()]),
    }


def resolved(alert: Mapping[str, Any], until: str = "2026-11-23T20:12:30Z") -> dict[str, Any]:
    """The same alert, when it is over."""
    return {**alert, "status": "resolved", "endsAt": until}


def group(*alerts: Mapping[str, Any], key: str = '{}:{alertname="FeedSilent"}', truncated: int = 0) -> dict[str, Any]:
    """The body of Alertmanager's webhook."""
    return {
        "version": "4",
        "groupKey": key,
        "truncatedAlerts": truncated,
        "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
        "receiver": "slack",
        "groupLabels": {"alertname": alerts[0]["labels"]["alertname"]},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts),
    }


def log_entry(insert_id: str = "entry-1", message: str = "no room for the cursor", **fields: Any) -> dict[str, Any]:
    """A LogEntry of one of our pods."""
    return {
        "logName": "projects/meetup-prod/logs/stderr",
        "insertId": insert_id,
        "timestamp": "2026-11-23T20:00:00.123456789Z",
        "severity": "ERROR",
        "resource": {
            "type": "k8s_container",
            "labels": {
                "cluster_name": "main",
                "namespace_name": "meetup",
                "pod_name": "s-0",
                "container_name": "stream",
            },
        },
        "jsonPayload": {"message": message, "feed": "rsvps", "event": "cursor_failed"},
        **fields,
    }


def pushed(entry: Mapping[str, Any], message_id: str = "1") -> dict[str, Any]:
    """The wrapped push request of Pub/Sub."""
    return {
        "message": {
            "data": base64.b64encode(json.dumps(entry).encode()).decode(),
            "attributes": {"logging.googleapis.com/timestamp": "2026-11-23T20:00:00Z"},
            "messageId": message_id,
            "publishTime": "2026-11-23T20:00:01Z",
        },
        "subscription": "projects/meetup-prod/subscriptions/alerts",
    }
