"""Reads what Pub/Sub pushes from a log sink: the wrapped envelope or the bare LogEntry. No I/O.

Envelope: https://cloud.google.com/pubsub/docs/push; LogEntry:
https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from meetup_alert_webhook.alerts import (
    MAX_DETAIL,
    MAX_SUMMARY,
    Alert,
    Finding,
    Link,
    Source,
    Status,
    bounded,
    digest,
    severity_of,
    shown,
)
from meetup_alert_webhook.poison import Poison, mistakes_of

MESSAGE_ID_HEADER: Final = "x-goog-pubsub-message-id"
"""Where Pub/Sub puts the message's id when the subscription is unwrapped and writes metadata."""
_WHERE: Final = (
    ("cluster", "cluster_name"),
    ("namespace", "namespace_name"),
    ("pod", "pod_name"),
    ("container", "container_name"),
)
_PLACE: Final = frozenset({"project_id", "location", "zone", "region"})
"""Labels that are the same for everything we run."""
_STRUCTURE: Final = frozenset({"message", "severity", "time", "timestamp", "serviceContext", "@type"})
"""Fields of a JSON payload that are shown elsewhere or say nothing to a person."""
_VARYING: Final = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+", re.IGNORECASE)
"""What differs between two log lines of one statement: numbers, addresses, UUIDs."""


class PubsubMessage(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, populate_by_name=True)
    data: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)
    message_id: str = Field("", alias="messageId")


class Envelope(BaseModel):
    """A wrapped push request."""

    model_config = ConfigDict(extra="ignore", strict=True)
    message: PubsubMessage
    subscription: str = ""


class Resource(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    type: str = ""
    labels: dict[str, str] = Field(default_factory=dict)


class LogEntry(BaseModel):
    """The fields of a LogEntry that a message is made from."""

    model_config = ConfigDict(extra="ignore", strict=True)
    log_name: str = Field(alias="logName", min_length=1)
    insert_id: str = Field("", alias="insertId")
    timestamp: str = ""
    receive_timestamp: str = Field("", alias="receiveTimestamp")
    severity: str = "DEFAULT"
    resource: Resource = Field(default_factory=Resource)
    labels: dict[str, str] = Field(default_factory=dict)
    trace: str = ""
    text_payload: str | None = Field(None, alias="textPayload")
    json_payload: dict[str, Any] | None = Field(None, alias="jsonPayload")
    proto_payload: dict[str, Any] | None = Field(None, alias="protoPayload")


def parse(body: bytes, headers: Mapping[str, str]) -> Alert:
    """What is to be said about the pushed log entry; raises ``Poison`` with what is wrong."""
    content = _json(body, "the body")
    message_id = headers.get(MESSAGE_ID_HEADER, "")
    if isinstance(content, dict) and isinstance(content.get("message"), dict):
        try:
            message = Envelope.model_validate(content).message
        except ValidationError as error:
            raise Poison(mistakes_of(error)) from None
        message_id = message.message_id
        content = _json(_decoded(message.data), "the message's data")
    try:
        entry = LogEntry.model_validate(content)
    except ValidationError as error:
        raise Poison(mistakes_of(error)) from None
    return to_alert(entry, fallback_id=message_id or digest(body.decode("utf-8", "replace")))


def to_alert(entry: LogEntry, *, fallback_id: str) -> Alert:
    """What is to be said about the entry.

    Cloud Logging itself takes entries of one log with equal timestamp and insertId for one; so does the key.
    """
    summary, detail = _text(entry)
    labels = _labels(entry)
    severity = severity_of(entry.severity)
    origin = labels.get("container_name") or entry.resource.type or _log_id(entry)
    identity = f"{entry.log_name} {entry.timestamp} {entry.insert_id}" if entry.insert_id else fallback_id
    return Alert(
        source=Source.LOG_EXPORT,
        key=digest("log_export", identity),
        kind=digest("log_export", entry.log_name, origin, severity, _VARYING.sub("#", summary)),
        status=Status.FIRING,
        severity=severity,
        title=shown(f"log of {labels.get('feed') or origin}", MAX_SUMMARY),
        labels=bounded(labels.items()),
        findings=(
            Finding(
                summary=shown(summary, MAX_SUMMARY),
                detail=shown(detail, MAX_DETAIL),
                code=True,
                where=_where(entry, labels),
                since=(entry.timestamp or entry.receive_timestamp)[:40],
                links=_links(entry),
            ),
        ),
    )


def _json(octets: bytes, what: str) -> Any:
    try:
        return from_json(octets)
    except ValueError as error:
        raise Poison(f"{what} is not JSON: {str(error)[:100]}") from None


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (binascii.Error, ValueError):
        raise Poison("the message's data is not base64") from None


def _text(entry: LogEntry) -> tuple[str, str]:
    """One line that says what happened, and the rest."""
    if entry.text_payload is not None:
        return _lines(entry.text_payload, "(an empty line)")
    if entry.json_payload is not None:
        message = entry.json_payload.get("message")
        first, rest = _lines(message if isinstance(message, str) else "", "(no message)")
        others = {name: value for name, value in entry.json_payload.items() if _is_news(name)}
        fields = "\n".join(f"{name}: {_inline(value)}" for name, value in others.items())
        return first, "\n".join(part for part in (rest, fields) if part)
    if entry.proto_payload is not None:
        return _audit(entry.proto_payload)
    return "(an entry without a payload)", ""


def _lines(text: str, nothing: str) -> tuple[str, str]:
    """The line that says what happened, and the others; of a bare traceback that is the last."""
    text = text.strip()
    if text.startswith("Traceback "):
        return text.rpartition("\n")[2].strip(), text
    first, _, rest = text.partition("\n")
    return first or nothing, rest


def _is_news(name: str) -> bool:
    return name not in _STRUCTURE and not name.startswith("logging.googleapis.com/")


def _audit(payload: dict[str, Any]) -> tuple[str, str]:
    """An audit log entry: who may not do what, and where."""
    status = payload.get("status")
    said = status.get("message") if isinstance(status, dict) else None
    method = payload.get("methodName") or payload.get("@type") or "a call"
    shown = {name: payload[name] for name in ("serviceName", "resourceName", "status") if name in payload}
    detail = "\n".join(f"{name}: {_inline(value)}" for name, value in shown.items())
    return f"{_inline(method)}: {_inline(said)}" if said else _inline(method), detail


def _inline(value: Any) -> str:
    """A JSON value on one line; deep ones are cut where a person would stop reading."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # in a jsonPayload every number has become a float
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown(text, MAX_SUMMARY)


def _labels(entry: LogEntry) -> dict[str, str]:
    """What routes go by: the resource's labels, the entry's, and the ``feed`` and ``event`` our services log."""
    labels = {**entry.resource.labels, **entry.labels}
    for name in ("feed", "event"):
        value = (entry.json_payload or {}).get(name)
        if isinstance(value, str):
            labels[name] = value
    return labels


def _where(entry: LogEntry, labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Feed and pod, or whatever else the resource is told by."""
    there = entry.resource.labels
    found = [(word, there[label]) for word, label in _WHERE if label in there]
    if "feed" in labels:
        found.insert(0, ("feed", labels["feed"]))
    if not found:
        found = [pair for pair in sorted(there.items()) if pair[0] not in _PLACE][:3] or [("log", _log_id(entry))]
    return tuple((shown(name, 40), shown(value, 100)) for name, value in found)


def _log_id(entry: LogEntry) -> str:
    return entry.log_name.rpartition("/logs/")[2].replace("%2F", "/")


def _links(entry: LogEntry) -> tuple[Link, ...]:
    """The line in the console's Logs Explorer, found by its insertId."""
    project = re.match(r"projects/([a-z][a-z0-9-]{4,29})/logs/", entry.log_name)
    if not project or not entry.insert_id:
        return ()
    query = f'logName="{entry.log_name}"\ninsertId="{entry.insert_id}"'
    at = f";timestamp={quote(entry.timestamp, safe='')}" if entry.timestamp else ""
    url = f"https://console.cloud.google.com/logs/query;query={quote(query, safe='')}{at}?project={project[1]}"
    return (Link("Log line", url),) if len(url) < 2000 else ()
