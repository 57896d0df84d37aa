"""A real Alertmanager, on the project's own file, through outages: every alert arrives, none twice.

The file's times are divided by ``FACTOR``; the URL and the token's file are those of the test. Nothing else is changed.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from meetup_testkit.emulators.process import EmulatorProcess, free_port
from meetup_testkit.slack_plugin import SlackStandIn
from webhook_running import TOKEN, Webhook, WebhookProcess, environ

PROGRAM = "prometheus-alertmanager"
ABSENT = f"part absent: {PROGRAM}; apt-get install --no-install-recommends {PROGRAM}"
FILE = Path(__file__).parents[3] / "k8s/monitoring/alertmanager.yaml"
FACTOR = 300
"""5 min become 1 s; a repeat_interval of 4 h becomes 48 s, so that no reminder falls into a test."""
UNITS = {"s": 1, "m": 60, "h": 3600}
StartProcess = Callable[..., WebhookProcess]


def shortened(text: str, *, url: str, token_file: Path) -> str:
    """The project's file with its times divided, and where to send to."""

    def divide(found: re.Match[str]) -> str:
        milliseconds = 1000 * int(found[2]) * UNITS[found[3]] // FACTOR
        return f"{found[1]}{milliseconds}ms"

    text = re.sub(
        r"^(\s*(?:group_wait|group_interval|repeat_interval): )(\d+)([smh])$", divide, text, flags=re.MULTILINE
    )
    text = re.sub(r"url: http://\S+/v1/alertmanager", f"url: {url}/v1/alertmanager", text)
    return re.sub(r"credentials_file: \S+", f"credentials_file: {token_file}", text)


class Alertmanager:
    """A running one."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v2/alerts"

    def fire(self, name: str, *, over: bool = False, severity: str = "warning", **labels: str) -> None:
        """What Prometheus sends at each evaluation; ``over`` says that the alert has ended."""
        now = datetime.now(UTC)
        alert: dict[str, Any] = {
            "labels": {"alertname": name, "severity": severity, "namespace": "meetup", **labels},
            "annotations": {"summary": f"{name}: {' '.join(labels.values())}"},
            "startsAt": (now - timedelta(minutes=5)).isoformat(),
            "generatorURL": "http://prometheus.example/graph",
        }
        if over:
            alert["endsAt"] = now.isoformat()
        requests.post(self._url, data=json.dumps([alert]), headers={"Content-Type": "application/json"}, timeout=60)


@pytest.fixture
def webhook_port() -> int:
    return free_port()


@pytest.fixture
def alertmanager(tmp_path: Path, webhook_port: int) -> Iterator[Alertmanager]:
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.skip(ABSENT)
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    config = tmp_path / "alertmanager.yaml"
    config.write_text(shortened(FILE.read_text(), url=f"http://127.0.0.1:{webhook_port}", token_file=token_file))
    port = free_port()
    command = [
        program,
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with EmulatorProcess(command, port, tmp_path / "alertmanager.log"):
        yield Alertmanager(port)


@pytest.fixture
def webhook(slack: SlackStandIn, start_process: StartProcess, webhook_port: int) -> WebhookProcess:
    return start_process(slack, PORT=str(webhook_port))


def said(slack: SlackStandIn, text: str) -> int:
    """In how many messages the text stands."""
    return sum(text in posted.text for posted in slack.messages())


def test_the_projects_file_is_one_alertmanager_accepts() -> None:
    amtool = shutil.which("amtool")
    if amtool is None:
        pytest.skip(ABSENT)
    checked = subprocess.run([amtool, "check-config", str(FILE)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_firing_grouped_and_resolved_alerts_arrive(
    alertmanager: Alertmanager, webhook: WebhookProcess, slack: SlackStandIn
) -> None:
    alertmanager.fire("FeedSlow", feed="rsvps")
    slack.wait_for_text("WARNING · FeedSlow", "rsvps")
    alertmanager.fire("FeedSlow", feed="photos")
    slack.wait_for_text("2 firing", "photos")
    alertmanager.fire("FeedSlow", feed="rsvps", over=True)
    alertmanager.fire("FeedSlow", feed="photos", over=True)
    slack.wait_for_text("RESOLVED · FeedSlow")
    slack.wait_until(lambda: bool(slack.messages()[-1].thread))


@pytest.mark.faults
@pytest.mark.parametrize("trouble", ["killed", "throttled", "failing"])
def test_alerts_during_an_outage_of_slack_arrive_once_when_it_is_over(
    alertmanager: Alertmanager, webhook: WebhookProcess, slack: SlackStandIn, trouble: str
) -> None:
    match trouble:
        case "killed":
            slack.stop()
        case "throttled":
            slack.fail("throttle", retry_after=1)
        case _:
            slack.fail("server_error")
    names = [f"Trouble{number}" for number in range(3)]
    for name in names:
        alertmanager.fire(name, feed="rsvps")
    slack.wait_until(lambda: deferred(webhook) >= 4)
    assert slack.messages() == []
    slack.start() if trouble == "killed" else slack.recover()
    for name in names:
        slack.wait_for_text(f"WARNING · {name}")
    assert [said(slack, f"WARNING · {name}") for name in names] == [1, 1, 1]


@pytest.mark.faults
def test_alerts_during_a_restart_of_the_webhook_arrive_once(
    alertmanager: Alertmanager,
    webhook: WebhookProcess,
    slack: SlackStandIn,
    tmp_path: Path,
    webhook_port: int,
) -> None:
    alertmanager.fire("Before", feed="rsvps")
    slack.wait_for_text("WARNING · Before")
    slack.wait_until(lambda: webhook.metric("sent_total", source="alertmanager") == 1)  # and it is recorded
    webhook.kill()
    alertmanager.fire("Meanwhile", feed="rsvps")
    variables = environ(slack, tmp_path / "state.sqlite", PORT=str(webhook_port))
    with WebhookProcess(variables, tmp_path / "again.log") as again:
        slack.wait_for_text("WARNING · Meanwhile")
        alertmanager.fire("Before", over=True, feed="rsvps")
        slack.wait_for_text("RESOLVED · Before")
        assert said(slack, "WARNING · Before") == 0  # the resolve has taken its place
        assert said(slack, "WARNING · Meanwhile") == 1
        assert again.stop() == 0


@pytest.mark.faults
def test_the_heartbeat_is_relayed_and_its_absence_reported(
    alertmanager: Alertmanager, slack: SlackStandIn, start_process: StartProcess, webhook_port: int
) -> None:
    start_process(slack, PORT=str(webhook_port), SILENCE_SECONDS="3")
    alertmanager.fire("Watchdog", severity="none")
    slack.wait_for_text("Still watching")
    alertmanager.fire("Watchdog", over=True, severity="none")
    slack.wait_for_text("CRITICAL · Monitoring is silent")
    alertmanager.fire("Watchdog", severity="none")
    slack.wait_for_text("RESOLVED · Monitoring is silent")
    assert said(slack, "Still watching") == 1


def deferred(webhook: Webhook) -> float:
    """Alerts answered 503 so far, for Slack's sake."""
    reasons = ("slack_paused", "slack_unavailable")
    return sum(webhook.metric("deferred_total", source="alertmanager", reason=reason) for reason in reasons)
