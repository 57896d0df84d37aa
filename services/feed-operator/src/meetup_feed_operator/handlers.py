"""What kopf calls. Each handler says which feed is to be looked at, and nothing more: the reconciler does the rest.

Only event handlers, because they write nothing into the MeetupFeed: no finalizer (a feed can be deleted while no
operator runs), no progress and no last-seen annotation. A kopf timer would add a finalizer.
"""

import asyncio
import os
from collections.abc import Iterator
from typing import Any, Final

import kopf

from meetup_feed_operator.api import Login
from meetup_feed_operator.cluster import Cluster
from meetup_feed_operator.kinds import FEED, Kind
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.names import MANAGED, OPERATOR
from meetup_feed_operator.resource import GROUP
from meetup_feed_operator.workqueue import WorkQueue

_BACKOFFS: Final = (0.5, 1, 2, 4, 8, 16, 32)


class _Endless:
    """kopf ends the operator when a list or a watch has failed as often as this is long: never."""

    def __iter__(self) -> Iterator[float]:
        yield from _BACKOFFS
        while True:
            yield _BACKOFFS[-1]


def kube_login() -> kopf.ConnectionInfo:
    """``KUBECONFIG``, else the pod's service account, else ``~/.kube/config``; raises ``kopf.LoginError``."""
    settings = kopf.OperatorSettings()
    logins = [kopf.login_with_service_account, kopf.login_with_kubeconfig]
    if os.environ.get("KUBECONFIG"):
        logins.reverse()
    info = logins[0](settings=settings) or logins[1](settings=settings)
    if info is None:
        raise kopf.LoginError("there is neither a service account nor a kubeconfig")
    return info


def registry(
    kinds: tuple[Kind, ...], cluster: Cluster, queue: WorkQueue, metrics: Metrics, login: Login
) -> kopf.OperatorRegistry:
    """All handlers of the operator."""
    handlers = kopf.OperatorRegistry()
    for kind in kinds:
        _watch(handlers, kind, cluster, queue, metrics)

    @kopf.on.login(registry=handlers)
    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return await asyncio.to_thread(login)

    return handlers


def _watch(handlers: kopf.OperatorRegistry, kind: Kind, cluster: Cluster, queue: WorkQueue, metrics: Metrics) -> None:
    @kopf.on.event(group=kind.group, version=kind.version, plural=kind.plural, registry=handlers, id=kind.plural)
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        metrics.watch_events.labels(kind=kind.name).inc()
        feed = cluster.observe(kind, event["object"], gone=event["type"] == "DELETED")
        if feed:
            queue.wake(feed)


def kopf_settings(kinds: tuple[Kind, ...]) -> kopf.OperatorSettings:
    """kopf as a watcher."""
    settings = kopf.OperatorSettings()
    for kind in kinds:
        if kind != FEED:
            settings.watching.label_selectors[(kind.group, kind.version, kind.plural)] = MANAGED
    settings.networking.error_backoffs = _Endless()
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.scanning.disabled = True  # namespaces and CRDs are nothing it may list
    settings.posting.enabled = False  # events are ``announce``'s
    settings.posting.reporting_component = OPERATOR
    settings.peering.standalone = True  # two operators at once do the same thing twice, which changes nothing
    # Nothing is persisted by event handlers; should one of another sort be added, its marks bear our name, not kopf's.
    settings.persistence.finalizer = f"{GROUP}/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    settings.process.ultimate_exiting_timeout = 20  # within the pod's grace period
    return settings
