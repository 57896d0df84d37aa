"""Reads Alertmanager's webhook body, and those of programs that send its form. No I/O.

Fields: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Grafana's unified alerting sends them
with ``"version": "1"`` and more beside, its former alerting a ``ruleName`` and a ``state``; Prometheus and vmalert post
bare lists to Alertmanager itself. Whatever has alerts with something to say is sent; a body without is ``Malformed``:
sent again it would be the same.
"""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from meetup_alert_webhook.model import (
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
)
from meetup_alert_webhook.sources.foreign_json import Count, Text, Texts, as_count, as_text, as_texts, read_json
from meetup_alert_webhook.sources.malformed import Malformed, problems_of
from meetup_alert_webhook.sources.runbook import with_runbooks
from meetup_alert_webhook.text.instants import is_set, unix_of
from meetup_alert_webhook.text.readable import shown, shown_lines

_WHERE: Final = ("feed", "kind", "call", "service", "namespace", "pod", "container", "instance", "job")
"""Labels that say what is concerned, the most telling first."""
_OVER: Final = frozenset({"resolved", "ok", "inactive", "normal", "closed", "recovered"})
"""States in which an alert is over; in any other it fires, so that a word nobody knows is not silence."""
_SUMMARIES: Final = ("summary", "message", "title", "description")
_UNNAMED: Final = "unnamed alert"
_SAYS: Final = ("labels", "annotations", "fingerprint")
"""An alert without any of these says nothing."""

State = Literal["firing", "resolved"]


def _state(value: Any) -> State:
    return "resolved" if as_text(value).strip().lower() in _OVER else "firing"


_Status = Annotated[State, BeforeValidator(_state)]


class AlertBody(BaseModel):
    """One alert of the group."""

    model_config = ConfigDict(extra="ignore")
    status: _Status = "firing"
    labels: Texts = Field(default_factory=dict)
    annotations: Texts = Field(default_factory=dict)
    starts_at: Text = Field("", alias="startsAt")
    ends_at: Text = Field("", alias="endsAt")
    generator_url: Text = Field("", alias="generatorURL")
    dashboard_url: Text = Field("", alias="dashboardURL")
    fingerprint: Text = ""

    @property
    def identity(self) -> str:
        """The fingerprint, or what it is made of when an old Alertmanager sends none."""
        told_by = self.labels or {**self.annotations, "": self.generator_url}
        return self.fingerprint or digest(*(part for pair in sorted(told_by.items()) for part in pair))

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "").strip() or _UNNAMED


class WebhookBody(BaseModel):
    """The body of a notification: one group."""

    model_config = ConfigDict(extra="ignore")
    alerts: Annotated[list[AlertBody], Field(min_length=1)]
    group_key: Text = Field("", alias="groupKey")
    status: _Status = "firing"
    truncated_alerts: Count = Field(0, alias="truncatedAlerts")
    group_labels: Texts = Field(default_factory=dict, alias="groupLabels")
    common_labels: Texts = Field(default_factory=dict, alias="commonLabels")
    common_annotations: Texts = Field(default_factory=dict, alias="commonAnnotations")
    external_url: Text = Field("", alias="externalURL")

    @property
    def identity(self) -> str:
        """The group's key, or what tells it from others when none is sent."""
        if self.group_key:
            return self.group_key
        if self.group_labels:
            return str(sorted(self.group_labels.items()))
        return str(sorted(alert.identity for alert in self.alerts))


def parse(body: bytes, *, now: float | None = None) -> WebhookBody:
    """The body as its sender means it; raises ``Malformed`` with what is wrong.

    ``now`` is the time by which a bare list's alerts, which bear no status, are over or not.
    """
    fields = _fields(read_json(body, "the body"), time.time() if now is None else now)
    if not fields.get("alerts"):
        raise Malformed("alerts: none that has labels, annotations or a fingerprint")
    try:
        return WebhookBody.model_validate(fields)
    except ValidationError as error:
        raise Malformed(problems_of(error)) from None


def _fields(content: Any, now: float) -> dict[str, Any]:
    """The group as an object, whichever form it came in; alerts that say nothing are counted as not shown."""
    if isinstance(content, list):
        content = {"alerts": [_with_status(alert, now) for alert in content]}
    if not isinstance(content, dict):
        raise Malformed("the body is neither an object nor a list")
    alerts = content.get("alerts")
    alerts = [alerts] if isinstance(alerts, dict) else alerts
    if not isinstance(alerts, list):
        alerts = [_of_former_grafana(content)] if content.get("ruleName") else []
    telling = [alert for alert in alerts if isinstance(alert, dict) and any(alert.get(name) for name in _SAYS)]
    telling = telling or [alert for alert in alerts if isinstance(alert, dict) and _says_in_common(alert, content)]
    if not telling and any(isinstance(alert, dict) for alert in alerts) and (note := _note_of(content)):
        telling, alerts = [{"status": content.get("status"), "annotations": note}], alerts[:1]
    status = content.get("status") or ("firing" if any(_fires(alert) for alert in telling) else "resolved")
    unreadable = len(alerts) - len(telling)
    truncated = as_count(content.get("truncatedAlerts"))
    return {**content, "alerts": telling, "status": status, "truncatedAlerts": truncated + unreadable}


def _says_in_common(alert: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Whether the alert fires, and what about stands in the group's own fields."""
    common = ("commonLabels", "commonAnnotations", "groupLabels", "groupKey")
    return isinstance(alert.get("status"), str) and any(content.get(name) for name in common)


def _note_of(content: Mapping[str, Any]) -> dict[str, str]:
    """What Grafana writes beside its alerts, for a group whose alerts themselves say nothing."""
    title, message = as_text(content.get("title")).strip(), as_text(content.get("message")).strip()
    return {"summary": title or message, "description": message} if title or message else {}


def _fires(alert: Mapping[str, Any]) -> bool:
    return _state(alert.get("status")) == "firing"


def _with_status(alert: Any, now: float) -> Any:
    """An alert as Alertmanager's own API takes it: over when its end is past."""
    if not isinstance(alert, dict) or alert.get("status"):
        return alert
    ends = unix_of(as_text(alert.get("endsAt")))
    return {**alert, "status": "resolved" if ends is not None and ends <= now else "firing"}


def _of_former_grafana(content: Mapping[str, Any]) -> dict[str, Any]:
    """The one alert in the body of Grafana's former alerting."""
    name = as_text(content["ruleName"])
    return {
        "status": content.get("state"),
        "labels": {**as_texts(content.get("tags")), "alertname": name},
        "annotations": {"summary": content.get("title") or name, "description": content.get("message")},
        "generatorURL": content.get("ruleUrl"),
    }


def is_heartbeat(group: WebhookBody, alertname: str) -> bool:
    """Whether the group is the alert that fires for as long as monitoring works."""
    return all(alert.labels.get("alertname") == alertname for alert in group.alerts)


def to_alert(group: WebhookBody) -> Alert:
    """What is to be sent about the group.

    The key holds when each alert began, so that one that fires again is not taken for its former self, and leaves out
    when each will end, which moves with every evaluation.
    """
    firing_first = sorted(group.alerts, key=lambda alert: (alert.status != "firing", _severity(alert, group).rank))
    episodes = sorted(f"{alert.identity} {alert.status} {alert.starts_at}" for alert in group.alerts)
    return Alert(
        source=Source.ALERTMANAGER,
        key=digest("alertmanager", group.identity, group.status, str(group.truncated_alerts), *episodes),
        incident=digest("alertmanager", group.identity),
        status=Status(group.status),
        severity=min((_severity(alert, group) for alert in _counted(group)), key=lambda severity: severity.rank),
        title=shown(_title(group), MAX_SUMMARY) or _UNNAMED,
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


def _counted(group: WebhookBody) -> list[AlertBody]:
    """The alerts by which a group is as bad as it is: a resolved one no longer makes it worse."""
    firing = [alert for alert in group.alerts if alert.status == "firing"]
    return firing if firing and group.status == "firing" else group.alerts


def _shared(alerts: list[AlertBody]) -> dict[str, str]:
    """The labels equal on every alert; routes go by them."""
    first, *others = alerts
    return {
        name: value for name, value in first.labels.items() if all(alert.labels.get(name) == value for alert in others)
    }


def _severity(alert: AlertBody, group: WebhookBody) -> Severity:
    word = alert.labels.get("severity") or group.common_labels.get("severity") or alert.labels.get("priority")
    return severity_of(word or "warning")


def _title(group: WebhookBody) -> str:
    if name := group.group_labels.get("alertname") or group.common_labels.get("alertname"):
        return name if name.strip() else _UNNAMED
    return ", ".join(sorted({alert.name for alert in group.alerts}))


def _finding(alert: AlertBody, group: WebhookBody) -> Finding:
    notes = {**group.common_annotations, **alert.annotations}
    candidates = (shown(notes.get(name, ""), MAX_SUMMARY) for name in _SUMMARIES)
    summary = next((text for text in candidates if text), "") or shown(alert.name, MAX_SUMMARY) or _UNNAMED
    detail = shown_lines(notes.get("description", ""), MAX_DETAIL)
    links = (
        ("Runbook", notes.get("runbook_url", "")),
        ("Dashboard", notes.get("dashboard_url", "") or alert.dashboard_url),
        ("Graph", alert.generator_url),
    )
    return Finding(
        summary=summary,
        status=Status(alert.status),
        detail="" if detail == summary else detail,
        where=tuple((name, shown(alert.labels[name], 100)) for name in _WHERE if alert.labels.get(name)),
        since=_time(alert.starts_at),
        until=_time(alert.ends_at) if alert.status == "resolved" else "",
        links=tuple(Link(label, url) for label, url in links if url),
    )


def _time(text: str) -> str:
    return text[:40] if is_set(text) else ""
