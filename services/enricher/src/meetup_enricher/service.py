"""The parts of the service, put together: for each kind an acceptor, a queue and a worker; one guard for both."""

import logging
import threading
import time

from meetupkit.progress import Progress
from meetupkit.stores.documents import DocumentStore

from meetup_enricher.kinds import GROUPS, MEMBERS, Collections
from meetup_enricher.meetup.breaker import Breaker
from meetup_enricher.meetup.client import MeetupClient
from meetup_enricher.meetup.guard import ApiGuard
from meetup_enricher.meetup.lookup import Lookup
from meetup_enricher.meetup.rate_limit import RateLimiter
from meetup_enricher.metrics import Metrics
from meetup_enricher.queueing.accept import Acceptor
from meetup_enricher.queueing.backlog import BacklogMonitor
from meetup_enricher.queueing.queue import Queue
from meetup_enricher.queueing.wakeup import Wakeup
from meetup_enricher.retrier import Retrier
from meetup_enricher.settings import EnricherSettings
from meetup_enricher.storage.results import ResultWriter
from meetup_enricher.worker import Worker

log = logging.getLogger(__name__)


class Service:
    """Everything but the HTTP API; ``acceptors`` take ids in, by the name of their kind."""

    def __init__(
        self,
        settings: EnricherSettings,
        *,
        store: DocumentStore,
        metrics: Metrics,
        progress: Progress,
        stopping: threading.Event,
    ) -> None:
        self._settings = settings
        self._store = store
        self._metrics = metrics
        self._progress = progress
        self._stopping = stopping
        self._guard = ApiGuard(
            breaker=Breaker(
                failures=settings.breaker_failures,
                longest_seconds=settings.breaker_seconds,
                refused_seconds=settings.refused_seconds,
            ),
            rate_limiter=RateLimiter(),
            metrics=metrics,
            stopping=stopping,
        )
        self.acceptors: dict[str, Acceptor] = {}
        self._workers: list[Worker] = []
        self._wakeup: list[Wakeup] = []
        self._apis: list[MeetupClient] = []
        for collections in (
            Collections(MEMBERS, settings.members_collection, settings.members_prefix),
            Collections(GROUPS, settings.groups_collection, settings.groups_prefix),
        ):
            self._add(collections)
        self._threads = [
            threading.Thread(target=worker.run, name=f"worker-{name}", daemon=True)
            for name, worker in zip(self.acceptors, self._workers, strict=True)
        ]
        queues = {name: acceptor.queue for name, acceptor in self.acceptors.items()}
        watch = BacklogMonitor(queues, metrics=metrics, stopping=stopping)
        self._threads.append(threading.Thread(target=watch.run, name="backlog", daemon=True))

    def caveat(self) -> str | None:
        """What hinders the look-ups although ids are taken in, in a sentence, or ``None``."""
        refusal = self._guard.refusal
        return f"Meetup refuses every call, ids stay queued: {refusal}" if refusal else None

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float) -> None:
        """End the workers within so many seconds; a batch still in hand then is given back. ``stopping`` is set."""
        for wakeup in self._wakeup:
            wakeup.close()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for worker in self._workers:
            worker.release()
        for api in self._apis:
            api.close()

    def _add(self, collections: Collections) -> None:
        settings, metrics, name = self._settings, self._metrics, collections.kind.name
        queue = Queue(self._store, collections, lease_seconds=settings.lease_seconds)
        wakeup = Wakeup()
        retrier = Retrier(name, progress=self._progress, metrics=metrics, stopping=self._stopping)
        api = MeetupClient(
            url=settings.api_url,
            key=settings.api_key,
            call_seconds=settings.call_seconds,
            observe=self._guard.observe,
            metrics=metrics,
        )
        self.acceptors[name] = Acceptor(
            store=self._store,
            collections=collections,
            queue=queue,
            fresh_seconds=settings.fresh_seconds,
            wakeup=wakeup,
            metrics=metrics,
        )
        worker = Worker(
            kind=collections.kind,
            queue=queue,
            lookup=Lookup(
                kind=collections.kind,
                api=api,
                guard=self._guard,
                call_seconds=settings.call_seconds,
                metrics=metrics,
                waiting=retrier.waiting,
            ),
            results=ResultWriter(
                collections=collections,
                queue=queue,
                secret=settings.api_key.get_secret_value(),
                missing_seconds=settings.missing_seconds,
                metrics=metrics,
                commit=lambda writes: retrier.call("commit", lambda: self._store.commit(writes)),
            ),
            guard=self._guard,
            wakeup=wakeup,
            retrier=retrier,
            linger_seconds=settings.linger_seconds,
            metrics=metrics,
            stopping=self._stopping,
        )
        self._workers.append(worker)
        self._wakeup.append(wakeup)
        self._apis.append(api)
