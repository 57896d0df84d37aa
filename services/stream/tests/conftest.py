"""Real parts: a directory of objects, simulators of Meetup, and the stream as a process of its own."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from meetup_testkit.service_process import ServiceProcess, StartStream
from meetup_testkit.stored import Stored


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Where the streams of the test store rsvps."""
    return Stored(tmp_path / "objects", "rsvps")


@pytest.fixture
def start_stream(tmp_path: Path, stored: Stored) -> Iterator[StartStream]:
    """Every stream that it started is gone at the end of the test."""
    with ExitStack() as running:
        started = 0

        def start(url: str, **settings: str) -> ServiceProcess:
            nonlocal started
            started += 1
            environ: Mapping[str, str] = {
                "STREAM_FEED": "rsvps",
                "STREAM_URL": url,
                "STREAM_OBJECTS": f"file://{stored.directory}",
                "STREAM_PORT": "0",
                **settings,
            }
            return running.enter_context(ServiceProcess("meetup_stream", environ, tmp_path / f"stream-{started}.log"))

        yield start
