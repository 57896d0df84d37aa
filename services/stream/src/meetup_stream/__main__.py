"""``meetup-stream``: one Meetup feed becomes objects."""

import logging
import os
import signal
import socket
import sys
import threading
import uuid
from importlib.metadata import version

from meetupkit import logs
from meetupkit.errors import MeetupError, PermanentError, TransientError
from meetupkit.http.ops_server import OpsServer
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress
from meetupkit.settings import exit_with
from meetupkit.stores import open_objects
from meetupkit.stores.objects import ObjectStore

from meetup_stream.enrichment import Enricher
from meetup_stream.metrics import Metrics
from meetup_stream.settings import Layout, StreamSettings
from meetup_stream.stream import Job, Stream

log = logging.getLogger("meetup_stream")


def main() -> None:
    """Wire the parts together and run until a signal."""
    settings = StreamSettings.or_exit(os.environ)
    logs.configure("meetup-stream", version=version("meetup-stream"), level=settings.log_level, feed=settings.feed)
    store = _open(settings.objects)
    metrics, progress = Metrics(settings.feed), Progress()
    job = Job(
        feed=settings.row(),
        label=settings.label or settings.feed,
        store=store,
        enricher=Enricher(settings.enricher_url) if settings.enricher_url else None,
        overlap=settings.overlap_seconds,
        segment_seconds=settings.segment_seconds if settings.layout is Layout.BATCH else None,
        owner=f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
    )
    stream = Stream(job, metrics=metrics, progress=progress)
    with OpsServer(
        OpsPages(metrics.registry, progress, stream.not_ready), host=settings.host, port=settings.port
    ) as ops:
        log.info("listening on port %d", ops.port, extra={"event": "listening", "port": ops.port})
        error = run_until_signal(stream)
    store.close()
    if error:
        log.error("stopped: %s", error, extra={"event": "stopped", **metrics.totals()})
        sys.exit(1)
    log.info("stopped", extra={"event": "stopped", **metrics.totals()})


def _open(url: str) -> ObjectStore:
    """The store, tried once: what a person must change ends the process; an outage is waited for at the cursor.

    To end at an outage too would leave the next try to the cluster, which waits for up to five minutes between two.
    """
    try:
        store = open_objects(url)
    except MeetupError as error:
        exit_with(f"STREAM_OBJECTS={url}: {error}")
    try:
        store.check()
    except PermanentError as error:
        exit_with(f"STREAM_OBJECTS={url}: {error}")
    except TransientError as error:
        log.warning("starting without the object store: %s", error, extra={"event": "store_unavailable_at_start"})
    return store


def run_until_signal(stream: Stream) -> Exception | None:
    """Run the stream in a thread; this one only waits for SIGTERM, SIGINT or the stream's own end.

    A signal handler may interrupt a lock that the stream holds, so it does nothing; the byte that Python writes for a
    signal wakes this thread, which then stops the stream.
    """
    wake, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    errors: list[Exception] = []

    def run() -> None:
        try:
            stream.run()
        except PermanentError as error:
            errors.append(error)
        except Exception as error:  # a mistake of the program: its traceback is logged, and the exit code tells of it
            errors.append(error)
            raise
        finally:
            waker.send(b"\0")

    thread = threading.Thread(target=run, name="stream")
    thread.start()
    if wake.recv(1) != b"\0":
        log.info("stopping", extra={"event": "stopping"})
        stream.stop()
    thread.join()
    return errors[0] if errors else None


if __name__ == "__main__":
    main()
