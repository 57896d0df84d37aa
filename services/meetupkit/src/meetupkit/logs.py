"""Where log lines go: google-cloud-logging's structured handler in a pod, Cloud Logging itself for ``LOGS=cloud``.

| where the process runs | what it writes to stderr | what goes to Cloud Logging |
|---|---|---|
| in a pod | entries by ``StructuredLogHandler`` | GKE's agent takes them from stderr |
| elsewhere, ``LOGS=cloud`` | as without it | the same entries, through its client |
| elsewhere | readable lines on a terminal, else the same entries as JSON | nothing |
"""

import logging
import os
import sys
import threading
from collections.abc import Mapping
from typing import Final, TextIO

from meetupkit.log_entries import JsonFormatter, Origin, TerminalFormatter

log = logging.getLogger(__name__)

VARIABLE: Final = "LOGS"
"""``cloud`` sends every line to Cloud Logging too; anything else or nothing leaves them here."""
_IN_A_POD: Final = "KUBERNETES_SERVICE_HOST"
"""Kubernetes sets it in every container."""


def configure(
    service: str,
    *,
    version: str,
    level: str = "INFO",
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
    **labels: str,
) -> None:
    """Send every log line of the process where it belongs; ``labels`` are put on every line.

    ``stream`` takes the place of stderr.
    """
    origin = Origin(service, version, labels)
    root = logging.getLogger()
    root.handlers[:] = [_local_handler(origin, stream or sys.stderr, in_a_pod=_IN_A_POD in environ)]
    root.setLevel(level)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # below that it writes whole URLs, keys included
    logging.getLogger("google.auth").setLevel(
        logging.ERROR
    )  # below that it warns of what our errors say in one sentence
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_end_of_thread
    if environ.get(VARIABLE) == "cloud" and _IN_A_POD not in environ:
        _add_cloud_handler(root, origin)


def _local_handler(origin: Origin, stream: TextIO, *, in_a_pod: bool) -> logging.Handler:
    if in_a_pod and (handler := _structured_handler(origin, stream)):
        return handler
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TerminalFormatter(origin.labels) if stream.isatty() else JsonFormatter(origin))
    return handler


def _structured_handler(origin: Origin, stream: TextIO) -> logging.Handler | None:
    """``None`` for a service without the extra: the simulator's lines go to no alert."""
    try:
        from meetupkit.cloud_logs import PodHandler
    except ImportError:
        return None
    return PodHandler(origin, stream)


def _add_cloud_handler(root: logging.Logger, origin: Origin) -> None:
    try:
        from meetupkit.cloud_logs import CloudLogsUnavailable, cloud_handler
    except ImportError:
        log.warning("LOGS=cloud needs google-cloud-logging: install meetupkit[cloud-logging]; logging here alone")
        return
    try:
        root.addHandler(cloud_handler(origin))
    except CloudLogsUnavailable as error:
        log.warning("LOGS=cloud: %s; logging here alone", error, extra={"event": "cloud_logs_unavailable"})


def _log_end_of_thread(end: threading.ExceptHookArgs) -> None:
    """A thread that dies of a bug is one event, not a traceback beside the log."""
    if end.exc_value is not None:
        name = end.thread.name if end.thread else "a thread"
        log.critical("%s died", name, extra={"event": "thread_died"}, exc_info=end.exc_value)
