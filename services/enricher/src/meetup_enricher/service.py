"""The parts of the service, put together: for each kind an intake, a queue and a worker; one gate for both."""

import logging
import threading
import time

from meetupkit.progress import Progress
from meetupkit.stores.documents import DocumentStore

from meetup_enricher.arrivals import Arrivals
from meetup_enricher.backlog import BacklogWatch
from meetup_enricher.breaker import Breaker
from meetup_enricher.gate import Gate
from meetup_enricher.intake import Intake
from meetup_enricher.kinds import GROUPS, MEMBERS
from meetup_enricher.lookup import Lookup
from meetup_enricher.metrics import Metrics
from meetup_enricher.pace import Pacer
from meetup_enricher.profiles import Shelf
from meetup_enricher.queue import Queue
from meetup_enricher.rest import RestApi
from meetup_enricher.settings import EnricherSettings
from meetup_enricher.settle import Settlement
from meetup_enricher.worker import Insistence, Worker

log = logging.getLogger(__name__)


class Service:
    """Everything but the HTTP API; ``intakes`` are its door, by the name of their kind."""

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
        self._gate = Gate(
            breaker=Breaker(
                failures=settings.breaker_failures,
                longest_seconds=settings.breaker_seconds,
                refused_seconds=settings.refused_seconds,
            ),
            pacer=Pacer(),
            metrics=metrics,
            stopping=stopping,
        )
        self.intakes: dict[str, Intake] = {}
        self._workers: list[Worker] = []
        self._arrivals: list[Arrivals] = []
        self._apis: list[RestApi] = []
        for shelf in (
            Shelf(MEMBERS, settings.members_collection, settings.members_prefix),
            Shelf(GROUPS, settings.groups_collection, settings.groups_prefix),
        ):
            self._add(shelf)
        self._threads = [
            threading.Thread(target=worker.run, name=f"worker-{name}", daemon=True)
            for name, worker in zip(self.intakes, self._workers, strict=True)
        ]
        queues = {name: intake.queue for name, intake in self.intakes.items()}
        watch = BacklogWatch(queues, metrics=metrics, stopping=stopping)
        self._threads.append(threading.Thread(target=watch.run, name="backlog", daemon=True))

    def caveat(self) -> str | None:
        """What hinders the look-ups although ids are taken in, in a sentence, or ``None``."""
        refusal = self._gate.refusal
        return f"Meetup refuses every call, ids stay queued: {refusal}" if refusal else None

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float) -> None:
        """End the workers within so many seconds; a batch still in hand then is given back. ``stopping`` is set."""
        for arrivals in self._arrivals:
            arrivals.close()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for worker in self._workers:
            worker.release()
        for api in self._apis:
            api.close()

    def _add(self, shelf: Shelf) -> None:
        settings, metrics, name = self._settings, self._metrics, shelf.kind.name
        queue = Queue(self._store, shelf, lease_seconds=settings.lease_seconds)
        arrivals = Arrivals()
        insist = Insistence(name, progress=self._progress, metrics=metrics, stopping=self._stopping)
        api = RestApi(
            url=settings.api_url,
            key=settings.api_key,
            call_seconds=settings.call_seconds,
            observe=self._gate.observe,
            metrics=metrics,
        )
        self.intakes[name] = Intake(
            store=self._store,
            shelf=shelf,
            queue=queue,
            fresh_seconds=settings.fresh_seconds,
            arrivals=arrivals,
            metrics=metrics,
        )
        worker = Worker(
            kind=shelf.kind,
            queue=queue,
            lookup=Lookup(
                kind=shelf.kind,
                api=api,
                gate=self._gate,
                call_seconds=settings.call_seconds,
                metrics=metrics,
                waiting=insist.waiting,
            ),
            settlement=Settlement(
                shelf=shelf,
                queue=queue,
                secret=settings.api_key.get_secret_value(),
                missing_seconds=settings.missing_seconds,
                metrics=metrics,
                commit=lambda writes: insist.on("commit", lambda: self._store.commit(writes)),
            ),
            gate=self._gate,
            arrivals=arrivals,
            insist=insist,
            linger_seconds=settings.linger_seconds,
            metrics=metrics,
            stopping=self._stopping,
        )
        self._workers.append(worker)
        self._arrivals.append(arrivals)
        self._apis.append(api)
