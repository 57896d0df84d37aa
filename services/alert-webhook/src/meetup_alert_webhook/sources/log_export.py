"""Reads what Pub/Sub pushes from a log sink: the wrapped envelope or the bare LogEntry. No I/O.

Envelope: https://cloud.google.com/pubsub/docs/push; LogEntry:
https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from meetup_alert_webhook.model import (
    MAX_DETAIL,
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
from meetup_alert_webhook.sources.foreign_json import Text, Texts, Word, as_object, as_text, read_json
from meetup_alert_webhook.sources.log_text import LogText, level_in, text_of
from meetup_alert_webhook.sources.malformed import Malformed
from meetup_alert_webhook.text.instants import is_set
from meetup_alert_webhook.text.readable import shown, shown_lines

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
_OF_MESSAGES: Final = frozenset({"data", "messageId", "message_id", "attributes", "publishTime", "publish_time"})
"""Fields of a Pub/Sub message; a log line that has an object at ``message`` has none of them."""
_PAYLOADS: Final = ("textPayload", "jsonPayload", "protoPayload", "httpRequest")
_LINES: Final = ("message", "msg", "MESSAGE")
"""Where a bare JSON line, not wrapped into a LogEntry, has its text."""

Object = Annotated[dict[str, Any], BeforeValidator(as_object)]


class PubsubMessage(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)
    data: Text = ""
    attributes: Texts = Field(default_factory=dict)
    message_id: Text = Field("", alias="messageId")


class Envelope(BaseModel):
    """A wrapped push request."""

    model_config = ConfigDict(extra="ignore")
    message: PubsubMessage
    subscription: Text = ""


class Resource(BaseModel):
    model_config = ConfigDict(extra="ignore")
    type: Text = ""
    labels: Texts = Field(default_factory=dict)


class LogEntry(BaseModel):
    """The fields of a LogEntry that a message is made from."""

    model_config = ConfigDict(extra="ignore")
    log_name: Text = Field("", alias="logName")
    insert_id: Text = Field("", alias="insertId")
    timestamp: Text = ""
    receive_timestamp: Text = Field("", alias="receiveTimestamp")
    severity: Word = ""
    resource: Annotated[Resource, BeforeValidator(as_object)] = Field(default_factory=Resource)
    labels: Texts = Field(default_factory=dict)
    text_payload: Any = Field(None, alias="textPayload")
    json_payload: Any = Field(None, alias="jsonPayload")
    proto_payload: Object = Field(default_factory=dict, alias="protoPayload")
    http_request: Object = Field(default_factory=dict, alias="httpRequest")


def parse(body: bytes, headers: Mapping[str, str]) -> Alert:
    """What is to be sent about the pushed log entry; raises ``Malformed`` with what is wrong."""
    content = read_json(body, "the body")
    message_id = headers.get(MESSAGE_ID_HEADER, "")
    if message := _message_in(content):
        message_id = message.message_id or as_text(content["message"].get("message_id"))
        content = read_json(_decoded(message.data), "the message's data")
    if not isinstance(content, dict):
        raise Malformed("the log entry is no object")
    return to_alert(_entry(content), fallback_id=message_id or digest(body.decode("latin-1")))


def _message_in(content: Any) -> PubsubMessage | None:
    """The message of a wrapped push."""
    message = content.get("message") if isinstance(content, dict) else None
    if not isinstance(message, dict) or _OF_MESSAGES.isdisjoint(message):
        return None
    return Envelope.model_validate({**content, "message": message}).message


def _entry(content: Mapping[str, Any]) -> LogEntry:
    """A LogEntry, or the entry that a bare JSON line would have become."""
    if any(content.get(name) not in (None, "", {}, []) for name in _PAYLOADS) or content.get("logName"):
        return LogEntry.model_validate(content)
    if any(content.get(name) for name in _LINES):
        return LogEntry.model_validate({**content, "jsonPayload": dict(content)})
    raise Malformed("the log entry has no payload and no logName")


def to_alert(entry: LogEntry, *, fallback_id: str) -> Alert:
    """What is to be sent about the entry.

    Cloud Logging itself takes entries of one log with equal timestamp and insertId for one; so does the key.
    """
    text = text_of(entry.text_payload, entry.json_payload, entry.proto_payload, entry.http_request)
    labels = _labels(entry)
    severity = _severity(entry)
    origin = labels.get("container_name") or entry.resource.type or _log_id(entry) or "an unnamed log"
    is_named = entry.log_name and entry.timestamp and entry.insert_id
    identity = f"{entry.log_name} {entry.timestamp} {entry.insert_id}" if is_named else fallback_id
    return Alert(
        source=Source.LOG_EXPORT,
        key=digest("log_export", identity),
        kind=digest("log_export", entry.log_name, origin, severity, text.kind),
        status=Status.FIRING,
        severity=severity,
        title=shown(f"log of {labels.get('feed') or origin}", MAX_SUMMARY),
        labels=bounded(labels.items()),
        findings=(_finding(entry, text, labels),),
    )


def _finding(entry: LogEntry, text: LogText, labels: Mapping[str, str]) -> Finding:
    when = next((time for time in (entry.timestamp, entry.receive_timestamp) if is_set(time)), "")
    return Finding(
        summary=shown(text.summary, MAX_SUMMARY),
        detail=shown_lines(text.detail, MAX_DETAIL),
        code=True,
        where=_where(entry, labels),
        since=when[:40],
        links=_links(entry),
    )


def _severity(entry: LogEntry) -> Severity:
    """The entry's own; where it has none, what its payload says: a level, a status of HTTP or of a call."""
    own = entry.severity.strip()
    if own and own.upper() not in ("DEFAULT", "0", "0.0"):
        return severity_of(own)
    return severity_of(level_in(entry.json_payload, entry.proto_payload, entry.http_request) or "default")


def _decoded(data: str) -> bytes:
    """Base64 of either alphabet, with or without its padding."""
    standard = data.strip().translate({ord("-"): "+", ord("_"): "/"}).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("the message's data is not base64") from None


def _labels(entry: LogEntry) -> dict[str, str]:
    """What routes go by: the resource's labels, the entry's, and the ``feed`` and ``event`` our services log."""
    labels = {**entry.resource.labels, **entry.labels}
    for name in ("feed", "event"):
        value = as_object(entry.json_payload).get(name)
        if isinstance(value, str):
            labels[name] = value
    return labels


def _where(entry: LogEntry, labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Feed and pod, or whatever else the resource is told by."""
    there = entry.resource.labels
    found = [(word, there[label]) for word, label in _WHERE if there.get(label)]
    if labels.get("feed"):
        found.insert(0, ("feed", labels["feed"]))
    if not found:
        found = [pair for pair in sorted(there.items()) if pair[0] not in _PLACE and pair[1]][:3]
    if not found and entry.log_name:
        found = [("log", _log_id(entry))]
    return tuple((shown(name, 60), shown(value, 100)) for name, value in found)


def _log_id(entry: LogEntry) -> str:
    return entry.log_name.rpartition("/logs/")[2].replace("%2F", "/")


def _links(entry: LogEntry) -> tuple[Link, ...]:
    """The line in the console's Logs Explorer, found by its insertId."""
    project = re.match(r"projects/([a-z][a-z0-9-]{4,29})/logs/", entry.log_name)
    if not project or not entry.insert_id:
        return ()
    query = f'logName="{entry.log_name[:500]}"\ninsertId="{entry.insert_id[:200]}"'
    at = f";timestamp={quote(entry.timestamp, safe='')}" if is_set(entry.timestamp) else ""
    url = f"https://console.cloud.google.com/logs/query;query={quote(query, safe='')}{at}?project={project[1]}"
    return (Link("Log line", url),) if len(url) < 2000 else ()
