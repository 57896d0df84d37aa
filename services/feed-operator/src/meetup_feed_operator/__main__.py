"""``meetup-feed-operator``: wiring only."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable
from importlib.metadata import version

import kopf
from meetupkit import logs
from meetupkit.http.listening import exit_unless_listening
from meetupkit.http.ops_server import OpsServer
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress

from meetup_feed_operator.control import kopf_logs
from meetup_feed_operator.control.apply import Applier
from meetup_feed_operator.control.executor import DaemonThreads
from meetup_feed_operator.control.leases import Leases
from meetup_feed_operator.control.reconcile import Reconciler
from meetup_feed_operator.control.resync import Resync
from meetup_feed_operator.control.watches import Watch, watches_not_ready
from meetup_feed_operator.control.workers import Worker
from meetup_feed_operator.control.workqueue import WorkQueue
from meetup_feed_operator.kubernetes.cache import Cache
from meetup_feed_operator.kubernetes.client import KubeApi
from meetup_feed_operator.kubernetes.credentials import Credentials
from meetup_feed_operator.kubernetes.events import EventRecorder
from meetup_feed_operator.kubernetes.kinds import Kind, watched_kinds
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.settings import OperatorSettings
from meetup_feed_operator.status.scrape import Scraper

log = logging.getLogger(__name__)


def main() -> None:
    settings = OperatorSettings.or_exit(os.environ)
    logs.configure("feed-operator", version=version("meetup-feed-operator"), level=settings.log_level)
    kopf_logs.configure()
    if not asyncio.run(operate(settings)):
        sys.exit(1)


async def operate(settings: OperatorSettings) -> bool:
    """Run until SIGTERM or SIGINT; false if it ended by a bug, so that the kubelet starts it anew."""
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    metrics, progress, cache, queue = Metrics(), Progress(), Cache(settings.bucket), WorkQueue()
    credentials = Credentials()
    kinds = watched_kinds(settings)
    stopping = asyncio.Event()
    _stop_on_signals(stopping)
    async with (
        KubeApi(credentials, metrics, request_seconds=settings.request_seconds) as api,
        contextlib.aclosing(Scraper(metrics)) as scraper,
    ):
        resync = Resync(settings, kinds, api, cache, queue, metrics, progress)
        recorder = EventRecorder(api, metrics, instance=socket.gethostname())
        leases = Leases(settings, api, cache, queue, metrics, progress)
        reconciler = Reconciler(settings, cache, api, Applier(api, cache, metrics), scraper, recorder, leases)
        workers = [
            Worker(f"worker {n}", queue, reconciler, metrics, progress, request_seconds=settings.request_seconds)
            for n in range(settings.workers)
        ]

        def observe(kind: Kind, event: kopf.RawEvent) -> None:
            metrics.watch_events.labels(kind=kind.name).inc()
            if feed := cache.observe(kind, event["object"], gone=event["type"] == "DELETED"):
                queue.wake(feed)

        watches = [Watch(kind, settings, api, credentials, observe, metrics, progress) for kind in kinds]

        def not_ready() -> str | None:
            if stopping.is_set():
                return "stopping"
            return resync.not_ready() or watches_not_ready(watches) or leases.not_ready()

        pages = OpsPages(metrics.registry, progress, not_ready)
        with exit_unless_listening(settings.host, settings.port):
            server = OpsServer(pages, host=settings.host, port=settings.port)
        with server as ops:
            told = {"event": "listening", "port": ops.port}
            log.info("listening on %s:%d", settings.host, ops.port, extra=told)
            tasks = [asyncio.create_task(resync.run(), name="resync")]
            await _first(stopping.wait(), resync.listed.wait())  # before, there is nothing to compare with
            runs = (leases.run(), *(worker.run() for worker in workers), *(watch.run() for watch in watches))
            tasks += [asyncio.create_task(run) for run in runs]
            succeeded = await _all_run(tasks, stopping)
            stopping.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await leases.release()
    log.info("stopped", extra={"event": "stopped"})
    return succeeded


async def _all_run(tasks: list["asyncio.Task[None]"], stopping: asyncio.Event) -> bool:
    """Return when asked to stop, or when a task has ended, which none does but by a bug."""
    waiter = asyncio.create_task(stopping.wait())
    await asyncio.wait({waiter, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    ended = [task for task in tasks if task.done()]
    for task in ended:
        error = None if task.cancelled() else task.exception()
        log.critical("%s ended by a bug", task.get_name(), exc_info=error, extra={"event": "crash"})
    return not ended


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
