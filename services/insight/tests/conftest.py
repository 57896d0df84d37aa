"""Stores as streams leave them, and builds over them."""

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from meetup_insight.settings import InsightSettings
from meetup_simulator.made_up.generators import generated
from meetup_simulator.made_up.world import World
from meetupkit.feeds import FEEDS
from meetupkit.records import Record, read_line
from meetupkit.stores import open_objects
from meetupkit.stores.objects.protocol import NewObject

KEY = "a key of thirty-two letters, yes"
START = 1_489_925_470_000


def lines_of(feed: str, count: int) -> list[bytes]:
    """Records as the simulator makes them, repeats and re-publications among them."""
    records = generated(feed, World(7), start=START, rate=1.0)
    return [line.rstrip(b"\n") for _, line in zip(range(count), records, strict=False)]


class Store:
    """An object store on this machine, filled in either layout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.as_uri()
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, body: bytes) -> None:
        """One object; there already is as good."""
        open_objects(self.url).create(NewObject(name, body, google_crc32c.value(body)))

    def put_records(self, feed: str, lines: Iterable[bytes]) -> None:
        """Layout ``records``."""
        for line in lines:
            record = read_line(FEEDS[feed], line)
            assert isinstance(record, Record)
            self.put(f"{feed}/{record.data_id}_{record.mtime}.json", line)

    def put_segment(self, feed: str, name: str, lines: Iterable[bytes]) -> None:
        """Layout ``batch``; ``name`` is ``date/hour/digest``."""
        self.put(f"{feed}/{name}.ndjson.gz", gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "objects")


Configure = Callable[..., InsightSettings]


@pytest.fixture
def configure(tmp_path: Path, store: Store) -> Configure:
    """Settings over the store, with a warehouse of the given name."""

    def settings(name: str = "insight", **more: Any) -> InsightSettings:
        given = {
            "INSIGHT_OBJECTS": store.url,
            "INSIGHT_WAREHOUSE": f"duckdb:///{tmp_path}/{name}.duckdb",
            "INSIGHT_HASH_KEY": KEY,
            **{f"INSIGHT_{key.upper()}": str(value) for key, value in more.items()},
        }
        return InsightSettings.from_environ(given)

    return settings
