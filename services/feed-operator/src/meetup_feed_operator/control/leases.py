"""Who serves the feeds of a namespace, by a Lease in it: two operators of other settings would undo each other's work.

The holder is named by the settings that go into the feeds' objects. So equal replicas share a lease, since both do the
same; a second release, an operator of all namespaces beside one of this namespace, or an older version of the settings
stands by until the lease is released or has not been renewed for its time.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from meetupkit.foreign_text import printable
from meetupkit.limited_log import LimitedLog
from meetupkit.progress import Progress

from meetup_feed_operator.control.workqueue import WorkQueue
from meetup_feed_operator.kubernetes.cache import Cache
from meetup_feed_operator.kubernetes.client import ApiRefused, ApiUnavailable, KubeApi
from meetup_feed_operator.kubernetes.kinds import LEASE
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.resources.meetupfeed import Manifest
from meetup_feed_operator.resources.names import OPERATOR
from meetup_feed_operator.settings import EVERY_NAMESPACE, OperatorSettings

log = logging.getLogger(__name__)
_limited = LimitedLog(log)

_DURATION_SECONDS: Final = 15
"""As client-go's leader election: how long a lease counts after its holder has died without a word."""
_RENEW_SECONDS: Final = 5.0
_RELEASE_SECONDS: Final = 1.0
"""An API server that does not answer must not hold up the end."""
_UNCHANGING: Final = frozenset(
    {"host", "port", "log_level", "resync_seconds", "status_seconds", "workers", "request_seconds"}
)
"""Settings that no object of a feed shows: operators that differ in them do the same work."""
_DIGEST: Final = 12


@dataclass(slots=True)
class _Seen:
    """A namespace's lease as it was last seen; ``since`` is when it was first seen so."""

    holds: bool | None = None
    holder: str = ""
    renewed: object = None
    since: float = field(default=0.0)


class Leases:
    """Keeps the leases of all namespaces that hold feeds."""

    def __init__(
        self,
        settings: OperatorSettings,
        api: KubeApi,
        cache: Cache,
        queue: WorkQueue,
        metrics: Metrics,
        progress: Progress,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._cache = cache
        self._queue = queue
        self._metrics = metrics
        self._progress = progress
        self._clock = clock
        self._everywhere = settings.namespace == EVERY_NAMESPACE
        self._request_seconds = settings.request_seconds
        self.identity = identity_of(settings)
        self._seen: dict[str, _Seen] = {}
        self._asked = asyncio.Event()

    def serves(self, namespace: str) -> bool | None:
        """Whether this operator serves the namespace; ``None`` as long as that is not known."""
        if namespace not in self._seen:
            self._seen[namespace] = _Seen()
            self._asked.set()
        return self._seen[namespace].holds

    def not_ready(self) -> str | None:
        """Who else serves the only namespace of this operator."""
        for namespace, seen in self._seen.items():
            if seen.holds is False and not self._everywhere:
                return f"the MeetupFeeds of namespace {namespace} are served by {seen.holder}; this operator stands by"
        return None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._asked.clear()
            wanted = {namespace for namespace, _ in self._cache.feeds()} | {n for n, s in self._seen.items() if s.holds}
            for namespace in sorted(wanted):
                self._progress.moving("leases", within=3 * _RENEW_SECONDS + 4 * self._request_seconds)
                await self._try(namespace)
            self._metrics.standby.set(sum(seen.holds is False for seen in self._seen.values()))
            self._progress.moving("leases", within=3 * _RENEW_SECONDS + 4 * self._request_seconds)
            try:
                async with asyncio.timeout(_RENEW_SECONDS):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def release(self) -> None:
        """Let the next operator begin at once; a lease that cannot be released runs out."""
        held = [namespace for namespace, seen in self._seen.items() if seen.holds and seen.holder == self.identity]
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await asyncio.gather(*map(self._release, held))
        except TimeoutError:
            log.debug("leases were not released in time", extra={"event": "lease"})

    async def _release(self, namespace: str) -> None:
        try:
            await self._api.patch(LEASE, namespace, OPERATOR, [_set("holderIdentity", "")])
        except (ApiUnavailable, ApiRefused) as error:
            log.debug("the lease of %s was not released: %s", namespace, error, extra={"event": "lease"})

    async def _try(self, namespace: str) -> None:
        seen = self._seen.setdefault(namespace, _Seen())
        try:
            holds = await self._acquire(namespace, seen)
        except ApiRefused as error:
            if error.status == 404 or error.terminating:  # the namespace is gone or going
                self._seen.pop(namespace)
                return
            extra = {"event": "lease_refused", "namespace": namespace}
            _limited.warning("lease", "feeds are served without a lease: %s", error, extra=extra)
            holds = True
        except ApiUnavailable:  # an operator that cannot renew cannot write either; who comes next waits out the time
            return
        if holds != seen.holds:
            seen.holds = holds
            self._tell(namespace, seen)

    async def _acquire(self, namespace: str, seen: _Seen) -> bool:
        lease = await self._api.find(LEASE, namespace, OPERATOR)
        if lease is None:
            await self._api.create(LEASE, self._body(namespace))
            seen.holder = self.identity
            return True
        spec = lease.get("spec") or {}
        self._note(seen, spec)
        if seen.holder == self.identity:
            if self._clock() - seen.since >= _RENEW_SECONDS / 2 or seen.holds is None:
                await self._renew(namespace, lease)
            return True
        if seen.holder and self._clock() - seen.since < _DURATION_SECONDS:
            return False
        await self._renew(namespace, lease)
        seen.holder = self.identity
        return True

    def _note(self, seen: _Seen, spec: Manifest) -> None:
        """Note a change: a lease expires by this clock alone, counted from its last change seen here."""
        holder = printable(str(spec.get("holderIdentity") or ""), 100)
        if (holder, spec.get("renewTime")) != (seen.holder, seen.renewed):
            seen.holder, seen.renewed, seen.since = holder, spec.get("renewTime"), self._clock()

    async def _renew(self, namespace: str, lease: Manifest) -> None:
        """Raises ``ApiUnavailable`` if somebody else was faster."""
        version = lease["metadata"]["resourceVersion"]
        operations = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            _set("holderIdentity", self.identity),
            _set("leaseDurationSeconds", _DURATION_SECONDS),
            _set("renewTime", _now()),
        ]
        await self._api.patch(LEASE, namespace, OPERATOR, operations)

    def _body(self, namespace: str) -> Manifest:
        spec = {"holderIdentity": self.identity, "leaseDurationSeconds": _DURATION_SECONDS, "renewTime": _now()}
        meta = {"name": OPERATOR, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "meetup-analysis"}}
        return {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": meta, "spec": spec}

    def _tell(self, namespace: str, seen: _Seen) -> None:
        if seen.holds:
            for key in [key for key in self._cache.feeds() if key[0] == namespace]:
                self._queue.wake(key)
            log.info("serving namespace %s", namespace, extra={"event": "lease_acquired", "namespace": namespace})
            return
        log.warning(
            "the MeetupFeeds of namespace %s are served by %s; this operator stands by",
            namespace,
            seen.holder,
            extra={"event": "lease_standby", "namespace": namespace, "holder": seen.holder},
        )


def identity_of(settings: OperatorSettings) -> str:
    """The same for operators that make the same objects, another for all others."""
    shown = settings.model_dump_json(exclude=set(_UNCHANGING))
    served = "all namespaces" if settings.namespace == EVERY_NAMESPACE else settings.namespace
    return f"{OPERATOR} of {served} {hashlib.sha256(shown.encode()).hexdigest()[:_DIGEST]}"


def _set(name: str, value: object) -> dict[str, Any]:
    return {"op": "add", "path": f"/spec/{name}", "value": value}


def _now() -> str:
    """A MicroTime, as Leases hold them."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
