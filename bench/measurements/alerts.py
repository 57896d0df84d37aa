"""From an alert's request sent to its message in Slack, no pace in the way."""

import time
from collections.abc import Iterable
from pathlib import Path

import psutil
import requests
from meetup_testkit.service_process import ServiceProcess
from meetup_testkit.slack_plugin import SlackStandIn

from bench.measurement import Row
from bench.stream_run import cpu_of
from bench.workbench import Workbench


def alerts(bench: Workbench) -> Iterable[Row]:
    """One alert after the other: the webhook answers when Slack has the message, so its answer tells."""
    folder, count = bench.new_folder(), bench.scaled(1000)
    took = []
    with SlackStandIn() as slack:
        settings = environ(slack, folder)
        with (
            ServiceProcess("meetup_alert_webhook", settings, folder / "webhook.log") as webhook,
            requests.Session() as session,
        ):
            process = psutil.Process(webhook.wait_ready().pid)
            cpu = cpu_of(process)
            for number in range(count):
                began = time.monotonic()
                answer = session.post(f"{webhook.url}/v1/alertmanager", json=firing(number), timeout=30)
                answer.raise_for_status()
                took.append(1000 * (time.monotonic() - began))
            cpu_ms = 1000 * (cpu_of(process) - cpu) / count
            webhook.stop()
        posted = len(slack.messages())
    took.sort()
    yield Row(
        f"alert webhook: alert sent to message in Slack, {count:,} alerts, {posted:,} messages: median, p99",
        "p99 under 300 ms",
        f"{took[len(took) // 2]:.1f}, {took[len(took) * 99 // 100]:.1f} ms; {cpu_ms:.2f} ms of processor time an alert",
        "Three processes on two cores, and SQLite's commits: the claim is on the disk before Slack is called.",
    )


def environ(slack: SlackStandIn, folder: Path) -> dict[str, str]:
    """Settings without a pace and without credentials."""
    settings = {
        "PORT": "0",
        "SLACK_TOKEN": slack.token,
        "SLACK_API_URL": slack.api_url,
        "SLACK_CHANNEL": slack.channel,
        "ALLOW_UNAUTHENTICATED": "true",
        "STATE": f"sqlite:///{folder}/state.sqlite",
        "SECONDS_PER_MESSAGE": "0",
        "SILENCE_SECONDS": "0",
    }
    return {f"ALERT_WEBHOOK_{name}": value for name, value in settings.items()}


def firing(number: int) -> dict[str, object]:
    """A group of one alert, another one for each number."""
    labels = {"alertname": f"Bench{number}", "severity": "critical", "feed": "rsvps"}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "A measurement"},
        "startsAt": "2026-11-23T20:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": f"{number:016x}",
    }
    return {
        "version": "4",
        "groupKey": f"bench-{number}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "slack",
        "groupLabels": {"alertname": labels["alertname"]},
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": [alert],
    }
