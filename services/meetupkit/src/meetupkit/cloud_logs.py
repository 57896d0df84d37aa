"""Cloud Logging by google-cloud-logging: its handler for pods, and its client for machines that no agent watches.

The library's own background transport holds lines without bound while Cloud Logging is unavailable, sends none of what
is left when the main thread has ended, and sends a batch that failed no second time. ``Transport`` below does.
"""

import json
import logging
import os
import queue
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any, Final, TextIO

os.environ.setdefault("GOOGLE_CLOUD_DISABLE_GRPC", "true")  # read at import: HTTP does for lines, gRPC costs memory

import google.auth.exceptions
import requests
from google.api_core.exceptions import GoogleAPICallError, ServerError, TooManyRequests
from google.cloud.logging_v2 import Client
from google.cloud.logging_v2.handlers import CloudLoggingHandler, StructuredLogHandler
from google.cloud.logging_v2.handlers import transports as library_transports
from google.cloud.logging_v2.resource import Resource

from meetupkit.errors import MeetupError, StoreRefused, StoreUnavailable
from meetupkit.foreign_text import printable
from meetupkit.limited_log import LimitedLog
from meetupkit.log_entries import LABELS, SOURCE_LOCATION, Origin, entry_of
from meetupkit.retry import call_policy

__all__ = ["Client", "CloudLogsUnavailable", "PodHandler", "Resource", "Transport", "cloud_handler", "open_client"]

log = logging.getLogger(__name__)

MOST_WAITING: Final = 10_000
"""Lines held while Cloud Logging is unavailable: some 10 MB. More are only written locally, and counted in the log."""
_BATCH_LINES: Final = 200
"""Some 200 kB per request; Cloud Logging takes 10 MB and 1,000 entries."""
LAST_SECONDS: Final = 5.0
"""How long a process that has ended otherwise waits for its last lines to leave; within every grace period of ours."""
_LOOK_SECONDS: Final = 0.2
_OWN_LOGGERS: Final = ("google", "urllib3", "requests", __name__, "meetupkit.retry")
"""What sending a line may log itself is logged here alone, or each failure would feed the next."""
_OURS: Final = ("time", LABELS, SOURCE_LOCATION)
"""Fields that the structured handler takes out of a message to write its own; ours are put back."""


class CloudLogsUnavailable(Exception):
    """Lines cannot go to Cloud Logging from here, and why, in a sentence."""


class _Texts(json.JSONEncoder):
    def default(self, o: object) -> str:
        return str(o)


class PodHandler(StructuredLogHandler):
    """The library's handler with our field names, and without its diagnostic entry and its empty fields."""

    def __init__(self, origin: Origin, stream: TextIO) -> None:
        super().__init__(stream=stream, json_encoder_cls=_Texts)  # type: ignore[no-untyped-call]  # the library's has no types
        self._origin = origin

    def format(self, record: logging.LogRecord) -> str:
        """One entry, one line."""
        entry = entry_of(record, self._origin)
        record.json_fields = dict(entry)
        written = json.loads(super().format(record))  # type: ignore[no-untyped-call]  # the library's has no types
        kept = {name: value for name, value in written.items() if name not in _OURS and not _is_empty(value)}
        ours = {name: entry[name] for name in _OURS if name in entry}
        return json.dumps({**kept, **ours, "message": entry["message"]}, ensure_ascii=False)

    def emit_instrumentation_info(self) -> None:
        """The library's first entry says which library it is; nobody asked."""


def _is_empty(value: object) -> bool:
    """As the library writes a trace, a request and labels that are not there; not 0, nor null."""
    return value is False or value in ("", {})


def open_client(**options: Any) -> Client:
    """The library's client, over HTTP; ``options`` are its own."""
    return Client(**options)


def cloud_handler(origin: Origin, client: Client | None = None) -> logging.Handler:
    """A handler that sends every line to the log named as the service; raises ``CloudLogsUnavailable``."""
    try:
        handler = _CloudHandler(origin, client or open_client())
    except google.auth.exceptions.GoogleAuthError as error:
        raise CloudLogsUnavailable(
            "no Google credentials (set GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account):"
            f" {printable(str(error))}"
        ) from None
    except OSError as error:
        raise CloudLogsUnavailable(f"no Google project is known here: {printable(str(error))}") from None
    return handler


class _CloudHandler(CloudLoggingHandler):
    def __init__(self, origin: Origin, client: Client) -> None:
        super().__init__(client, name=origin.service, transport=Transport, labels=dict(origin.labels))
        self._origin = origin
        self.addFilter(lambda record: not record.name.startswith(_OWN_LOGGERS))

    def emit(self, record: logging.LogRecord) -> None:
        """Give the line to the sender; never waits."""
        entry = entry_of(record, self._origin)
        record.json_fields = {name: value for name, value in entry.items() if name not in (*_OURS, "severity")}
        super().emit(record)  # type: ignore[no-untyped-call]  # the library's has no types


class Transport(library_transports.Transport):
    """Sends lines from a thread: at most ``MOST_WAITING`` wait, a failed batch is sent again, the last lines leave."""

    def __init__(self, client: Client, name: str, resource: Resource | None = None, **_: object) -> None:
        self._logger = client.logger(name, resource=resource)
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue(MOST_WAITING)
        self._lost = 0
        self._limited = LimitedLog(log)
        self._ending = threading.Event()
        self._idle = threading.Event()
        self._stopping = threading.Event()
        threading.Thread(target=self._run, name="cloud-logs", daemon=True).start()
        # No daemon: the interpreter waits for it, and it waits for the last lines, whichever way main ends.
        threading.Thread(target=self._see_off, name="cloud-logs-end").start()

    def send(self, record: logging.LogRecord, message: Any, **options: Any) -> None:
        """Take a line; when too many wait, it is counted as lost here (and stands on stderr as every line does)."""
        line = {
            "message": json.loads(json.dumps(message, cls=_Texts)),
            "severity": record.levelname,
            "timestamp": datetime.fromtimestamp(record.created, UTC),
            "insert_id": uuid.uuid4().hex,  # a batch that is sent twice is kept once
            **{name: value for name, value in options.items() if value},
        }
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._lost += 1

    def flush(self) -> None:
        """The thread sends what waits at once; nobody waits for it."""

    def close(self) -> None:
        """Send what waits, for at most ``LAST_SECONDS``."""
        self._ending.set()
        self._idle.wait(LAST_SECONDS)
        self._stopping.set()

    def _see_off(self) -> None:
        while threading.main_thread().is_alive() and not self._ending.wait(_LOOK_SECONDS):
            pass
        self.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if lines := self._next_batch():
                self._send_batch(lines)
            elif self._ending.is_set():
                self._idle.set()
                return

    def _next_batch(self) -> list[dict[str, Any]]:
        lines = []
        try:
            lines.append(self._waiting.get(timeout=0 if self._ending.is_set() else _LOOK_SECONDS))
            while len(lines) < _BATCH_LINES:
                lines.append(self._waiting.get_nowait())
        except queue.Empty:
            pass
        return lines

    def _send_batch(self, lines: list[dict[str, Any]]) -> None:
        began = time.monotonic()
        try:
            call_policy("Cloud Logging", stopping=self._stopping)(self._commit, lines)
        except MeetupError as error:
            self._limited.warning(
                "cloud_logs_failed",
                "%d lines did not reach Cloud Logging within %.0f s: %s",
                len(lines),
                time.monotonic() - began,
                error,
                extra={"event": "cloud_logs_failed"},
            )
        if self._lost:
            lost, self._lost = self._lost, 0
            self._limited.warning("cloud_logs_lost", "%d lines are here alone: too many waited for Cloud Logging", lost)

    def _commit(self, lines: list[dict[str, Any]]) -> None:
        batch = self._logger.batch()
        for line in lines:
            batch.log(**line)
        try:
            batch.commit()
        except (
            ServerError,
            TooManyRequests,
            requests.RequestException,
            google.auth.exceptions.TransportError,
        ) as error:
            raise StoreUnavailable(f"Cloud Logging: {printable(str(error))}") from None
        except (GoogleAPICallError, google.auth.exceptions.GoogleAuthError) as error:
            raise StoreRefused(f"Cloud Logging: {printable(str(error))}") from None
