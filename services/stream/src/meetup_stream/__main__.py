"""``meetup-stream``: one Meetup feed becomes objects."""

import logging
import os
import socket
import sys
import threading
import uuid
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from meetupkit import logs
from meetupkit.errors import MeetupError, PermanentError, TransientError
from meetupkit.http.listening import exit_unless_listening
from meetupkit.http.ops_server import OpsServer
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress
from meetupkit.settings import exit_with
from meetupkit.shutdown import Shutdown
from meetupkit.stores import open_objects
from meetupkit.stores.objects import ObjectStore
from meetupkit.urls import shown

from meetup_stream.enrichment import Enricher
from meetup_stream.metrics import Metrics
from meetup_stream.session import Job
from meetup_stream.settings import Layout, StreamSettings
from meetup_stream.stream import GRACE_SECONDS, Stream

log = logging.getLogger("meetup_stream")

_LAST_SECONDS: Final = GRACE_SECONDS + 6.0
"""After a signal: the grace, and a call to the store that was under way. Kubernetes kills after 30 s without a word."""
_POLL_SECONDS: Final = 0.01
"""Between two looks whether the store has answered at the start, where it answers within milliseconds."""


def main() -> None:
    """Wire the parts together and run until a signal."""
    settings = StreamSettings.or_exit(os.environ)
    logs.configure("meetup-stream", version=version("meetup-stream"), level=settings.log_level, feed=settings.feed)
    with Shutdown() as shutdown:
        store = _open(settings.objects, shutdown)
        metrics, progress = Metrics(settings.feed), Progress()
        stream = Stream(_job(settings, store), metrics=metrics, progress=progress)
        pages = OpsPages(metrics.registry, progress, stream.not_ready)
        with exit_unless_listening(settings.host, settings.port):
            server = OpsServer(pages, host=settings.host, port=settings.port)
        with server as ops:
            log.info("listening on port %d", ops.port, extra={"event": "listening", "port": ops.port})
            error = run_until_signal(stream, shutdown)
        store.close()
    if error:
        log.error("stopped: %s", error, extra={"event": "stopped", **metrics.totals()})
        sys.exit(1)
    log.info("stopped", extra={"event": "stopped", **metrics.totals()})


def _job(settings: StreamSettings, store: ObjectStore) -> Job:
    return Job(
        feed=settings.row(),
        label=settings.label or settings.feed,
        store=store,
        enricher=_enricher(settings) if settings.enricher_url else None,
        overlap=settings.overlap_seconds,
        segment_seconds=settings.segment_seconds if settings.layout is Layout.BATCH else None,
        owner=f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
    )


def _enricher(settings: StreamSettings) -> Enricher:
    token = settings.enricher_token.get_secret_value()
    return Enricher(settings.enricher_url, client=settings.feed, token=token)


def _open(url: str, shutdown: Shutdown) -> ObjectStore:
    """The store, tried once: a refusal ends the process (operator action required); an outage is waited for later.

    To end at an outage too would leave the next try to the cluster, which waits for up to five minutes between two.
    """
    failed: list[Exception] = []
    try:
        store = open_objects(url)
    except MeetupError as error:
        exit_with(f"STREAM_OBJECTS={shown(url)}: {error}")

    def check() -> None:
        try:
            store.check()
        except Exception as error:  # noqa: BLE001  (the main thread tells which it is)
            failed.append(error)

    checking = _started("store check", check)
    while checking.is_alive():
        if shutdown.wait(_POLL_SECONDS):
            _end_now()
    match failed:
        case [PermanentError() as refusal]:
            exit_with(f"STREAM_OBJECTS={shown(url)}: {refusal}")
        case [TransientError() as outage]:
            log.warning("starting without the object store: %s", outage, extra={"event": "store_unavailable_at_start"})
        case [bug]:
            raise bug
    return store


def run_until_signal(stream: Stream, shutdown: Shutdown) -> Exception | None:
    """Run the stream in a thread; this one only waits for SIGTERM, SIGINT or the stream's own end."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            stream.run()
        except PermanentError as error:
            errors.append(error)
        except Exception as error:  # a bug: its traceback is logged, and the exit code tells of it
            errors.append(error)
            raise
        finally:
            ended.set()
            shutdown.request()

    ended = threading.Event()
    thread = _started("stream", run)
    shutdown.wait()
    if not ended.is_set():
        log.info("stopping", extra={"event": "stopping"})
        stream.stop()
    thread.join(_LAST_SECONDS)
    if thread.is_alive():
        log.warning("stopped in the middle of a call; what is unstored will be read again", extra={"event": "stopped"})
        _end_now()
    return errors[0] if errors else None


def _started(name: str, target: Callable[[], None]) -> threading.Thread:
    """A daemon: it may be in a call that nothing ends."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def _end_now() -> None:
    """After a signal, without waiting for threads that are in a call to somebody who does not answer."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
