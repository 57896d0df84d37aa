"""Wiring: settings, document store, service, server; then wait for SIGTERM."""

import logging
import os
import sys
from importlib.metadata import version
from typing import Final

from meetupkit import logs
from meetupkit.errors import StoreRefused, StoreUnavailable
from meetupkit.http.listening import exit_unless_listening
from meetupkit.http.server import HttpServer
from meetupkit.settings import exit_with
from meetupkit.shutdown import Shutdown
from meetupkit.stores import open_documents
from meetupkit.stores.documents import DocumentStore

from meetup_alert_webhook.delivery.channels import RoutesError
from meetup_alert_webhook.service import Service
from meetup_alert_webhook.settings import AlertWebhookSettings

log = logging.getLogger(__name__)

_CONNECTIONS: Final = 512
"""A burst of Pub/Sub's pushes, far more than an alert storm needs; beyond it idle ones are closed for new ones."""
_IDLE_SECONDS: Final = 65
"""Longer than Alertmanager's and a load balancer's idle connections live by default, so that they close first."""
_DRAIN_SECONDS: Final = 15
"""For requests under way at SIGTERM: half a pod's default grace period, and more than one alert may take."""


def main() -> None:
    """The command ``meetup-alert-webhook``."""
    settings = AlertWebhookSettings.or_exit(os.environ)
    running = version("meetup-alert-webhook")
    logs.configure("meetup-alert-webhook", version=running, level=settings.log_level)
    with Shutdown() as shutdown:
        in_order = _run(settings, shutdown, running)
    sys.exit(not in_order)


def _run(settings: AlertWebhookSettings, shutdown: Shutdown, running: str) -> bool:
    """Until the end is asked for; false if the server ended by itself."""
    store = _open(settings.state)
    try:
        service = Service(settings, store, version=running)
    except RoutesError as error:
        exit_with(f"ALERT_WEBHOOK_ROUTES: {error}")
    with exit_unless_listening(settings.host, settings.port):
        server = HttpServer(
            service.app,
            host=settings.host,
            port=settings.port,
            connections=_CONNECTIONS,
            idle_seconds=_IDLE_SECONDS,
            drain_seconds=_DRAIN_SECONDS,
            head_seconds=settings.body_seconds,
            on_failure=shutdown.request,
        )
    service.start()
    server.start()
    log.info("listening on %s:%d", settings.host, server.port, extra={"event": "listening", "port": server.port})
    shutdown.wait()
    service.stopping.set()  # /readyz says so while the last requests are answered
    server.stop()
    server.join()
    service.stop()
    store.close()
    log.info("stopped", extra={"event": "stopped"})
    return not server.failed


def _open(url: str) -> DocumentStore:
    """The store; refused ends the process, unavailable does not: alerts are sent without it."""
    try:
        store = open_documents(url)
        store.check()
    except StoreRefused as error:
        exit_with(f"ALERT_WEBHOOK_STATE: {error}")
    except StoreUnavailable as error:
        log.error("the document store is down: %s", error, extra={"event": "without_store"})
    return store


if __name__ == "__main__":
    main()
