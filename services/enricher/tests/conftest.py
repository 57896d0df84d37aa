"""Real parts: a SQLite file, an HTTP server that answers as Meetup does, the service in this process or in its own."""

import itertools
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from meetup_enricher.health import Health, WatchedDocuments
from meetup_enricher.http.app import create_app
from meetup_enricher.metrics import Metrics
from meetup_enricher.service import Service
from meetup_enricher.settings import EnricherSettings
from meetup_testkit.service_process import ServiceProcess
from meetupkit.http.server import HttpServer
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

sys.path.append(str(Path(__file__).parents[3]))  # the root of the repository: enricher_doubles is imported from there
from services.enricher.tests.enricher_doubles import KEY, MeetupApi, Running


@pytest.fixture
def meetup() -> Iterator[MeetupApi]:
    api = MeetupApi()
    yield api
    api.close()


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[SqliteDocuments]:
    store = SqliteDocuments(tmp_path / "documents.db")
    yield store
    store.close()


@pytest.fixture
def running(tmp_path: Path, meetup: MeetupApi) -> Callable[..., Any]:
    """A context manager that runs the service; keyword arguments are settings, as the environment would have them."""

    @contextmanager
    def run(
        *, body_seconds: float = 60, head_seconds: float = 60, busy_seconds: float = 60, **settings: str
    ) -> Iterator[Running]:
        values = EnricherSettings.from_environ(
            {
                "ENRICHER_API_URL": meetup.url,
                "ENRICHER_API_KEY": KEY,
                "ENRICHER_DOCUMENTS": f"sqlite:///{tmp_path}/documents.db",
                "ENRICHER_LINGER_SECONDS": "0.05",
                **{f"ENRICHER_{name.upper()}": value for name, value in settings.items()},
            }
        )
        stopping, metrics, progress = threading.Event(), Metrics(), Progress()
        health = Health(metrics)
        sqlite = SqliteDocuments(tmp_path / "documents.db", busy_seconds=busy_seconds)
        store = WatchedDocuments(sqlite, health)
        store.check()
        service = Service(values, store=store, metrics=metrics, progress=progress, stopping=stopping)
        pages = OpsPages(metrics.registry, progress, health.not_ready, service.caveat)
        token = values.token.get_secret_value() if values.token else None
        app = create_app(service.acceptors, pages, body_seconds=body_seconds, token=token)
        server = HttpServer(
            app,
            host="127.0.0.1",
            port=0,
            connections=64,
            idle_seconds=30,
            drain_seconds=3,
            head_seconds=head_seconds,
        )
        server.start()
        service.start()
        try:
            yield Running(f"http://127.0.0.1:{server.port}", service, metrics, health, sqlite)
        finally:
            stopping.set()
            server.stop()
            server.join(10)
            service.stop(10)
            store.close()

    return run


@pytest.fixture
def enricher(tmp_path: Path) -> Iterator[Callable[[Mapping[str, str]], ServiceProcess]]:
    """Starts the real command with these settings beside those every one needs."""
    with ExitStack() as started:
        count = itertools.count()

        def start(settings: Mapping[str, str]) -> ServiceProcess:
            environ = {
                "ENRICHER_API_KEY": KEY,
                "ENRICHER_DOCUMENTS": f"sqlite:///{tmp_path}/documents.db",
                "ENRICHER_PORT": "0",
                **settings,
            }
            log = tmp_path / f"enricher-{next(count)}.log"
            return started.enter_context(ServiceProcess("meetup_enricher", environ, log))

        yield start
