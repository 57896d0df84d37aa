"""A process in trouble becomes an alert."""

from datetime import UTC, datetime
from typing import Any

import pytest
from meetup_local_runner.alerts import ALERT_NAME, Alerts
from meetup_local_runner.board import Status

BEGAN = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
ENDED = datetime(2026, 11, 23, 21, 5, tzinfo=UTC)
TROUBLED = Status("stream-rsvps", None, "down (signal 9)", 0)
WELL = Status("stream-rsvps", None, None, 1)


class Webhook:
    """Takes notifications while ``up``."""

    def __init__(self) -> None:
        self.up = True
        self.taken: list[dict[str, Any]] = []

    def __call__(self, notification: dict[str, Any]) -> bool:
        if self.up:
            self.taken.append(notification)
        return self.up

    @property
    def statuses(self) -> list[str]:
        """What was taken, in order."""
        return [notification["status"] for notification in self.taken]


@pytest.fixture
def webhook() -> Webhook:
    return Webhook()


@pytest.fixture
def alerts() -> Alerts:
    times = iter((BEGAN, ENDED))
    return Alerts(clock=lambda: next(times))


def test_trouble_fires_once_and_is_resolved_when_it_is_over(alerts: Alerts, webhook: Webhook) -> None:
    for status in (TROUBLED, TROUBLED, WELL, WELL):
        alerts.observe([status])
        alerts.deliver(webhook)

    assert webhook.statuses == ["firing", "resolved"]


def test_what_is_resolved_is_what_fired(alerts: Alerts, webhook: Webhook) -> None:
    alerts.observe([TROUBLED])
    alerts.observe([WELL])
    alerts.deliver(webhook)

    fired, resolved = (notification["alerts"][0] for notification in webhook.taken)
    assert fired["labels"] == resolved["labels"]
    assert fired["labels"] == {"alertname": ALERT_NAME, "severity": "critical", "service": "stream-rsvps"}
    assert fired["annotations"] == {"summary": "stream-rsvps: down (signal 9)"}
    assert fired["startsAt"] == resolved["startsAt"] == "2026-11-23T21:00:00+00:00"
    assert resolved["endsAt"] == "2026-11-23T21:05:00+00:00"


def test_an_alert_that_is_not_taken_waits_and_keeps_its_turn(alerts: Alerts, webhook: Webhook) -> None:
    webhook.up = False
    alerts.observe([TROUBLED])
    alerts.deliver(webhook)
    alerts.observe([WELL])
    alerts.deliver(webhook)
    assert webhook.taken == []

    webhook.up = True
    alerts.deliver(webhook)

    assert webhook.statuses == ["firing", "resolved"]


def test_a_process_that_is_well_is_no_alert(alerts: Alerts, webhook: Webhook) -> None:
    alerts.observe([WELL])
    alerts.deliver(webhook)

    assert webhook.taken == []
