"""kopf as a watcher of one kind: its settings, and what it hands on.

Only event handlers, because they write nothing into the MeetupFeed: no finalizer (a feed can be deleted while no
operator runs), no progress and no last-seen annotation. A kopf timer would add a finalizer.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import kopf
from yarl import URL

from meetup_feed_operator.kubernetes.connection import open_session
from meetup_feed_operator.kubernetes.credentials import Credentials
from meetup_feed_operator.kubernetes.kinds import FEED, Kind
from meetup_feed_operator.resources.meetupfeed import GROUP
from meetup_feed_operator.resources.names import MANAGED, OPERATOR

_BACKOFFS: Final = (0.5, 1.0, 2.0)
"""Tries of kopf's own; then the watch ends, and ``Watch`` logs it and sets it up again."""
_IDLE_SECONDS: Final = 0.5
"""kopf keeps a task for each object this long after its last change; 5 s of its own are thousands in a mass start."""
_LOGIN_SECONDS: Final = 2.0
"""Between two log-ins: kopf logs in anew at each 401, as fast as the API server refuses."""


def registry(
    kind: Kind,
    credentials: Credentials,
    seen: Callable[[kopf.RawEvent], None],
    answered: Callable[[int], None],
) -> kopf.OperatorRegistry:
    """One handler of events, and one for credentials; ``answered`` hears the status of each answer to a watch."""
    handlers = kopf.OperatorRegistry()
    logged_in: list[float] = []

    @kopf.on.event(group=kind.group, version=kind.version, plural=kind.plural, registry=handlers, id=kind.plural)
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        seen(event)

    @kopf.on.login(registry=handlers, errors=kopf.ErrorsMode.PERMANENT)
    async def log_in(**_: Any) -> kopf.AiohttpSession:
        if logged_in:
            credentials.refused()
            await asyncio.sleep(max(0.0, logged_in[-1] + _LOGIN_SECONDS - time.monotonic()))
        logged_in.append(time.monotonic())
        connection = await asyncio.to_thread(credentials.connection)
        session = open_session(connection, credentials.headers, watch_answered)
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=session)

    def watch_answered(url: URL, status: int) -> None:
        if url.query.get("watch"):
            answered(status)

    return handlers


def kopf_settings(kind: Kind) -> kopf.OperatorSettings:
    """kopf as a watcher."""
    settings = kopf.OperatorSettings()
    if kind != FEED:
        settings.watching.label_selectors[(kind.group, kind.version, kind.plural)] = MANAGED
    settings.networking.error_backoffs = _BACKOFFS
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.scanning.disabled = True  # namespaces and CRDs are nothing it may list
    settings.posting.enabled = False  # events are ``kubernetes.events``'
    settings.posting.reporting_component = OPERATOR
    settings.peering.standalone = True  # two operators at once do the same thing twice, which changes nothing
    # Nothing is persisted by event handlers; should one of another sort be added, its marks bear our name, not kopf's.
    settings.persistence.finalizer = f"{GROUP}/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = _NoDiff()
    settings.queueing.idle_timeout = _IDLE_SECONDS
    # It would arm a SIGKILL for the whole process whenever a watch ends; the thread is a daemon instead.
    settings.process.ultimate_exiting_timeout = None
    return settings


class _NoDiff(kopf.DiffBaseStorage):
    """Event handlers ask for no differences: kopf copies each object twice at each event to find them."""

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:  # noqa: ARG002  (kopf's)
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002  (kopf's)
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Keeps nothing."""
