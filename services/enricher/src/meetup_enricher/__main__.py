"""``meetup-enricher``: wiring only. Settings -> store -> queues and workers -> HTTP -> wait for a signal -> stop."""

import logging
import os
import sys
import time
from typing import Final

from meetupkit import logs
from meetupkit.errors import MeetupError, StoreRefused, StoreUnavailable
from meetupkit.http.listening import exit_unless_listening
from meetupkit.http.server import HttpServer
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress
from meetupkit.settings import exit_with
from meetupkit.shutdown import Shutdown
from meetupkit.stores import open_documents
from meetupkit.stores.documents import DocumentStore

from meetup_enricher import __version__
from meetup_enricher.health import Health, WatchedDocuments
from meetup_enricher.http.app import create_app
from meetup_enricher.metrics import Metrics
from meetup_enricher.service import Service
from meetup_enricher.settings import EnricherSettings

log = logging.getLogger("meetup_enricher")

_CONNECTIONS: Final = 256
"""Five streams, a few scrapers and people."""
_IDLE_SECONDS: Final = 30
"""Longer than a stream's usual gap between two requests, so that it keeps its connection."""
_DRAIN_SECONDS: Final = 3
"""What a request under way gets at a stop: it takes about a second at most, and the whole service has ten."""
_STOP_SECONDS: Final = 6.0
"""What the workers get to end; a call of the API that takes longer is left behind and its ids are given back."""


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = EnricherSettings.or_exit(os.environ)
    logs.configure("meetup-enricher", version=__version__, level=settings.log_level)
    with Shutdown() as shutdown:
        in_order = _run(settings, shutdown)
    sys.exit(not in_order)


def _run(settings: EnricherSettings, shutdown: Shutdown) -> bool:
    """Until the end is asked for; false if the server ended by itself."""
    metrics = Metrics()
    health = Health(metrics)
    store = _open(settings.documents, health)
    progress = Progress()
    service = Service(settings, store=store, metrics=metrics, progress=progress, stopping=shutdown.requested)
    pages = OpsPages(metrics.registry, progress, health.not_ready, service.caveat)
    with exit_unless_listening(settings.host, settings.port):
        server = HttpServer(
            create_app(service.acceptors, pages, token=settings.token.get_secret_value() if settings.token else None),
            host=settings.host,
            port=settings.port,
            connections=_CONNECTIONS,
            idle_seconds=_IDLE_SECONDS,
            drain_seconds=_DRAIN_SECONDS,
            on_failure=shutdown.request,
        )
    server.start()
    service.start()
    log.info(
        "listening on %s port %d",
        settings.host,
        server.port,
        extra={"event": "listening", "host": settings.host, "port": server.port},
    )
    shutdown.wait()
    log.info("stopping", extra={"event": "stopping"})
    health.stop()
    server.stop()
    until = time.monotonic() + _STOP_SECONDS
    server.join(_DRAIN_SECONDS + 1)
    service.stop(until - time.monotonic())
    store.close()
    log.info("stopped", extra={"event": "stopped", **metrics.totals()})
    return not server.failed


def _open(url: str, health: Health) -> DocumentStore:
    """The store, tried once: what the operator must change ends the service, what may pass shows in ``/readyz``."""
    try:
        store = open_documents(url)
    except MeetupError as error:
        exit_with(f"ENRICHER_DOCUMENTS: {error}")
    try:
        store.check()
    except StoreRefused as error:
        exit_with(f"ENRICHER_DOCUMENTS: {error}")
    except StoreUnavailable as error:
        log.warning("starting without the document store", extra={"event": "store_unavailable_at_start"})
        health.store_failed(error)
    else:
        health.store_answered(time.monotonic())
    return WatchedDocuments(store, health)


if __name__ == "__main__":
    main()
