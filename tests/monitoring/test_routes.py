"""Which alerts a real Alertmanager, with the shipped routes, keeps to itself, and whom it tells of the others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from meetup_local_runner.monitoring import alertmanager_config
from meetup_testkit.emulators.process import EmulatorProcess, free_port
from meetup_testkit.service_process import until

from . import shipped

ROUTES: Final = shipped.RUNBOOKS.with_name("alertmanager.yaml")
PROGRAM: Final = "prometheus-alertmanager"
Labels = dict[str, str]


class Alertmanager:
    """A running one, which is asked what it would do."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v2/alerts"
        self._fired = 0

    def fire(self, *alerts: Labels) -> None:
        """What Prometheus sends; returns when it is known who hides whom, which is found out in order of arrival."""
        self._fired += 1
        last = [
            alert(name, namespace=f"last of {self._fired}") for name in ("MeetupSlackFailing", "MeetupSlackRefused")
        ]
        self._send(*alerts, *last)
        until(lambda: self.hides(last[0]), "the last consequence is hidden by the last cause")

    def _send(self, *alerts: Labels) -> None:
        body = json.dumps([{"labels": labels} for labels in alerts])
        answer = requests.post(self._url, data=body, headers={"Content-Type": "application/json"}, timeout=30)
        assert answer.ok, answer.text

    def knows(self, labels: Labels) -> dict[str, Any]:
        """The alert with exactly these labels: its state, and who is told of it."""
        known = requests.get(self._url, timeout=30).json()
        (found,) = [alert for alert in known if alert["labels"] == labels]
        return dict(found)

    def hides(self, labels: Labels) -> bool:
        """Whether another alert keeps it from being told."""
        return bool(self.knows(labels)["status"]["inhibitedBy"])


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    token = tmp_path / "token"
    token.write_text("no matter")
    config = tmp_path / "alertmanager.yaml"
    config.write_text(alertmanager_config(ROUTES.read_text(), webhook="http://127.0.0.1:9", token_file=token))
    port = free_port()
    command = [
        shipped.program(PROGRAM, PROGRAM),
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with EmulatorProcess(command, port, tmp_path / "alertmanager.log"):
        yield Alertmanager(port)


def alert(name: str, severity: str = "", /, **labels: str) -> Labels:
    """Labels as its rule gives them; of an alert that is not ours, with the severity that is said."""
    ours = [rule.labels for rule in shipped.alerts() if rule.name == name]
    namespace = {} if name == "MeetupMetricsAbsent" else {"namespace": "meetup"}
    return {"alertname": name, **(ours[0] if ours else {"severity": severity}), **namespace, **labels}


@pytest.mark.parametrize(
    ("cause", "consequence"),
    [
        (alert("MeetupFeedDown", feed="rsvps"), alert("MeetupFeedSilent", feed="rsvps")),
        (alert("MeetupStoreFailing", feed="rsvps"), alert("MeetupFeedFallingBehind", feed="rsvps")),
        (alert("MeetupKeyRefused"), alert("MeetupEnrichmentBacklog", kind="members")),
        (alert("MeetupThrottled"), alert("MeetupEnrichmentBacklog", kind="groups")),
        (alert("MeetupApiFailing"), alert("MeetupEnrichmentBacklog", kind="groups")),
        (alert("MeetupDocumentStoreFailing"), alert("MeetupEnrichmentBacklog", kind="members")),
        (alert("MeetupDocumentStoreFailing"), alert("MeetupIdsNotAccepted", feed="rsvps")),
        (alert("MeetupServiceGone", service="enricher"), alert("MeetupIdsNotAccepted", feed="rsvps")),
        (alert("MeetupSlackRefused"), alert("MeetupSlackFailing")),
        (alert("MeetupMetricsAbsent"), alert("MeetupFeedDown", feed="rsvps")),
        (alert("MeetupMetricsAbsent"), alert("MeetupServiceGone", service="enricher")),
        (alert("InfoInhibitor", "none"), alert("CPUThrottlingHigh", "info")),
    ],
    ids=lambda labels: labels["alertname"],
)
def test_what_follows_from_a_cause_is_not_told_beside_it(
    alertmanager: Alertmanager, cause: Labels, consequence: Labels
) -> None:
    elsewhere = consequence | {"namespace": "other"}
    alertmanager.fire(consequence, elsewhere)
    assert not alertmanager.hides(consequence)
    alertmanager.fire(cause)
    assert alertmanager.hides(consequence)
    assert not alertmanager.hides(cause)
    assert alertmanager.hides(elsewhere) is ("namespace" not in cause)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (alert("MeetupFeedDown", feed="rsvps"), alert("MeetupFeedSilent", feed="photos")),
        (alert("MeetupKeyRefused"), alert("MeetupThrottled")),
        (alert("MeetupKeyRefused"), alert("MeetupFeedSilent", feed="rsvps")),
        (alert("MeetupServiceGone", service="feed-operator"), alert("MeetupIdsNotAccepted", feed="rsvps")),
        (alert("MeetupSlackRefused"), alert("MeetupAlertsDeferred", reason="bug")),
        (alert("MeetupMetricsAbsent"), alert("Watchdog")),
        (alert("InfoInhibitor", "none"), alert("KubePodCrashLooping", "warning")),
    ],
    ids=lambda labels: labels["alertname"],
)
def test_what_has_causes_of_its_own_is_told(alertmanager: Alertmanager, one: Labels, other: Labels) -> None:
    alertmanager.fire(one, other)
    assert [alertmanager.hides(labels) for labels in (one, other)] == [False, False]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (alert("Watchdog"), ["heartbeat"]),
        (alert("InfoInhibitor", "none"), ["nobody"]),
        (alert("MeetupFeedDown", feed="rsvps"), ["slack"]),
        (alert("NodeClockNotSynchronising", "warning"), ["slack"]),
    ],
    ids=lambda value: str(value),
)
def test_who_is_told(alertmanager: Alertmanager, labels: Labels, told: list[str]) -> None:
    alertmanager.fire(labels)
    assert [receiver["name"] for receiver in alertmanager.knows(labels)["receivers"]] == told
