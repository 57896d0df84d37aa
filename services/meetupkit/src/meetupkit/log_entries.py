"""What a log line says: one event's fields under Cloud Logging's names, and two ways to write them. Pure.

The names are those that GKE's logging agent reads (https://cloud.google.com/logging/docs/structured-logging). Fields
come from ``extra=``; ``event`` is the stable name of what happened. ERROR and above is what an operator must see.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

LABELS: Final = "logging.googleapis.com/labels"
SOURCE_LOCATION: Final = "logging.googleapis.com/sourceLocation"
_ERROR_EVENT: Final = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"
"""Marks an entry for Error Reporting, which then groups it by its stack trace."""
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "json_fields"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who writes: the service, its version, and labels (the feed, for one) that every line bears."""

    service: str
    version: str
    labels: Mapping[str, str] = field(default_factory=dict)


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """What the caller gave as ``extra=``; what handlers keep for themselves begins with ``_``."""
    return {name: value for name, value in vars(record).items() if name not in _PLAIN and not name.startswith("_")}


def entry_of(record: logging.LogRecord, origin: Origin) -> dict[str, object]:
    """The entry as the agent reads it: a JSON object once ``default=str`` has written what is no JSON."""
    message = record.getMessage()
    entry: dict[str, object] = {
        "severity": record.levelname,
        "message": message,
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "logger": record.name,
        **origin.labels,
        **fields_of(record),
        "serviceContext": {"service": origin.service, "version": origin.version},
    }
    if origin.labels:
        entry[LABELS] = dict(origin.labels)
    if record.exc_info:
        entry["message"] = f"{message}\n{_FORMATTER.formatException(record.exc_info)}"
        entry["@type"] = _ERROR_EVENT
    if record.levelno >= logging.ERROR:
        place = {"file": record.pathname, "line": str(record.lineno), "function": record.funcName}
        entry[SOURCE_LOCATION] = place
    return entry


_FORMATTER: Final = logging.Formatter()


class JsonFormatter(logging.Formatter):
    """One entry per line, without Google's library: for a process outside a pod whose log is a file or a pipe."""

    def __init__(self, origin: Origin) -> None:
        super().__init__()
        self._origin = origin

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(entry_of(record, self._origin), ensure_ascii=False, default=str)


class TerminalFormatter(logging.Formatter):
    """Time, severity and message, for whoever sits at the terminal."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        super().__init__()
        self._label = " ".join(labels.values())

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        text = f"{at} {record.levelname:<7} {self._label} {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text
