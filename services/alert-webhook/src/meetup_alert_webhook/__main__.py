"""Wiring: settings, document store, service, server; then wait for SIGTERM."""

import logging
import os
import signal
import threading
from importlib.metadata import version
from typing import Final

from meetupkit import logs
from meetupkit.errors import StoreRefused, StoreUnavailable
from meetupkit.settings import exit_with
from meetupkit.stores.documents import DocumentStore, open_documents

from meetup_alert_webhook.routes import RoutesError
from meetup_alert_webhook.server import ApiServer, listen
from meetup_alert_webhook.service import Service
from meetup_alert_webhook.settings import AlertWebhookSettings

log = logging.getLogger(__name__)

_WATCH_SECONDS: Final = 1.0
"""How often it is seen to that the server still runs."""


def main() -> None:
    """The command ``meetup-alert-webhook``."""
    settings = AlertWebhookSettings.or_exit(os.environ)
    running = version("meetup-alert-webhook")
    logs.configure("meetup-alert-webhook", version=running, level=settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    store = _open(settings.state)
    try:
        service = Service(settings, store, version=running)
        listener = listen(settings.host, settings.port)
    except RoutesError as error:
        exit_with(f"ALERT_WEBHOOK_ROUTES: {error}")
    except OSError as error:
        exit_with(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}")
    server = ApiServer(service.app, listener, header_seconds=settings.body_seconds)
    service.start()
    server.start()
    port = listener.getsockname()[1]
    log.info("listening on %s:%d", settings.host, port, extra={"event": "listening", "port": port})
    while not stop.wait(_WATCH_SECONDS) and server.running:
        pass
    service.stopping.set()  # /readyz says so while the last requests are answered
    server.stop()
    service.stop()
    store.close()
    log.info("stopped", extra={"event": "stopped"})


def _open(url: str) -> DocumentStore:
    """The store; refused is for a person, unavailable is not: alerts go out without it."""
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
