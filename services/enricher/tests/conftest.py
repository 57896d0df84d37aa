"""Real parts: a SQLite file, an HTTP server that answers as Meetup does, the service in this process or in its own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from meetup_enricher.api import create_app
from meetup_enricher.health import Health, WatchedDocuments
from meetup_enricher.metrics import Metrics
from meetup_enricher.service import Service
from meetup_enricher.settings import EnricherSettings
from meetupkit.api_server import ApiServer
from meetupkit.ops_server import OpsPages
from meetupkit.progress import Progress
from meetupkit.stores.documents_sqlite import SqliteDocuments

sys.path.append(str(Path(__file__).parents[3]))  # the root of the repository: enricher_doubles is imported from there
from services.enricher.tests.enricher_doubles import KEY, EnricherProcess, MeetupApi, Running, until

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is not a mistake
hypothesis.settings.load_profile("untimed")


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
    def run(*, body_seconds: float = 10, head_seconds: float = 10, **settings: str) -> Iterator[Running]:
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
        sqlite = SqliteDocuments(tmp_path / "documents.db", busy_seconds=0.2)
        store = WatchedDocuments(sqlite, health)
        store.check()
        service = Service(values, store=store, metrics=metrics, progress=progress, stopping=stopping)
        pages = OpsPages(metrics.registry, progress, health.not_ready, service.caveat)
        app = create_app(service.intakes, pages, body_seconds=body_seconds)
        server = ApiServer(
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
def enricher(tmp_path: Path) -> Iterator[Callable[[Mapping[str, str]], EnricherProcess]]:
    """Starts the real command with these settings beside those every one needs."""
    started: list[subprocess.Popen[bytes]] = []

    def start(settings: Mapping[str, str]) -> EnricherProcess:
        log = tmp_path / f"enricher-{len(started)}.log"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ENRICHER_")}
        environ |= {
            "ENRICHER_API_KEY": KEY,
            "ENRICHER_DOCUMENTS": f"sqlite:///{tmp_path}/documents.db",
            "ENRICHER_PORT": "0",
            **settings,
        }
        with log.open("wb") as sink:
            process = subprocess.Popen([sys.executable, "-m", "meetup_enricher"], env=environ, stderr=sink)
        started.append(process)
        running = EnricherProcess(process, log, "")

        def port() -> int:
            assert process.poll() is None, log.read_text()
            whole = log.read_text().rpartition("\n")[0].splitlines()
            events = [json.loads(line) for line in whole if line.startswith("{")]
            return next((event["port"] for event in events if event.get("event") == "listening"), 0)

        running.url = f"http://127.0.0.1:{until(port, 'the port')}"
        return running

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
