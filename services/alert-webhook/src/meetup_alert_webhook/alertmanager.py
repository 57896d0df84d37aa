"""Reads Alertmanager's webhook body, version 4. No I/O.

Fields: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. A body that does not have them is
``Poison``: sent again it would be the same.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from meetup_alert_webhook.alerts import (
    MAX_DETAIL,
    MAX_FINDINGS,
    MAX_SUMMARY,
    Alert,
    Finding,
    Link,
    Severity,
    Source,
    Status,
    bounded,
    digest,
    severity_of,
    shown,
)
from meetup_alert_webhook.poison import Poison, mistakes_of
from meetup_alert_webhook.runbook import with_runbooks

_WHERE: Final = ("feed", "kind", "call", "service", "namespace", "pod", "container", "instance", "job")
"""Labels that say what is concerned, the most telling first."""
_NO_TIME: Final = "0001-01-01T00:00:00Z"
"""How Go writes a time that is not set."""

Labels = dict[str, str]


class AlertBody(BaseModel):
    """One alert of the group."""

    model_config = ConfigDict(extra="ignore", strict=True)
    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: Labels = Field(default_factory=dict)
    starts_at: str = Field("", alias="startsAt")
    ends_at: str = Field("", alias="endsAt")
    generator_url: str = Field("", alias="generatorURL")
    fingerprint: str = ""

    @property
    def identity(self) -> str:
        """The fingerprint, or what it is made of when an old Alertmanager sends none."""
        return self.fingerprint or digest(*(part for pair in sorted(self.labels.items()) for part in pair))


class WebhookBody(BaseModel):
    """The body of a notification: one group."""

    model_config = ConfigDict(extra="ignore", strict=True)
    version: Literal["4"]
    group_key: str = Field(alias="groupKey", min_length=1)
    status: Literal["firing", "resolved"]
    alerts: Annotated[list[AlertBody], Field(min_length=1)]
    truncated_alerts: int = Field(0, alias="truncatedAlerts", ge=0, lt=2**53)
    group_labels: Labels = Field(default_factory=dict, alias="groupLabels")
    common_labels: Labels = Field(default_factory=dict, alias="commonLabels")
    common_annotations: Labels = Field(default_factory=dict, alias="commonAnnotations")
    external_url: str = Field("", alias="externalURL")


def parse(body: bytes) -> WebhookBody:
    """The body as Alertmanager means it; raises ``Poison`` with what is wrong."""
    try:
        return WebhookBody.model_validate_json(body)
    except ValidationError as error:
        raise Poison(mistakes_of(error)) from None


def is_heartbeat(group: WebhookBody, alertname: str) -> bool:
    """Whether the group is the alert that fires for as long as monitoring works."""
    return all(alert.labels.get("alertname") == alertname for alert in group.alerts)


def to_alert(group: WebhookBody) -> Alert:
    """What is to be said about the group.

    The key holds when each alert began, so that one that fires again is not taken for its former self, and leaves out
    when each will end, which moves with every evaluation.
    """
    firing_first = sorted(group.alerts, key=lambda alert: (alert.status != "firing", _severity(alert).rank))
    episodes = sorted(f"{alert.identity} {alert.status} {alert.starts_at}" for alert in group.alerts)
    return Alert(
        source=Source.ALERTMANAGER,
        key=digest("alertmanager", group.group_key, group.status, str(group.truncated_alerts), *episodes),
        incident=digest("alertmanager", group.group_key),
        status=Status(group.status),
        severity=min((_severity(alert) for alert in firing_first if _counts(alert, group)), key=lambda s: s.rank),
        title=shown(_title(group), MAX_SUMMARY),
        findings=tuple(
            with_runbooks(
                (_finding(alert, group), {**group.common_annotations, **alert.annotations})
                for alert in firing_first[:MAX_FINDINGS]
            )
        ),
        omitted=max(0, len(group.alerts) - MAX_FINDINGS) + group.truncated_alerts,
        labels=bounded({**_shared(group.alerts), **group.common_labels}.items()),
        links=(Link("Alertmanager", group.external_url),) if group.external_url else (),
    )


def _counts(alert: AlertBody, group: WebhookBody) -> bool:
    """A resolved alert no longer makes its group worse."""
    return group.status == "resolved" or alert.status == "firing" or all(a.status != "firing" for a in group.alerts)


def _shared(alerts: list[AlertBody]) -> Labels:
    """The labels equal on every alert; routes go by them."""
    first, *others = alerts
    return {
        name: value for name, value in first.labels.items() if all(alert.labels.get(name) == value for alert in others)
    }


def _severity(alert: AlertBody) -> Severity:
    return severity_of(alert.labels.get("severity", "warning"))


def _title(group: WebhookBody) -> str:
    if name := group.group_labels.get("alertname") or group.common_labels.get("alertname"):
        return name
    names = sorted({alert.labels.get("alertname", "unnamed alert") for alert in group.alerts})
    return ", ".join(names)


def _finding(alert: AlertBody, group: WebhookBody) -> Finding:
    notes = {**group.common_annotations, **alert.annotations}
    summary = notes.get("summary") or notes.get("message") or alert.labels.get("alertname", "unnamed alert")
    links = (
        ("Runbook", notes.get("runbook_url", "")),
        ("Dashboard", notes.get("dashboard_url", "")),
        ("Graph", alert.generator_url),
    )
    return Finding(
        summary=shown(summary, MAX_SUMMARY),
        status=Status(alert.status),
        detail=shown(notes.get("description", ""), MAX_DETAIL),
        where=tuple((name, shown(alert.labels[name], 100)) for name in _WHERE if alert.labels.get(name)),
        since=_time(alert.starts_at),
        until=_time(alert.ends_at) if alert.status == "resolved" else "",
        links=tuple(Link(label, url) for label, url in links if url),
    )


def _time(text: str) -> str:
    return "" if text == _NO_TIME else text[:40]
