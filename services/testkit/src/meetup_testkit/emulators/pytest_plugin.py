"""Fixtures with the emulators: one process a session, and fresh names in it for each test."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from meetup_testkit.emulators import cloud_storage as gcs
from meetup_testkit.emulators import firestore as fs
from meetup_testkit.emulators.process import EmulatorProcess


@dataclass(frozen=True)
class Bucket:
    """A bucket of the running emulator, which ``STORAGE_EMULATOR_HOST`` names while the test runs."""

    name: str
    emulator: gcs.CloudStorageEmulator

    @property
    def url(self) -> str:
        """For ``open_objects``."""
        return f"gs://{self.name}"

    @property
    def process(self) -> EmulatorProcess:
        """To stop, start, pause and resume; the fixture sets right what a test leaves stopped."""
        return self.emulator.process


@pytest.fixture(scope="session")
def cloud_storage_emulator() -> Iterator[gcs.CloudStorageEmulator]:
    """The process of the session."""
    program = gcs.find_program()
    if program is None:
        pytest.skip(gcs.ABSENT)
    with gcs.CloudStorageEmulator(program) as emulator:
        yield emulator


@pytest.fixture
def cloud_storage(
    cloud_storage_emulator: gcs.CloudStorageEmulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucket]:
    """A new bucket in Cloud Storage's emulator."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", cloud_storage_emulator.host)
    cloud_storage_emulator.process.start()
    yield Bucket(cloud_storage_emulator.create_bucket(), cloud_storage_emulator)
    cloud_storage_emulator.process.resume()
    cloud_storage_emulator.process.start()


@dataclass(frozen=True)
class FirestoreProject:
    """A project of the running emulator, which ``FIRESTORE_EMULATOR_HOST`` names while the test runs."""

    name: str
    emulator: fs.FirestoreEmulator

    @property
    def url(self) -> str:
        """For ``open_documents``."""
        return f"firestore://{self.name}"

    @property
    def process(self) -> EmulatorProcess:
        """To pause and resume; stopped, it forgets the documents of every test."""
        return self.emulator.process


@pytest.fixture(scope="session")
def firestore_emulator() -> Iterator[fs.FirestoreEmulator]:
    """The process of the session."""
    command = fs.find_command()
    if isinstance(command, str):
        pytest.skip(command)
    with fs.FirestoreEmulator(command) as emulator:
        yield emulator


@pytest.fixture
def firestore(firestore_emulator: fs.FirestoreEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[FirestoreProject]:
    """A new, empty project in Firestore's emulator."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator.host)
    firestore_emulator.start()
    yield FirestoreProject(f"meetup-{uuid.uuid4().hex[:12]}", firestore_emulator)
    firestore_emulator.process.resume()
    firestore_emulator.start()
