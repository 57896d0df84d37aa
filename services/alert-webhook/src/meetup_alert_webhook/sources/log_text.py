"""What a log entry says: one line, the rest, and what tells it from others. No I/O.

Programs put their text at many names, and some put none: then the fields themselves are shown, and tell the entry from
others, so that six errors do not become one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from meetup_alert_webhook.model import MAX_DETAIL, MAX_SUMMARY, digest
from meetup_alert_webhook.sources.foreign_json import as_object, as_text
from meetup_alert_webhook.text.readable import readable, shown
from meetup_alert_webhook.text.redaction import is_no_value, is_secret_name

_TEXTS: Final = (
    *("message", "msg", "MESSAGE", "Message", "log", "text", "short_message", "error_message", "errorMessage"),
    *("error", "err", "exception", "exc_info", "stack_trace", "stackTrace", "stacktrace", "stack", "traceback"),
    *("statusDetails", "reason", "details", "description", "summary", "title", "body", "event_message"),
)
"""Where programs put what happened, the most usual first."""
_INNER: Final = ("message", "msg", "detail", "text", "description", "reason", "error", "value", "stack", "stack_trace")
"""Where it stands when the value is an object, as of ``{"error": {"message": ...}}``."""
_LEVELS: Final = ("severity", "level", "levelname", "log_level", "loglevel", "lvl", "PRIORITY")
_SYSLOG: Final = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
"""The journal's ``PRIORITY``, a digit."""
_ELSEWHERE: Final = frozenset({"severity", "time", "timestamp", "serviceContext", "@type", "levelname", "level"})
"""Fields of a JSON payload that are shown elsewhere or say nothing to a person."""
_MOST_FIELDS: Final = 40
"""Fields that are shown; the rest are counted. No screen holds more."""
_MOST_TOLD: Final = 200
"""Fields by which an entry without text is told from others."""
_VARYING: Final = re.compile(r"0x[0-9a-f]{1,32}+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+", re.IGNORECASE)
"""What differs between two log lines of one statement: numbers, addresses, UUIDs."""
_LONG_NUMBERS: Final = re.compile(r"0x[0-9a-f]{1,32}+|[0-9a-f]{8}-[0-9a-f-]{27}|\d++\.\d++|\d{5,}+", re.IGNORECASE)
"""What differs between two entries without text; short numbers stay, because a code may be all that an entry says."""
_NOTHING: Final = "(no message)"


@dataclass(frozen=True, slots=True)
class LogText:
    """``kind`` is the same for more of the same."""

    summary: str
    detail: str
    kind: str


def text_of(text: Any, payload: Any, proto: Mapping[str, Any], request: Mapping[str, Any]) -> LogText:
    """What the payloads say, the first that says anything."""
    for written in (text, None if isinstance(payload, dict) else payload):
        if as_text(written).strip():
            return _of_text(as_text(written), [])
    fields = as_object(payload)
    lines = _fields_of(name_value for name_value in fields.items() if _is_new(name_value[0]))
    if name := next((name for name in _TEXTS if _said(fields.get(name))), ""):
        return _of_text(_said(fields[name]), [line for line in lines if not line.startswith(f"{name}: ")])
    if request:
        return _of_request(request, lines)
    if proto:
        return _of_call(proto)
    return _of_fields(fields, lines)


def level_in(payload: Any, proto: Mapping[str, Any], request: Mapping[str, Any]) -> str:
    """The severity that the payload itself tells, in a word or as a number of LogSeverity's scale."""
    fields = as_object(payload)
    name = next((name for name in _LEVELS if fields.get(name) not in (None, "")), "")
    level = as_text(fields.get(name)).strip()
    if name == "PRIORITY" and level in "01234567":
        return _SYSLOG[int(level)]
    if level:
        return level
    status = _status_of(request.get("status")) or _status_of(fields.get("status"))
    if status:
        return "error" if status >= 500 else "warning" if status >= 400 else "info"
    code = as_object(proto.get("status")).get("code")
    return (
        "error" if code not in (None, 0, "0") or any(_said(fields.get(name)) for name in ("error", "exception")) else ""
    )


def _status_of(value: Any) -> int:
    text = as_text(value).strip()[:4]
    return int(text) if re.fullmatch(r"[1-5]\d\d", text) else 0


def _said(value: Any) -> str:
    """The text in a value: itself, what an object has inside, or a list's parts."""
    if isinstance(value, dict):
        name = next((name for name in _INNER if as_text(value.get(name)).strip()), "")
        inner = value.get(name)
        told = _said(inner) if isinstance(inner, dict | list) else as_text(inner)
        kind = next((as_text(value[name]) for name in ("type", "name", "code", "class") if value.get(name)), "")
        return ": ".join(part for part in (kind, told) if part) or (as_text(value) if value else "")
    if isinstance(value, list):
        return "\n".join(as_text(part) for part in value[:_MOST_FIELDS])
    return "" if isinstance(value, bool) else as_text(value).strip()


def _of_text(text: str, fields: list[str]) -> LogText:
    """Made readable as a whole before it is parted, so that no secret is parted with it."""
    whole = readable(text, MAX_SUMMARY + MAX_DETAIL)
    first, rest = _parted(whole)
    detail = "\n".join(part for part in (rest, *fields) if part)
    return LogText(first or _NOTHING, detail, _VARYING.sub("#", first[:MAX_SUMMARY]) or digest(text))


def _parted(text: str) -> tuple[str, str]:
    """The line that says what happened, and the others; of a bare traceback that is the last."""
    if text.startswith("Traceback "):
        return text.rpartition("\n")[2].strip(), text
    first, _, rest = text.partition("\n")
    return first, rest


def _of_request(request: Mapping[str, Any], fields: list[str]) -> LogText:
    """A request that went wrong: a load balancer's or a server's log has no other text."""
    words = (as_text(request.get(name)) for name in ("requestMethod", "requestUrl", "status"))
    summary = " ".join(word[:1000] for word in words if word) or "an HTTP request"
    others = ("latency", "userAgent", "responseSize", "serverIp", "protocol")
    detail = [f"{name}: {inline(request[name])}" for name in others if request.get(name)]
    told = _VARYING.sub("#", as_text(request.get("requestUrl")).partition("?")[0][:MAX_SUMMARY])
    kind = digest(as_text(request.get("requestMethod")), told, as_text(request.get("status")), *_told_by(fields))
    return LogText(summary, "\n".join([*fields, *detail]), kind)


def _of_call(payload: Mapping[str, Any]) -> LogText:
    """An audit log entry: who may not do what, and where."""
    status = as_object(payload.get("status"))
    told = as_text(status.get("message"))
    method = as_text(payload.get("methodName") or payload.get("@type") or "a call")
    names = ("serviceName", "resourceName", "status", *(() if payload.get("methodName") else sorted(payload)))
    lines = _fields_of((name, payload[name]) for name in dict.fromkeys(names) if name in payload)
    summary = f"{inline(method)}: {inline(told)}" if told else inline(method)
    own = [] if told or payload.get("methodName") else [line for line in lines if not line.startswith("@type")]
    return LogText(
        summary, "\n".join(lines), digest(_VARYING.sub("#", summary), inline(status.get("code")), *_told_by(own))
    )


def _of_fields(fields: Mapping[str, Any], lines: list[str]) -> LogText:
    if not fields:
        return LogText("(an entry without text)", "", "(an entry without text)")
    few = ", ".join(shown(line, 80) for line in lines[:4])
    every = (f"{name}: {as_text(value)[:200]}" for name, value in list(fields.items())[:_MOST_TOLD] if _is_new(name))
    return LogText(f"{_NOTHING} {few}".strip(), "\n".join(lines), digest(*_told_by(every)))


def _told_by(lines: Iterable[str]) -> list[str]:
    """What tells an entry without text from another: its fields, without what differs at every entry."""
    return sorted(_LONG_NUMBERS.sub("#", line[:240]) for line in lines)


def _is_new(name: str) -> bool:
    return name not in _ELSEWHERE and not name.startswith("logging.googleapis.com/")


def _fields_of(pairs: Iterable[tuple[str, Any]]) -> list[str]:
    """A line for each of the first fields; the others are counted."""
    every = list(pairs)
    lines = [
        f"{shown(name, 80)}: {'[removed]' if is_secret_name(name) else inline(value)}"
        for name, value in every[:_MOST_FIELDS]
    ]
    return [*lines, f"and {len(every) - len(lines):,} more fields"] if len(every) > len(lines) else lines


def _field(name: str, value: Any) -> str:
    """The value, unless the name says that it is a secret: without quotes nothing would tell where that ends."""
    told = inline(value)
    return "[removed]" if is_secret_name(name) and not is_no_value(name, told) else told


def inline(value: Any) -> str:
    """A JSON value on one line; deep ones are cut where a person would stop reading."""
    return shown(as_text(value), MAX_SUMMARY)
