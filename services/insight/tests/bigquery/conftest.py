"""The emulator of BigQuery, and datasets in it."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client
from meetup_testkit.emulators.process import EmulatorProcess

from services.insight.tests.bigquery.parts import PROJECT, emulator

MakeDataset = Callable[[], str]


@pytest.fixture(scope="session")
def bigquery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """Started once; a session's tests have datasets of their own in it."""
    with emulator(tmp_path_factory.mktemp("bigquery")) as running:
        yield running


@pytest.fixture
def made_dataset(bigquery: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> MakeDataset:
    """Makes an empty dataset and returns its URL; clients of this process find the emulator."""
    host = f"http://127.0.0.1:{bigquery.port}"
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", host)

    def make() -> str:
        name = f"d{secrets.token_hex(4)}"
        client = Client(PROJECT, AnonymousCredentials())
        client.create_dataset(name)
        client.close()
        return f"bigquery://{PROJECT}/{name}"

    return make
