"""The pipeline on each pair of back ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from meetup_testkit.emulators.pytest_plugin import Bucket, FirestoreProject
from meetup_testkit.pipeline import Pipeline, Stores
from meetup_testkit.simulator_process import SimulatorProcess


@pytest.fixture
def local(tmp_path: Path) -> Stores:
    """A directory and a SQLite file."""
    return Stores(f"file://{tmp_path}/objects", f"sqlite:///{tmp_path}/documents.sqlite")


@pytest.fixture
def google(cloud_storage: Bucket, firestore: FirestoreProject) -> Stores:
    """Cloud Storage and Firestore, which are emulators; the fixtures have set the variables that say so."""
    return Stores(cloud_storage.url, firestore.url)


@pytest.fixture(params=["local", "google"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Each pair in turn."""
    pair: Stores = request.getfixturevalue(request.param)
    return pair


@pytest.fixture
def run_pipeline(tmp_path: Path) -> Iterator[Callable[[Stores, SimulatorProcess], Pipeline]]:
    """Pipelines whose processes are gone at the end of the test."""
    with ExitStack() as running:
        yield lambda stores, meetup: running.enter_context(Pipeline(tmp_path, stores, meetup))
