"""The parts, put together over one file: a poller, what it asks with, and what serves."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from meetupkit.errors import StoreRefused, StoreUnavailable
from meetupkit.http.client import HttpClient
from meetupkit.progress import Progress

from meetup_gateway.durations import SECOND_MS
from meetup_gateway.follow import Follow
from meetup_gateway.ical.calendar_poller import CalendarPoller
from meetup_gateway.metrics import Metrics
from meetup_gateway.parts import client_of, credentials_of, options_of, people_of
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.poller import Poller
from meetup_gateway.serving.app import App
from meetup_gateway.serving.lookups import Lookups
from meetup_gateway.serving.rest import Rest
from meetup_gateway.serving.streams import Streams
from meetup_gateway.serving.wakeup import Wakeup
from meetup_gateway.settings import GatewaySettings
from meetup_gateway.source.api import Api
from meetup_gateway.source.budget import Budget, Price
from meetup_gateway.source.watch import ApiWatch
from meetup_gateway.storage.database import open_database
from meetup_gateway.storage.lease import Lease
from meetup_gateway.storage.log import Log
from meetup_gateway.storage.meta import Meta
from meetup_gateway.storage.profiles import Profiles
from meetup_gateway.storage.state import State
from meetup_gateway.storage.tidying import Tidying

log = logging.getLogger(__name__)

_POLL_LATE_SECONDS: Final = 300.0
"""A step of the poller: some calls of half a minute each."""
_FEEDS_ABSENT: Final = "event_comments is silent: Meetup removed comments from its API"


class Service:
    """Everything but the HTTP server and the signals."""

    def __init__(
        self, settings: GatewaySettings, follow: Follow, *, progress: Progress, stopping: threading.Event
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._stopping = stopping
        self.metrics = Metrics()
        self.wakeup = Wakeup()
        self._file = open_database(settings.path)
        self._meta = Meta(self._file)
        self._log = Log(self._file)
        self._lease = Lease(self._file, f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}")
        self._people = people_of(settings, self._meta)
        self._state = State(self._file, self._people, self._lease)
        self._budget = Budget(
            self._meta.budget(Price(0, settings.points_per_root_field)), points=settings.points_per_minute
        )
        self._watch = ApiWatch(self.metrics, removed=self._meta.removed_fields(), keep_removed=self._meta.keep_removed)
        self._clients: list[HttpClient] = []
        self._tidying = Tidying(
            self._meta,
            self._log,
            self._budget,
            self.metrics,
            log_days=settings.log_days,
            member_days=settings.member_days,
            now=time.time,
        )
        self._credentials = credentials_of(settings, self._client(), self._meta)
        self._asks = follow.asks_the_api and settings.has_credentials
        self._poller = Poller(self._context(), follow, self._lease, self._budget) if self._asks else None
        calendars = follow.calendars if settings.ical else ()
        self._calendars = (
            CalendarPoller(self._context(), calendars, self._lease, self._client(), settings.ical_url)
            if calendars
            else None
        )
        self._threads = [
            threading.Thread(target=self._loop, args=(name, step), name=name, daemon=True)
            for name, step in self._steps()
        ]

    def app(self) -> App:
        """What is served."""
        streams = Streams(
            self._log,
            self.wakeup,
            self.metrics,
            heartbeat=self._settings.heartbeat_seconds,
            most=self._settings.connections,
        )
        rest = Rest(
            Profiles(self._file),
            Lookups(self._context()) if self._asks else None,
            self.metrics,
            key=self._settings.key.get_secret_value(),
            profile_age=int(self._settings.profile_seconds * SECOND_MS),
            now=lambda: int(time.time() * SECOND_MS),
        )
        return App(streams, rest)

    def not_ready(self) -> str | None:
        """Why records do not flow, in a sentence, or ``None``."""
        if self._stopping.is_set():
            return "stopping"
        return self._watch.refusal or (self._poller.why_not if self._poller else None)

    def caveat(self) -> str:
        """What does not work although the rest does."""
        parts = [_FEEDS_ABSENT]
        if self._watch.outage and self._poller:
            parts.append(f"Meetup does not answer now ({self._watch.outage})")
        if self._watch.removed:
            parts.append(f"Meetup's API lost {', '.join(sorted(self._watch.removed))}")
        if self._poller and self._poller.missing:
            parts.append(f"nothing is found for {', '.join(sorted(self._poller.missing)[:5])}")
        return "; ".join(parts)

    def start(self) -> None:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float) -> None:
        """End within so many seconds; ``stopping`` is set."""
        self.wakeup.stop()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for client in self._clients:
            client.close()
        try:
            self._meta.keep_budget(self._budget.state)
            self._lease.release()
        except (StoreUnavailable, StoreRefused) as error:
            log.warning("the lease is not given back: %s", error, extra={"event": "store_unavailable"})
        self._file.close()

    def _steps(self) -> list[tuple[str, Callable[[], float]]]:
        steps: list[tuple[str, Callable[[], float]]] = [("tidy", self._tidying.step)]
        if self._poller:
            steps.append(("poller", self._poller.step))
        if self._calendars:
            steps.append(("calendars", self._calendars.step))
        return steps

    def _loop(self, name: str, step: Callable[[], float]) -> None:
        while not self._stopping.is_set():
            self._progress.moving(name, _POLL_LATE_SECONDS)
            seconds = step()
            self._progress.moving(name, seconds + _POLL_LATE_SECONDS)
            self._stopping.wait(seconds)
        self._progress.ended(name)

    def _context(self) -> Context:
        api = Api(
            url=self._settings.api_url,
            exchange=self._client().send,
            credentials=self._credentials,
            budget=self._budget,
            watch=self._watch,
            now=time.time,
            seconds=self._settings.call_seconds,
        )
        return Context(
            api,
            self._watch,
            self._state,
            self._meta,
            self.metrics,
            options_of(self._settings),
            time.time,
            self.wakeup.announce,
        )

    def _client(self) -> HttpClient:
        client = client_of(self._settings)
        self._clients.append(client)
        return client
