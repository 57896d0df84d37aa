"""Wiring of ``serve``: settings -> page, schedule -> HTTP -> wait for a signal -> stop."""

import logging
import sys
from typing import Final

from meetupkit.http.listening import exit_unless_listening
from meetupkit.http.pages import PageApp
from meetupkit.http.server import HttpServer
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress
from meetupkit.shutdown import Shutdown

from meetup_insight.page.published import Library
from meetup_insight.page.site import Site
from meetup_insight.serving.app import create_app
from meetup_insight.serving.metrics import Metrics
from meetup_insight.serving.schedule import Schedule
from meetup_insight.settings import InsightSettings

log = logging.getLogger(__name__)

_CONNECTIONS: Final = 128
"""A browser keeps six."""
_IDLE_SECONDS: Final = 30
_DRAIN_SECONDS: Final = 3


def serve(settings: InsightSettings) -> None:
    """Until a signal; exit code 1 if the server ended by itself."""
    with Shutdown() as shutdown:
        metrics, progress = Metrics(), Progress()
        library = Library(settings.published_folder)
        schedule = Schedule(settings, metrics, progress, shutdown.requested, on_published=library.newest)
        pages = OpsPages(
            metrics.registry,
            progress,
            lambda: None if library.is_filled else schedule.why_none(),
            lambda: f"the last build failed: {schedule.failure}" if schedule.failure else None,
        )
        with exit_unless_listening(settings.host, settings.port):
            server = HttpServer(
                PageApp(pages, create_app(Site(library.newest, schedule.why_none), metrics)),
                host=settings.host,
                port=settings.port,
                connections=_CONNECTIONS,
                idle_seconds=_IDLE_SECONDS,
                drain_seconds=_DRAIN_SECONDS,
                on_failure=shutdown.request,
            )
        server.start()
        schedule.start()
        log.info("listening on port %d", server.port, extra={"event": "listening", "port": server.port})
        shutdown.wait()
        log.info("stopping", extra={"event": "stopping"})
        server.stop()
        schedule.join()
        server.join(_DRAIN_SECONDS + 1)
    sys.exit(server.failed)
