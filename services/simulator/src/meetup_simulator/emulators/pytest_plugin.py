"""Fixtures with the emulators: one process a session, and fresh names in it for each test."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from meetup_simulator.emulators import cloud_storage as gcs
from meetup_simulator.emulators.process import EmulatorProcess


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
