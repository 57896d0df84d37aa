"""``meetup-feed-operator``: wiring only."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Final

import kopf
from meetupkit import logs
from meetupkit.http.ops_server import OpsServer
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress

from meetup_feed_operator import kopf_logs
from meetup_feed_operator.announce import Announcer
from meetup_feed_operator.api import KubeApi
from meetup_feed_operator.apply import Applier
from meetup_feed_operator.cluster import Cluster
from meetup_feed_operator.handlers import kopf_settings, kube_login, registry
from meetup_feed_operator.kinds import watched_kinds
from meetup_feed_operator.loops import Resync, Worker
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.pod_pages import PodPages
from meetup_feed_operator.reconcile import Reconciler
from meetup_feed_operator.settings import EVERY_NAMESPACE, OperatorSettings
from meetup_feed_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

_WATCH_AGAIN_SECONDS: Final = 5.0
"""Between two set-ups of the watches; the resync works meanwhile."""
_HEALED_SECONDS: Final = 300.0
"""Watches that lived longer than this ended by an accident, which setting up anew mends; others need a person."""


def main() -> None:
    settings = OperatorSettings.or_exit(os.environ)
    logs.configure("feed-operator", version=version("meetup-feed-operator"), level=settings.log_level)
    kopf_logs.tame()
    asyncio.run(operate(settings))


async def operate(settings: OperatorSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    metrics, progress, cluster, queue = Metrics(), Progress(), Cluster(), WorkQueue()
    kinds = watched_kinds(settings)
    stopping = asyncio.Event()
    _stop_on_signals(stopping)
    async with (
        KubeApi(kube_login, metrics, request_seconds=settings.request_seconds) as api,
        contextlib.aclosing(PodPages(metrics)) as pages,
    ):
        resync = Resync(settings, kinds, api, cluster, queue, metrics, progress)
        announcer = Announcer(api, metrics, instance=socket.gethostname())
        reconciler = Reconciler(settings, cluster, api, Applier(api, cluster, metrics), pages, announcer)
        workers = [
            Worker(f"worker {n}", queue, reconciler, metrics, progress, request_seconds=settings.request_seconds)
            for n in range(settings.workers)
        ]

        def not_ready() -> str | None:
            return "stopping" if stopping.is_set() else resync.not_ready()

        ops = OpsPages(metrics.registry, progress, not_ready)
        with OpsServer(ops, host=settings.host, port=settings.port) as server:
            log.info("listening on %s:%d", settings.host, server.port, extra={"event": "listening"})

            async def watch() -> None:
                await kopf.operator(
                    registry=registry(kinds, cluster, queue, metrics, kube_login),
                    settings=kopf_settings(kinds),
                    clusterwide=settings.namespace == EVERY_NAMESPACE,
                    namespaces=[] if settings.namespace == EVERY_NAMESPACE else [settings.namespace],
                    standalone=True,
                )

            tasks = [asyncio.create_task(resync.run(), name="resync")]
            await _first(stopping.wait(), resync.listed.wait())  # before, there is nothing to compare with
            tasks += [asyncio.create_task(worker.run()) for worker in workers]
            await _watch_until(stopping, watch, metrics)
            stopping.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    log.info("stopped", extra={"event": "stopped"})


async def _watch_until(stopping: asyncio.Event, watch: Callable[[], Awaitable[None]], metrics: Metrics) -> None:
    """kopf's watches until a signal, which kopf then takes; set up anew if they end by an error."""
    while not stopping.is_set():
        since = time.monotonic()
        try:
            await watch()
        except Exception:  # what a watch can die of is kopf's own and has no common type
            metrics.watch_failures.inc()
            log.log(
                logging.WARNING if time.monotonic() - since > _HEALED_SECONDS else logging.ERROR,
                "the watches ended and are set up anew",
                exc_info=True,
                extra={"event": "watches_ended"},
            )
            _stop_on_signals(stopping)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _WATCH_AGAIN_SECONDS)
        else:
            return


async def _first(*waits: Awaitable[object]) -> None:
    """Return when one of them has happened."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _stop_on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


if __name__ == "__main__":
    main()
