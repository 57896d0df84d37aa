"""The whole service, put together from its settings and a document store."""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Final

from meetupkit.http.asgi import AsgiApp
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress
from meetupkit.stores.documents import DocumentStore
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from meetup_alert_webhook.delivery.channels import Routes, read_routes
from meetup_alert_webhook.delivery.claims import Claims
from meetup_alert_webhook.delivery.deliver import Delivery
from meetup_alert_webhook.delivery.local import LocalMemory
from meetup_alert_webhook.delivery.rate import RateLimiter
from meetup_alert_webhook.delivery.strategies import Local, Shared
from meetup_alert_webhook.digest.outbox import Outbox
from meetup_alert_webhook.digest.worker import Digester
from meetup_alert_webhook.http import app, credentials
from meetup_alert_webhook.http.certificates import Certificates
from meetup_alert_webhook.http.credentials import Check
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.model import Source
from meetup_alert_webhook.settings import AlertWebhookSettings
from meetup_alert_webhook.slack.client import IncomingWebhooks, Slack, WebApi
from meetup_alert_webhook.slack.sender import Sender
from meetup_alert_webhook.watchdog import BeatRecord, Heartbeat

log = logging.getLogger(__name__)

ALERTMANAGER_PATH: Final = "/v1/alertmanager"
LOG_EXPORT_PATH: Final = "/v1/log-export"
_JOIN_SECONDS: Final = 10.0
"""For the loops to end: one call of Slack or of the store, each limited by itself."""


class Service:
    """Owns the loops; ``app`` is the API. Raises ``RoutesError`` for a wrong route file."""

    def __init__(self, settings: AlertWebhookSettings, store: DocumentStore, *, version: str) -> None:
        registry = CollectorRegistry()
        self.metrics = Metrics(registry, version=version)
        self.stopping = threading.Event()
        self._settings = settings
        progress = Progress()
        replica = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        routes = routes_of(settings)
        rate = RateLimiter(
            seconds_per_message=settings.seconds_per_message,
            longest_wait=settings.direct_wait_seconds,
            clock=time.monotonic,
        )
        self._sender = Sender(slack_of(settings, routes), rate, self.metrics, stopping=self.stopping)
        claims = Claims(
            store,
            replica=replica,
            window_seconds=settings.deduplication_seconds,
            claim_seconds=settings.claim_seconds,
            clock=time.time,
        )
        outbox = Outbox(store, replica=replica, lease_seconds=settings.claim_seconds, clock=time.time)
        self._digester = Digester(
            outbox=outbox,
            claims=claims,
            sender=self._sender,
            rate=rate,
            metrics=self.metrics,
            progress=progress,
            first_seconds=settings.digest_seconds,
            longest_seconds=settings.digest_max_seconds,
        )
        memory = LocalMemory(settings.deduplication_seconds, time.monotonic)
        self._delivery = Delivery(
            routes=routes,
            shared=Shared(claims, outbox, memory, threads=self._sender.threads, stopping=self.stopping),
            local=Local(claims, memory, self.metrics),
            rate=rate,
            sender=self._sender,
            metrics=self.metrics,
            collects=self._digester.collects,
            queued=self._digester.notify,
            stopping=self.stopping,
        )
        self._heartbeat = Heartbeat(
            BeatRecord(store),
            self._delivery.deliver,
            self._sender,
            self.metrics,
            progress,
            relay_seconds=settings.heartbeat_seconds,
            silence_seconds=settings.silence_seconds,
            sent_so_far=lambda: self._delivery.sent,
            ping_url=_text(settings.ping_url),
            ping_seconds=settings.ping_seconds,
        )
        self._pages = OpsPages(registry, progress, self.not_ready)
        self.app = self._app()
        self._loops = [
            threading.Thread(target=loop.run, args=(self.stopping,), name=name, daemon=True)
            for name, loop in (("digests", self._digester), ("heartbeat", self._heartbeat))
        ]

    def start(self) -> None:
        """Start the loops."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Unready from now on; returns when the loops have put away what they hold."""
        self.stopping.set()
        for loop in self._loops:
            if loop.is_alive():
                loop.join(_JOIN_SECONDS)

    def watch(self) -> None:
        """One look of the heartbeat's watch, out of turn."""
        self._heartbeat.watch()

    def not_ready(self) -> str | None:
        """Why no alert can be taken now, in a sentence."""
        if self.stopping.is_set():
            return "the service is stopping"
        return self._sender.refusal

    def _app(self) -> AsgiApp:
        settings = self._settings
        limits = app.Limits(settings.body_limit_bytes, settings.body_seconds, settings.concurrent_requests)
        take_group = app.alertmanager_handler(
            self._delivery.deliver, self._heartbeat, self.metrics, heartbeat_alert=settings.heartbeat_alert
        )
        intakes: Mapping[str, app.Intake] = {
            ALERTMANAGER_PATH: app.Intake(Source.ALERTMANAGER, alertmanager_check(settings), take_group),
            LOG_EXPORT_PATH: app.Intake(
                Source.LOG_EXPORT,
                log_export_check(settings),
                app.log_export_handler(self._delivery.deliver, self.metrics),
            ),
        }
        return app.build(intakes, limits, self.metrics, self._pages)


def routes_of(settings: AlertWebhookSettings) -> Routes:
    """The route file, or everything to the one channel there is."""
    if settings.routes is None:
        return Routes.only(settings.default_channel)
    return read_routes(settings.routes, incoming_webhook=settings.slack_url is not None)


def slack_of(settings: AlertWebhookSettings, routes: Routes) -> Slack:
    """Slack by incoming webhooks or by its Web API, whichever is set."""
    if settings.slack_token:
        token = settings.slack_token.get_secret_value()
        return WebApi(settings.slack_api_url, token, timeout=settings.slack_timeout_seconds)
    own = {channel: url.get_secret_value() for channel, url in (routes.webhooks or {}).items()}
    return IncomingWebhooks(
        {routes.default: _text(settings.slack_url) or "", **own}, timeout=settings.slack_timeout_seconds
    )


def alertmanager_check(settings: AlertWebhookSettings) -> Check:
    """Bearer token or basic auth; nobody without either, unless that is allowed."""
    if settings.token or settings.basic_password:
        return credentials.shared_secret(
            token=_text(settings.token), user=settings.basic_user, password=_text(settings.basic_password)
        )
    return _without_credentials(settings, ALERTMANAGER_PATH)


def log_export_check(settings: AlertWebhookSettings) -> Check:
    """Pub/Sub's OIDC token; nobody without it, unless that is allowed."""
    if settings.oidc_audience:
        # Here, because google-auth and its cryptography are 50 ms of a start, and who has no log export needs neither.
        from meetup_alert_webhook.http.oidc import PushTokens

        certificates = Certificates(settings.oidc_certificates_url)
        tokens = PushTokens(certificates, audience=settings.oidc_audience, email=settings.oidc_email)
        return credentials.signed_by(tokens)
    return _without_credentials(settings, LOG_EXPORT_PATH)


def _without_credentials(settings: AlertWebhookSettings, path: str) -> Check:
    if not settings.allow_unauthenticated:
        return credentials.nobody
    log.warning("%s takes alerts from anyone", path, extra={"event": "unauthenticated_allowed"})
    return credentials.anybody


def _text(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
