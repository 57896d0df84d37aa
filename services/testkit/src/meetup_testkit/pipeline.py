"""The pipeline as processes of its own between a simulator and two stores, for tests that compare the two ends."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from meetupkit.archive import read_feed
from meetupkit.feeds import FEEDS
from meetupkit.stores import open_documents, open_objects

from meetup_testkit.child_process import WAIT_SECONDS
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_process import SimulatorProcess

KINDS: Final = ("members", "groups")
_NAMES_AT_ONCE: Final = 300
_POLL_SECONDS: Final = 0.3
"""Each look reads all that is stored, so there are few."""


@dataclass(frozen=True)
class Stores:
    """Where objects and documents are kept, and the variables a service needs to get there."""

    objects: str
    documents: str
    environ: Mapping[str, str] = field(default_factory=dict)


class Pipeline:
    """Streams and an enricher on one simulator. Everything it started is gone when it is left."""

    def __init__(self, folder: Path, stores: Stores, meetup: SimulatorProcess) -> None:
        self._folder = folder
        self._stores = stores
        self._meetup = meetup
        self._running = ExitStack()
        self._started = 0

    def enricher(self, *, port: int = 0, command: Sequence[str] | None = None, **settings: str) -> ServiceProcess:
        """Start ``meetup-enricher``; a fixed port lets a second one take the place of the first."""
        environ = {
            "ENRICHER_API_URL": self._meetup.base_url,
            "ENRICHER_API_KEY": self._meetup.api_key,
            "ENRICHER_DOCUMENTS": self._stores.documents,
            "ENRICHER_PORT": str(port),
            "ENRICHER_LINGER_SECONDS": "0.2",
            **settings,
        }
        return self._start("meetup_enricher", environ, command)

    def stream(
        self, feed: str, *, url: str = "", enricher: str = "", command: Sequence[str] | None = None, **settings: str
    ) -> ServiceProcess:
        """Start ``meetup-stream``; ``enricher`` is the address of one, or nothing."""
        environ = {
            "STREAM_FEED": feed,
            "STREAM_URL": url or self._meetup.stream_url(feed),
            "STREAM_OBJECTS": self._stores.objects,
            "STREAM_ENRICHER_URL": enricher,
            "STREAM_PORT": "0",
            **settings,
        }
        return self._start("meetup_stream", environ, command)

    def stored(self, feed: str) -> list[bytes]:
        """Every record that is stored, sorted; one that is stored twice is in it twice."""
        store = open_objects(self._stores.objects)
        try:
            return sorted(read_feed(store, feed))
        finally:
            store.close()

    def ends(self, kind: str, ids: Iterable[int]) -> dict[int, str]:
        """What became of each id: ``document``, ``missing``, ``queued`` or ``lost``."""
        names = {f"m{number}": number for number in ids}
        ends = dict.fromkeys(names.values(), "lost")
        store = open_documents(self._stores.documents)
        try:
            for collection, end in ((f"{kind}_queue", "queued"), (f"{kind}_missing", "missing"), (kind, "document")):
                for some in _portions(list(names)):
                    for name in store.get(collection, some, only=["id"]):
                        ends[names[name]] = end
        finally:
            store.close()
        return ends

    def _start(self, module: str, environ: Mapping[str, str], command: Sequence[str] | None) -> ServiceProcess:
        self._started += 1
        log = self._folder / f"{self._started}-{module}.log"
        process = ServiceProcess(module, {**self._stores.environ, **environ}, log, command=command)
        return self._running.enter_context(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()


def ids_in(feed: str, lines: Iterable[bytes]) -> dict[str, set[int]]:
    """The member and group ids that records name, read without the code under test."""
    row = FEEDS[feed]
    found: dict[str, set[int]] = {kind: set() for kind in KINDS}
    for line in lines:
        record = json.loads(line)
        for kind, paths in (("members", row.member_paths), ("groups", row.group_paths)):
            found[kind] |= {value for path in paths if (value := _at(record, path)) and value > 0}
    return found


def assert_conserved(pipeline: Pipeline, meetup: SimulatorProcess, feeds: Sequence[str], *, profiles: bool) -> None:
    """What each feed has published is stored, once, and nothing else; every id has come to an end, and no other has."""
    named: dict[str, set[int]] = {kind: set() for kind in KINDS}
    for feed in feeds:
        published = sorted(set(meetup.published(feed)))
        stored = pipeline.stored(feed)
        assert len(stored) == len(set(stored)), f"{len(stored) - len(set(stored))} records of {feed} are stored twice"
        assert stored == published, f"{feed}: {len(published)} published, {len(stored)} stored"
        for kind, ids in ids_in(feed, published).items():
            named[kind] |= ids
    if profiles:
        for kind, ids in named.items():
            ends = pipeline.ends(kind, ids)
            astray = {number: end for number, end in ends.items() if end not in ("document", "missing")}
            assert not astray, f"{kind}: {astray}"
            invented = set(meetup.asked(kind)) - ids
            assert not invented, f"{kind} that no record names were asked for: {invented}"


def wait_until_stored(
    pipeline: Pipeline, meetup: SimulatorProcess, feed: str, records: int, seconds: float = WAIT_SECONDS
) -> None:
    """Return when the feed has published so many records and each is stored."""
    until(lambda: len(meetup.published(feed)) >= records, f"{records} records of {feed} published", seconds)
    wanted = len(set(meetup.published(feed)))
    until(
        lambda: len(pipeline.stored(feed)) >= wanted, f"{wanted} records of {feed} stored", seconds, poll=_POLL_SECONDS
    )


def wait_until_enriched(
    pipeline: Pipeline, meetup: SimulatorProcess, feeds: Sequence[str], seconds: float = WAIT_SECONDS
) -> None:
    """Return when every id that the feeds' records name has come to an end."""

    def all_ended() -> bool:
        return all(
            end in ("document", "missing")
            for feed in feeds
            for kind, ids in ids_in(feed, meetup.published(feed)).items()
            for end in pipeline.ends(kind, ids).values()
        )

    until(all_ended, f"the profiles of {', '.join(feeds)}", seconds, poll=_POLL_SECONDS)


def _at(record: Any, path: Sequence[str]) -> Any:
    for key in path:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def _portions(names: list[str]) -> Iterable[list[str]]:
    return (names[start : start + _NAMES_AT_ONCE] for start in range(0, len(names), _NAMES_AT_ONCE))
