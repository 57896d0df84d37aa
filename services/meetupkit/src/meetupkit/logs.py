"""One event, one line: JSON with Cloud Logging's field names in a pod, readable text on a terminal.

The formatter is our own because google-cloud-logging brings gRPC, which would double the stream container; the field
names are those its ``StructuredLogHandler`` writes and GKE's logging agent reads. ERROR and above is what a human must
see. Fields come from ``extra=``; ``event`` is the stable name of what happened.
"""

import json
import logging
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Final, TextIO

log = logging.getLogger(__name__)

_ERROR_EVENT: Final = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"
"""Marks an entry for Error Reporting, which then groups it by its stack trace."""
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(service: str, *, version: str, level: str = "INFO", stream: TextIO | None = None, **labels: str) -> None:
    """Send every log line of the process to stderr (a pod's log), or to ``stream``.

    ``labels`` (the feed, for one) are put on every line.
    """
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        TerminalFormatter(labels) if target.isatty() else CloudFormatter(service, version=version, labels=labels)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # below that it writes whole URLs, keys included
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_end_of_thread


def _log_end_of_thread(end: threading.ExceptHookArgs) -> None:
    """A thread that dies of a mistake of ours is one event, not a traceback beside the log."""
    if end.exc_value is not None:
        name = end.thread.name if end.thread else "a thread"
        log.critical("%s died", name, extra={"event": "thread_died"}, exc_info=end.exc_value)


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """What the caller gave as ``extra=``."""
    return {name: value for name, value in vars(record).items() if name not in _PLAIN}


class CloudFormatter(logging.Formatter):
    """A JSON object a line, as https://cloud.google.com/logging/docs/structured-logging describes it."""

    def __init__(self, service: str, *, version: str, labels: dict[str, str]) -> None:
        super().__init__()
        self._context = {"service": service, "version": version}
        self._labels = labels

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        entry: dict[str, object] = {
            "severity": record.levelname,
            "message": message,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "logger": record.name,
            **self._labels,
            **fields_of(record),
            "serviceContext": self._context,
        }
        if self._labels:
            entry["logging.googleapis.com/labels"] = self._labels
        if record.exc_info:
            entry["message"] = f"{message}\n{self.formatException(record.exc_info)}"
            entry["@type"] = _ERROR_EVENT
        if record.levelno >= logging.ERROR:
            entry["logging.googleapis.com/sourceLocation"] = {
                "file": record.pathname,
                "line": str(record.lineno),
                "function": record.funcName,
            }
        return json.dumps(entry, ensure_ascii=False, default=str)


class TerminalFormatter(logging.Formatter):
    """Time, severity and message, for a person."""

    def __init__(self, labels: dict[str, str]) -> None:
        super().__init__()
        self._label = " ".join(labels.values())

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        text = f"{at} {record.levelname:<7} {self._label} {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text
