"""Bodies as other programs send them, by kind: read, or malformed. Each kind is made once and only read."""

import json
from functools import cache
from typing import Any

from webhook_running import firing, group, log_entry, resolved

ALERT = {"status": "firing", "labels": {"alertname": "FeedSilent", "feed": "rsvps"}, "annotations": {"summary": "No"}}
BODY = {**group(firing("FeedSilent", feed="rsvps")), "commonLabels": {"alertname": "FeedSilent"}}
ODD: tuple[Any, ...] = (None, True, 7, -1, 2.5, 1e308, "", "text", [], [1], [None], {}, {"a": 1}, {"a": {"b": []}})
"""A value of each type that JSON has."""
VERSIONS: tuple[Any, ...] = ("1", "3", "5", 4, None, "", {})
FIRING_WORDS: tuple[Any, ...] = ("FIRING", "Firing ", "alerting", "pending", "", None, 1, [], {})
NO_TEXT: tuple[Any, ...] = ("", " \n", None, [])
NO_SEVERITY: tuple[Any, ...] = (None, 0, "", "DEFAULT", [], {})

GRAFANA = {
    "receiver": "slack",
    "status": "firing",
    "orgId": 1,
    "alerts": [
        {
            **ALERT,
            "startsAt": "2026-11-23T20:00:00+01:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://grafana.example/alerting/grafana/x/view",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "https://grafana.example/alerting/silence/new",
            "dashboardURL": "https://grafana.example/d/x",
            "panelURL": "",
            "values": {"A": 0, "B": None},
            "valueString": "[ var='A' labels={} value=0 ]",
            "orgId": 1,
        }
    ],
    "groupLabels": {"alertname": "FeedSilent"},
    "commonLabels": {"alertname": "FeedSilent"},
    "commonAnnotations": {},
    "externalURL": "https://grafana.example/",
    "version": "1",
    "groupKey": '{}:{alertname="FeedSilent"}',
    "truncatedAlerts": 0,
    "title": "[FIRING:1] FeedSilent",
    "state": "alerting",
    "message": "**Firing**",
}
FORMER_GRAFANA = {
    "dashboardId": 1,
    "evalMatches": [{"value": 100, "metric": "High", "tags": None}],
    "message": "No records",
    "orgId": 0,
    "ruleId": 7,
    "ruleName": "FeedSilent",
    "ruleUrl": "https://grafana.example/d/x",
    "state": "alerting",
    "tags": {"feed": "rsvps"},
    "title": "[Alerting] FeedSilent",
}
VMALERT = [
    {
        "labels": {"alertname": "FeedSilent", "alertgroup": "feeds", "feed": "rsvps"},
        "annotations": {"summary": "No records"},
        "startsAt": "2026-11-23T20:00:00Z",
        "endsAt": "2999-11-23T20:04:00Z",
        "generatorURL": "http://vmalert.example/vmalert/alert?group_id=1",
    }
]
GMP = {**BODY, "groupLabels": {"project_id": "p", "location": "europe-west1"}, "receiver": "slack"}


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


def _in_alert(**changes: Any) -> dict[str, Any]:
    return {**BODY, "alerts": [{**BODY["alerts"][0], **changes}]}


@cache
def alertmanager_bodies() -> dict[str, bytes]:
    """Each carries an alert ``FeedSilent`` of ``rsvps`` that fires."""
    bodies: dict[str, Any] = {"plain": BODY, "Grafana": GRAFANA, "former Grafana": FORMER_GRAFANA}
    bodies |= {"vmalert or Prometheus": VMALERT, "Google Managed Prometheus": GMP}
    bodies |= {f"version {value!r}": {**BODY, "version": value} for value in VERSIONS}
    bodies |= {f"without {name}": without(BODY, name) for name in BODY if name != "alerts"}
    names = (*(name for name in BODY if name not in ("alerts", "status")), "more", "title", "state")
    bodies |= {f"{name}: {value!r}": {**BODY, name: value} for name in names for value in ODD}
    bodies |= {f"status {value!r}": {**BODY, "status": value} for value in FIRING_WORDS}
    optional = ("annotations", "startsAt", "endsAt", "generatorURL", "fingerprint", "more")
    bodies |= {f"alert's {name}: {value!r}": _in_alert(**{name: value}) for name in optional for value in ODD}
    alert = BODY["alerts"][0]
    bodies |= {
        f"alert without {name}": {**BODY, "alerts": [without(alert, name)]} for name in (*optional[:5], "status")
    }
    label = {"numeric label": 7, "null label": None, "object label": {"a": 1}, "true label": True, "list label": [1]}
    bodies |= {kind: _in_alert(labels={**alert["labels"], "shard": value}) for kind, value in label.items()}
    bodies |= {f"alert's status {word!r}": _in_alert(status=word) for word in FIRING_WORDS}
    bodies |= {f"beside {value!r}": {**BODY, "alerts": [value, alert]} for value in ODD}
    bodies["an alert that is no list"] = {**BODY, "alerts": alert}
    found = {kind: json.dumps(body).encode() for kind, body in bodies.items()}
    text = json.dumps(BODY)
    encodings = ("utf-8-sig", "utf-16", "utf-32")
    found |= {f"in {encoding}": text.encode(encoding) for encoding in encodings}
    umlaut = json.dumps({**BODY, "receiver": "Zürich"}, ensure_ascii=False)
    found["in Latin-1"] = umlaut.encode("latin-1")
    found["with half a character"] = text.replace('"slack"', '"\\ud800"').encode()
    found["with NUL"] = text.replace('"slack"', '"\\u0000"').encode()
    found["with NaN"] = json.dumps({**BODY, "more": float("nan")}).encode()
    found["with a deep field"] = text.replace('"slack"', "[" * 200 + "]" * 200).encode()
    found["twice the same name"] = text.replace('"receiver"', '"groupKey": "x", "groupKey"').encode()
    return found


@cache
def resolved_bodies() -> dict[str, bytes]:
    """Each says that the alert is over."""
    alert = resolved(firing("FeedSilent", feed="rsvps"))
    words = ("resolved", "RESOLVED", " Resolved ", "ok", "OK", "normal", "inactive")
    bodies: dict[str, Any] = {
        word: {**group(alert), "status": word, "alerts": [{**alert, "status": word}]} for word in words
    }
    bodies["group without a status"] = without(group(alert), "status")
    bodies["former Grafana"] = {**FORMER_GRAFANA, "state": "ok"}
    bodies["vmalert or Prometheus"] = [{**VMALERT[0], "endsAt": "2026-11-23T20:04:00Z"}]
    return {kind: json.dumps(body).encode() for kind, body in bodies.items()}


@cache
def malformed_bodies() -> dict[str, bytes]:
    """None carries what a message needs."""
    bodies: dict[str, Any] = {
        f"alerts: {value!r}": {**BODY, "alerts": value} for value in ODD if value != {"a": {"b": []}}
    }
    bodies |= {f"{value!r}": value for value in ODD}
    bodies |= {"no alerts": without(BODY, "alerts"), "alerts of nothing": {**BODY, "alerts": [{}, {"status": 1}, "x"]}}
    found = {kind: json.dumps(body).encode() for kind, body in bodies.items()}
    found |= {"empty": b"", "cut": json.dumps(BODY).encode()[:-9], "deep": b"[" * 100_000, "text": b"FeedSilent fires"}
    found |= {
        "form": b"payload=%7B%7D",
        "XML": b"<alert/>",
        "long number": b"[" + b"9" * 100_000 + b"]",
        "bytes": b"\xff\xfe",
    }
    return found


def _entry(**fields: Any) -> dict[str, Any]:
    """An entry of a log, without a payload but those given."""
    return {**without(log_entry(), "jsonPayload"), **fields}


TEXT = "cannot store the record"
_WHERE_TEXT_STANDS: dict[str, Any] = {
    **dict.fromkeys(("message", "msg", "MESSAGE", "log", "text", "error", "err", "exception", "stack_trace"), TEXT),
    **dict.fromkeys(("short_message", "error_message", "reason", "description", "stacktrace", "exc_info"), TEXT),
}


@cache
def log_entries() -> dict[str, Any]:
    """Each says ``TEXT``."""
    entries: dict[str, Any] = {"textPayload": _entry(textPayload=TEXT)}
    entries |= {f"at {name}": _entry(jsonPayload={name: text}) for name, text in _WHERE_TEXT_STANDS.items()}
    for outer in ("error", "err", "exception", "message"):
        for inner in ("message", "msg", "detail", "description", "reason", "text"):
            entries[f"at {outer}.{inner}"] = _entry(jsonPayload={outer: {inner: TEXT, "code": 7}})
    entries |= {f"blank {blank!r} first": _entry(jsonPayload={"message": blank, "msg": TEXT}) for blank in NO_TEXT}
    entries["a list"] = _entry(jsonPayload={"message": [TEXT, "b"]})
    entries["payload is text"] = _entry(jsonPayload=TEXT)
    entries["Java stack trace"] = _entry(
        jsonPayload={"stack_trace": f"{TEXT}\n\tat a.B.c(B.java:1)\n\tat d.E.f(E.java:2)"}
    )
    entries["Python traceback"] = _entry(textPayload=f'Traceback (most recent call last):\n  File "a"\nE: {TEXT}')
    entries["audit log"] = _entry(
        protoPayload={"@type": "AuditLog", "methodName": "m", "status": {"code": 7, "message": TEXT}}
    )
    entries["request beside"] = _entry(jsonPayload={"message": TEXT}, httpRequest={"status": 502})
    fields = ("severity", "labels", "resource", "timestamp", "receiveTimestamp", "trace", "insertId", "logName", "more")
    entries |= {f"{name}: {value!r}": _entry(textPayload=TEXT, **{name: value}) for name in fields for value in ODD}
    entries |= {f"without {name}": without(_entry(textPayload=TEXT), name) for name in _entry()}
    entries |= {f"label {value!r}": _entry(textPayload=TEXT, labels={"a": value}) for value in ODD}
    entries |= {
        f"resource label {v!r}": _entry(textPayload=TEXT, resource={"type": "x", "labels": {"a": v}}) for v in ODD
    }
    entries["bare line"] = {"message": TEXT, "severity": "ERROR"}
    entries["bare line, msg"] = {"msg": TEXT, "level": "error"}
    entries["bare line, object"] = {"message": {"text": TEXT}, "severity": "ERROR"}
    return entries


WITHOUT_TEXT = [
    {"code": 17},
    {"code": 42},
    {"code": 42, "job": "import"},
    {"job": "export", "code": 42},
    {"component": "store", "ok": False},
    {"component": "store", "ok": True},
    {"component": "feed", "ok": False},
    {"errors": [{"id": 1}]},
    {"errors": [{"id": 2}]},
    {"kind": "timeout", "attempt": 3},
    {"kind": "refused", "attempt": 3},
    {"nested": {"a": {"b": "x"}}},
    {"nested": {"a": {"b": "y"}}},
]
"""Payloads without text, each another error."""


def told_apart() -> dict[str, Any]:
    """Entries without text, no two of one kind."""
    entries = {f"fields {payload}": _entry(jsonPayload=payload) for payload in WITHOUT_TEXT}
    requests = [("GET", "/a", 502), ("GET", "/b", 502), ("POST", "/a", 502), ("GET", "/a", 503)]
    entries |= {
        f"request {call}": _entry(httpRequest=dict(zip(("requestMethod", "requestUrl", "status"), call, strict=True)))
        for call in requests
    }
    entries |= {
        f"balancer {word}": _entry(jsonPayload={"statusDetails": word}, httpRequest={"status": 502})
        for word in ("failed_to_connect_to_backend", "backend_timeout")
    }
    protos: list[dict[str, Any]] = [
        {"methodName": "a.Get"},
        {"methodName": "b.Get"},
        {"@type": "x", "resource": "/a"},
        {"@type": "x", "resource": "/b"},
        {"methodName": "a.Get", "status": {"code": 7}},
        {"methodName": "a.Get", "status": {"code": 13}},
    ]
    return entries | {f"call {proto}": _entry(protoPayload=proto) for proto in protos}


SEVERITIES: list[tuple[dict[str, Any], str]] = [
    *(({"severity": number}, word) for number, word in ((800, "critical"), (700, "critical"), (600, "critical"))),
    *(({"severity": number}, word) for number, word in ((500, "error"), (500.0, "error"), ("500", "error"))),
    *(({"severity": number}, word) for number, word in ((400, "warning"), (300, "info"), (200, "info"), (100, "info"))),
    *(({"severity": word}, "error") for word in ("ERROR", "error", "Error", " ERROR ")),
    *(({"severity": word}, "critical") for word in ("EMERGENCY", "ALERT", "CRITICAL", "SEVERITY_CRITICAL")),
    *(({"severity": word}, "warning") for word in ("WARNING", "unheard of", "3", "NaN")),
    *(({"severity": word, "jsonPayload": {"a": 1}}, "info") for word in NO_SEVERITY),
    *(
        ({"severity": None, "jsonPayload": {name: "error"}}, "error")
        for name in ("severity", "level", "levelname", "lvl")
    ),
    ({"severity": None, "jsonPayload": {"PRIORITY": "2"}}, "critical"),
    ({"severity": None, "jsonPayload": {"PRIORITY": 4}}, "warning"),
    ({"severity": None, "jsonPayload": {"error": "x"}}, "error"),
    ({"severity": None, "httpRequest": {"status": 502}}, "error"),
    ({"severity": None, "httpRequest": {"status": "404"}}, "warning"),
    ({"severity": None, "httpRequest": {"status": 200}}, "info"),
    ({"severity": None, "protoPayload": {"methodName": "m", "status": {"code": 7}}}, "error"),
    ({"severity": "NOTICE", "httpRequest": {"status": 502}}, "info"),
]
"""An entry's fields, and how bad it is."""
