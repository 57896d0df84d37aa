"""World history = emitted history, over seeds; by day a few, ``SEEDS=1000`` for the long run."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meetup_gateway.polling.context import Options
from meetup_simulator.graphql_api.living_world import Size

from services.gateway.tests.gateway_world import EPOCH, Gateway, Meetup, follow_all
from services.gateway.tests.oracle import assert_history

SEEDS = int(os.environ.get("SEEDS", "3"))
HOUR = 3600
FLOOR = 300.0
LEAST = int(2 * FLOOR + 120) * 1000
"""A state is seen by the next sweep, and its answers by the read that follows it."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """In memory, if the machine has such a place: a thousand databases are synced here."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with TemporaryDirectory(dir=place) as name:
        yield Path(name)


def lived(folder: Path, seed: int, *, hours: float = 4, **dials: Any) -> tuple[Meetup, Gateway]:
    path = folder / "gateway.db"
    for file in folder.iterdir():
        file.unlink()
    meetup = Meetup(seed, Size(groups=2, members=20, events_per_group=2, changes_per_hour=8), price="H1", **dials)
    gateway = Gateway(meetup, path, follow_all(meetup), options=Options(floor_seconds=FLOOR))
    gateway.wait(hours * HOUR)
    return meetup, gateway


@pytest.mark.timeout(120 + 60 * SEEDS)
@settings(max_examples=SEEDS, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32))
def test_what_outlived_one_interval_is_told_once_and_nothing_is_invented(folder: Path, seed: int) -> None:
    meetup, gateway = lived(folder, seed)
    emitted = {feed: gateway.emitted(feed) for feed in ("open_events", "rsvps")}
    gateway.close()
    end = int(meetup.now() * 1000)
    meetup.world.advance(end)
    assert_history(meetup.world, emitted, start=EPOCH, end=end, least=LEAST)
